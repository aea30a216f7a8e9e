package redis

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/redis/rueidis"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster/internal/queue"
)

const (
	// maxAsks bounds the questions that wait at once.
	maxAsks = 4096
	// maxAnswers and maxAnswerBytes bound, for each question, the answers that
	// the one who asks hasn't taken yet. Over them the oldest is dropped, and the
	// question ends as partial.
	maxAnswers     = 1 << 16
	maxAnswerBytes = 128 << 20
)

// errBusy is returned for a question too many.
var errBusy = errors.New("too many questions to other pods wait for answers")

// pending holds the questions of this pod that wait for answers, by their ids. It
// is the same for all adapters and safe for concurrent use.
type pending struct {
	done <-chan struct{} // closed when the backplane is

	mu   sync.Mutex
	asks map[string]*ask
}

func newPending(done <-chan struct{}) *pending {
	return &pending{done: done, asks: make(map[string]*ask)}
}

// open makes a question known, so that its answers are taken until close.
func (p *pending) open(id string, op cluster.Op) (*ask, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.asks) >= maxAsks {
		return nil, errBusy
	}
	a := &ask{
		id: id, op: op, pods: -1,
		answers: queue.New[arrival](maxAnswers, maxAnswerBytes),
		counted: make(chan count, 1),
		done:    p.done,
		failed:  make(chan error, 1),
		from:    make(map[string]bool),
	}
	p.asks[id] = a
	return a, nil
}

func (p *pending) close(a *ask) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.asks, a.id)
}

// fail ends all questions that wait: their answers were lost with a connection.
func (p *pending) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range p.asks {
		select {
		case a.failed <- err:
		default: // it has failed before
		}
	}
}

// op returns the operation of the question with an id, 0 when none waits: the
// answers on a channel are then not worth decoding further.
func (p *pending) op(id string) cluster.Op {
	p.mu.Lock()
	defer p.mu.Unlock()
	if a := p.asks[id]; a != nil {
		return a.op
	}
	return 0
}

// answer hands over an answer of a pod and reports whether somebody waits for it.
// It never blocks. from is the pod's uid, "" when the wire doesn't say: then each
// answer counts as one of another pod.
func (p *pending) answer(id, from string, a *cluster.Answer) bool {
	p.mu.Lock()
	waiting := p.asks[id]
	p.mu.Unlock()
	if waiting == nil {
		return false
	}
	waiting.answers.Push(arrival{from, a}, answerSize(a))
	return true
}

// arrival is one answer on its way to the one who asked.
type arrival struct {
	from   string
	answer *cluster.Answer
}

type count struct {
	pods int
	err  error
}

// ask is one question. All but answers and counted belongs to the goroutine that
// asks.
type ask struct {
	id      string
	op      cluster.Op
	answers *queue.Queue[arrival]
	counted chan count
	done    <-chan struct{}
	failed  chan error

	pods     int // other pods that will answer, -1 while not known
	from     map[string]bool
	answered int // pods that have answered, an OpBroadcastAck with its client count
	clients  int // that will acknowledge
	acks     int
}

// expect says how many other pods there are to answer, or why that can't be
// known. It is called once.
func (a *ask) expect(pods int, err error) { a.counted <- count{max(pods, 0), err} }

// wait calls each with the answers as they come, until all pods have answered in
// full, ctx ends or the backplane closes.
func (a *ask) wait(ctx context.Context, each func(*cluster.Answer)) error {
	var batch []arrival
	for !a.complete() {
		select {
		case <-ctx.Done():
			return a.partial()
		case <-a.done:
			return cluster.ErrClosed
		case err := <-a.failed:
			return err
		case c := <-a.counted:
			if c.err != nil {
				return uncounted(c.err)
			}
			a.pods = c.pods
		case <-a.answers.Ready():
			batch = a.answers.Drain(batch[:0], 64, maxAnswerBytes)
			for _, r := range batch {
				a.note(r)
				each(r.answer)
			}
			clear(batch)
		}
	}
	return nil
}

// uncounted is why a question ends whose pods could not be counted. A connection
// that breaks ends questions by itself, but the count may be the first to notice.
func uncounted(err error) error {
	if _, told := rueidis.IsRedisErr(err); told || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("count the pods: %s", reason(err))
	}
	return fmt.Errorf("%w (%s)", errAway, reason(err))
}

func (a *ask) note(r arrival) {
	if a.op == cluster.OpBroadcastAck && r.answer.Args != nil {
		a.acks++
		return
	}
	if r.from != "" {
		if a.from[r.from] {
			return
		}
		a.from[r.from] = true
	}
	a.answered++
	a.clients += r.answer.Clients
}

func (a *ask) complete() bool {
	return a.pods >= 0 && a.answered >= a.pods && a.acks >= a.clients
}

func (a *ask) partial() error {
	switch {
	case a.pods < 0:
		return fmt.Errorf("%w: %d have", cluster.ErrPartial, a.answered)
	case a.answered < a.pods:
		return fmt.Errorf("%w: %d of %d have", cluster.ErrPartial, a.answered, a.pods)
	}
	return fmt.Errorf("%w: %d of %d clients of other pods have acknowledged", cluster.ErrPartial, a.acks, a.clients)
}

func answerSize(a *cluster.Answer) int {
	n := 128 + len(a.Args)
	for _, b := range a.Attachments {
		n += len(b)
	}
	for _, r := range a.Rooms {
		n += 16 + len(r)
	}
	for i := range a.Sockets {
		s := &a.Sockets[i]
		n += 128 + len(s.ID) + len(s.Handshake) + len(s.Data)
		for _, r := range s.Rooms {
			n += 16 + len(r)
		}
	}
	return n
}
