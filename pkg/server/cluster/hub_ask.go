package cluster

import (
	"context"
	"sync"
)

// parcel is what waits for one member of a hub: one of its fields.
type parcel struct {
	broadcast *Broadcast
	command   *Command
	query     *Query
	reply     func(*Answer) // of query
}

// deliver hands p to the gateway. It reports whether that wanted it.
func (p *parcel) deliver(sink Sink) bool {
	switch {
	case p.command != nil:
		sink.Execute(p.command)
	case p.query != nil:
		sink.Answer(p.query, p.reply)
	case p.broadcast.wanted(sink):
		sink.Deliver(p.broadcast)
	default:
		return false
	}
	return true
}

func (m *member) Ask(ctx context.Context, q *Query, each func(*Answer)) error {
	m.mu.RLock()
	closed, started := m.closed, m.sink != nil
	m.mu.RUnlock()
	switch {
	case closed:
		return ErrClosed
	case !started:
		return ErrNotStarted
	}
	a := newAsking(q.Op)
	m.hub.mu.RLock()
	var asked []*member
	for _, other := range m.hub.members {
		if other != m && other.takesPart(q.Namespace) {
			asked = append(asked, other)
		}
	}
	a.pods = make([]podAnswers, len(asked)) // before anybody can answer
	for i, other := range asked {
		other.offer(parcel{query: q, reply: func(answer *Answer) { a.take(i, answer) }}, q.Size())
	}
	m.hub.mu.RUnlock()
	m.published.Add(1)
	return a.collect(ctx, m.done, each)
}

func (m *member) Servers(_ context.Context, namespace string) (int, error) {
	m.hub.mu.RLock()
	defer m.hub.mu.RUnlock()
	n := 1
	for _, other := range m.hub.members {
		if other != m && other.takesPart(namespace) {
			n++
		}
	}
	return n, nil
}

// asking is a query whose answers are coming in. What it keeps is bounded: each
// pod has one answer or, where clients acknowledge, as many as it announced.
type asking struct {
	op   Op
	news chan struct{}

	mu      sync.Mutex
	pods    []podAnswers
	arrived []*Answer // not handed over yet
	over    bool
}

// podAnswers is how far one pod is with its answers.
type podAnswers struct {
	begun bool
	left  int // acknowledgements to come
}

func newAsking(op Op) *asking { return &asking{op: op, news: make(chan struct{}, 1)} }

// take takes an answer of a pod. What no pod may say is ignored.
func (a *asking) take(pod int, answer *Answer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := &a.pods[pod]
	switch {
	case a.over:
		return
	case a.op == OpBroadcastAck && answer.Args != nil:
		if p.left == 0 {
			return
		}
		p.left--
	case p.begun:
		return
	default:
		p.begun = true
		if a.op == OpBroadcastAck {
			p.left = max(answer.Clients, 0)
		}
	}
	a.arrived = append(a.arrived, answer)
	select {
	case a.news <- struct{}{}:
	default:
	}
}

// collect hands over the answers until they are complete, ctx ends or the
// backplane does.
func (a *asking) collect(ctx context.Context, closed <-chan struct{}, each func(*Answer)) error {
	for {
		var err error
		if !a.complete() {
			select {
			case <-a.news:
			case <-ctx.Done():
				err = ErrPartial
			case <-closed:
				err = ErrClosed
			}
		}
		a.mu.Lock()
		arrived := a.arrived
		a.arrived = nil
		complete := a.completeLocked()
		a.over = complete || err != nil
		over := a.over
		a.mu.Unlock()
		for _, answer := range arrived {
			each(answer)
		}
		switch {
		case complete:
			return nil
		case over:
			return err
		}
	}
}

func (a *asking) complete() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.completeLocked()
}

// completeLocked reports whether all pods have answered in full. The caller
// holds mu.
func (a *asking) completeLocked() bool {
	for _, p := range a.pods {
		if !p.begun || p.left > 0 {
			return false
		}
	}
	return true
}
