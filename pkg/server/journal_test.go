package server_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
)

// testJournal is a journal in memory: an order that all its pods read, each in its
// own time, and that can be away.
type testJournal struct {
	mu       sync.Mutex
	entries  []*cluster.Entry // At.Seq is the index + 1
	from     []*journalPod
	away     bool
	slow     time.Duration // between a Record and its place in the order
	sessions map[string]*cluster.Session
	changed  sync.Cond
}

func newTestJournal() *testJournal {
	j := &testJournal{sessions: make(map[string]*cluster.Session)}
	j.changed.L = &j.mu
	return j
}

// setAway takes the journal away, and gives it back.
func (j *testJournal) setAway(away bool) {
	j.mu.Lock()
	j.away = away
	j.changed.Broadcast()
	j.mu.Unlock()
}

// pod is the backplane of one more pod.
func (j *testJournal) pod(t *testing.T) cluster.Backplane {
	p := &journalPod{journal: j, followers: make(map[string]cluster.Follower)}
	t.Cleanup(p.stop)
	return p
}

type journalPod struct {
	journal   *testJournal
	sink      cluster.Sink
	followers map[string]cluster.Follower
	outbox    []*cluster.Entry
	position  int
	refuses   bool // it takes nothing
	ended     bool
	wg        sync.WaitGroup
}

var (
	_ cluster.Backplane = (*journalPod)(nil)
	_ cluster.Journal   = (*journalPod)(nil)
)

func (p *journalPod) Start(_ context.Context, sink cluster.Sink) error {
	p.sink = sink
	j := p.journal
	j.mu.Lock()
	past := j.entries[:len(j.entries):len(j.entries)]
	p.position = len(past)
	j.mu.Unlock()
	for _, f := range p.followers {
		f.Begin(cluster.Offset{}, false)
	}
	for _, e := range past {
		if f := p.followers[e.Broadcast.Namespace]; f != nil {
			f.Recorded(&cluster.Entry{Broadcast: e.Broadcast, At: e.At, Past: true})
		}
	}
	for _, f := range p.followers {
		f.Level(cluster.Offset{Time: 1, Seq: uint64(len(past))})
	}
	p.wg.Go(p.write)
	p.wg.Go(p.read)
	return nil
}

func (p *journalPod) write() {
	j := p.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	for !p.ended {
		if j.away || len(p.outbox) == 0 {
			j.changed.Wait()
			continue
		}
		if j.slow > 0 {
			j.mu.Unlock()
			time.Sleep(rand.N(j.slow))
			j.mu.Lock()
			if j.away {
				continue
			}
		}
		e := p.outbox[0]
		p.outbox = p.outbox[1:]
		e.At = cluster.Offset{Time: 1, Seq: uint64(len(j.entries) + 1)}
		j.entries, j.from = append(j.entries, e), append(j.from, p)
		j.changed.Broadcast()
	}
}

func (p *journalPod) read() {
	j := p.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	for !p.ended {
		if j.away || p.position == len(j.entries) {
			j.changed.Wait()
			continue
		}
		e, own := *j.entries[p.position], j.from[p.position] == p
		j.mu.Unlock()
		if !own {
			e.Mark = nil
		}
		if f := p.followers[e.Broadcast.Namespace]; f == nil {
			if !own {
				p.sink.Deliver(e.Broadcast)
			}
		} else if !own || e.Mark != nil {
			f.Recorded(&e)
		}
		j.mu.Lock()
		p.position++
	}
}

func (p *journalPod) stop() {
	p.journal.mu.Lock()
	p.ended = true
	p.journal.changed.Broadcast()
	p.journal.mu.Unlock()
	p.wg.Wait()
}

func (p *journalPod) AddNamespace(string) error { return nil }
func (p *journalPod) RemoveNamespace(string)    {}

func (p *journalPod) Follow(ns string, _ time.Duration, f cluster.Follower) { p.followers[ns] = f }

func (p *journalPod) Publish(b *cluster.Broadcast) { p.Record(b, nil) }

func (p *journalPod) Record(b *cluster.Broadcast, mark any) bool {
	p.journal.mu.Lock()
	defer p.journal.mu.Unlock()
	if p.refuses {
		return false
	}
	p.outbox = append(p.outbox, &cluster.Entry{Broadcast: b, Mark: mark})
	p.journal.changed.Broadcast()
	return true
}

func (p *journalPod) Level(string) bool {
	p.journal.mu.Lock()
	defer p.journal.mu.Unlock()
	return !p.journal.away
}

func (p *journalPod) Reached(string) cluster.Offset {
	p.journal.mu.Lock()
	defer p.journal.mu.Unlock()
	return cluster.Offset{Time: 1, Seq: uint64(p.position)}
}

func (p *journalPod) SaveSession(s *cluster.Session, first bool, keep time.Duration, taken func()) {
	j := p.journal
	j.mu.Lock()
	old := j.sessions[s.PID]
	theirs := !first && old != nil && old.Owner != s.Owner
	switch {
	case theirs:
	case keep == 0:
		delete(j.sessions, s.PID)
	default:
		j.sessions[s.PID] = s
	}
	j.changed.Broadcast()
	j.mu.Unlock()
	if theirs {
		go taken()
	}
}

func (p *journalPod) TakeSession(ctx context.Context, pid string, mine func(*cluster.Session) bool) (*cluster.Session, error) {
	j := p.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	defer context.AfterFunc(ctx, func() {
		j.mu.Lock()
		j.changed.Broadcast()
		j.mu.Unlock()
	})()
	s := j.sessions[pid]
	for s != nil && s.Owner == "" && ctx.Err() == nil {
		j.changed.Wait()
		s = j.sessions[pid]
	}
	if s == nil || s.Owner == "" || !mine(s) {
		return nil, cluster.ErrNoSession
	}
	j.sessions[pid] = &cluster.Session{} // nobody's until the next one saves it
	return s, nil
}

func (p *journalPod) Send(*cluster.Command) {}

func (p *journalPod) Ask(context.Context, *cluster.Query, func(*cluster.Answer)) error { return nil }

func (p *journalPod) Servers(context.Context, string) (int, error) { return 1, nil }

func (p *journalPod) Status() cluster.Status {
	return cluster.Status{Kind: "redis-streams", Connected: p.Level("")}
}

func (p *journalPod) Close(context.Context) error {
	p.stop()
	return nil
}
