package server

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
)

// AckError says that clients have not acknowledged a broadcast.
type AckError struct {
	Answered int
	// Asked counts the clients that were asked: those of pods that didn't tell
	// are not among them.
	Asked int
	// Err is why: ErrAckTimeout, ErrClosed when the clients have gone, an error
	// of the backplane such as cluster.ErrPartial, the context's.
	Err error
}

func (e *AckError) Error() string {
	return fmt.Sprintf("%d of %d clients acknowledged: %v", e.Answered, e.Asked, e.Err)
}

// Unwrap returns Err.
func (e *AckError) Unwrap() error { return e.Err }

// EmitAck sends an event to the connections that the emitter chooses, on all pods,
// and collects the first argument of each client's acknowledgement. It waits until
// all have acknowledged or gone, for Timeout or, without one, for
// Options.AckTimeout or until ctx ends, if that has a deadline. When some are
// missing it returns what there is, with an *AckError.
//
// Clients whose protocol has no acknowledgements get the event and are not waited
// for. Volatile is ignored: who wants an answer wants the event to arrive. The
// event is kept for nobody who comes back later.
//
// A handler of a client's event that waits keeps that client's acknowledgement
// from being read: use EmitAckFunc there.
func (e *Emitter) EmitAck(ctx context.Context, event string, args ...any) ([]Reply, error) {
	type result struct {
		replies []Reply
		err     error
	}
	ch := make(chan result, 1)
	err := e.emitAck(ctx, event, args, func(r []Reply, err error) { ch <- result{r, err} })
	if err != nil {
		return nil, err
	}
	r := <-ch
	return r.replies, r.err
}

// EmitAckFunc is EmitAck that doesn't wait: it calls done with the outcome, once,
// on a goroutine of its own, unless it fails itself.
func (e *Emitter) EmitAckFunc(done func([]Reply, error), event string, args ...any) error {
	n := e.ns
	return e.emitAck(context.Background(), event, args, func(replies []Reply, err error) {
		n.srv.group.Go(func() { n.runAck(done, replies, err) })
	})
}

func (n *Namespace) runAck(done func([]Reply, error), replies []Reply, err error) {
	var panicked error
	defer n.survive("acknowledgement", &panicked)
	done(replies, err)
}

func (e *Emitter) emitAck(ctx context.Context, event string, args []any, done func([]Reply, error)) error {
	n := e.ns
	s := n.srv
	if n.match != nil {
		return fmt.Errorf("emit %q: %w", event, ErrFamily)
	}
	raw, attachments, err := encodeArgs(args)
	if err != nil {
		return fmt.Errorf("emit %q: %w", event, err)
	}
	b, err := e.broadcast(event, raw, attachments)
	if err != nil {
		return err
	}
	b.Volatile = false
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("emit %q: %w", event, err)
	}
	if !s.hold() {
		return fmt.Errorf("emit %q: %w", event, ErrClosed)
	}
	defer s.group.Done()
	s.count.broadcasts.Add(1)

	timeout := e.ackTimeout(ctx)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	t := &ackTally{parts: 2}
	g := &ackGroup{begin: t.expect, each: t.add, done: t.part}
	s.beginAck(g, timeout)
	stop := context.AfterFunc(ctx, func() { g.expire(ackReason(ctx.Err())) })
	t.done = func(replies []Reply, err error) {
		stop()
		cancel()
		done(replies, err)
	}
	n.ask(b, g)
	if !e.crossesPods() {
		t.part(nil)
		return nil
	}
	q := &cluster.Query{
		Op: cluster.OpBroadcastAck, Namespace: n.name, Rooms: e.rooms, Except: e.except,
		Args: b.Args, Attachments: attachments, NoCompress: e.verbatim, Timeout: timeout,
	}
	s.group.Go(func() {
		defer context.AfterFunc(s.life, cancel)()
		t.part(s.askPods(ctx, q, t.answer))
	})
	return nil
}

// ackTimeout is how long the clients have.
func (e *Emitter) ackTimeout(ctx context.Context) time.Duration {
	timeout := e.timeout
	deadline, has := ctx.Deadline()
	switch {
	case timeout == 0 && has:
		return time.Until(deadline)
	case timeout == 0:
		return e.ns.srv.opts.AckTimeout
	case has:
		return min(timeout, time.Until(deadline))
	}
	return timeout
}

// ackReason is what the end of a context means.
func ackReason(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return ErrAckTimeout
	}
	return err
}

// ackTally puts the acknowledgements of the clients here and elsewhere together.
type ackTally struct {
	done func([]Reply, error) // once, after both parts

	mu      sync.Mutex // a leaf
	replies []Reply
	asked   int
	parts   int // that have not ended: this pod, and the others
	why     error
}

func (t *ackTally) expect(clients int) {
	t.mu.Lock()
	t.asked += clients
	t.mu.Unlock()
}

func (t *ackTally) add(r Reply) {
	t.mu.Lock()
	t.replies = append(t.replies, r)
	t.mu.Unlock()
}

// answer takes what another pod says.
func (t *ackTally) answer(a *cluster.Answer) {
	if a.Args == nil {
		t.expect(max(a.Clients, 0))
		return
	}
	t.add(Reply{Args: a.Args, Attachments: a.Attachments})
}

// part notes the end of one part.
func (t *ackTally) part(err error) {
	t.mu.Lock()
	t.parts--
	switch {
	case t.why == nil:
		t.why = err
	case err != nil:
		t.why = fmt.Errorf("%w; %w", t.why, err)
	}
	last, replies, asked, why := t.parts == 0, t.replies, t.asked, t.why
	t.mu.Unlock()
	if !last {
		return
	}
	if why != nil {
		why = &AckError{Answered: len(replies), Asked: asked, Err: why}
	}
	t.done(replies, why)
}
