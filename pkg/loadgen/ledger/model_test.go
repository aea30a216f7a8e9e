package ledger

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// model is a ledger that keeps every event and counts in the simplest way.
type model struct {
	publishers [][]modelPublish
	subs       []*modelSub
}

type modelPublish struct{ sent, acked Micros } // acked is -1 for never

type modelSub struct {
	from, to, cut Micros
	edge          Micros
	away          []stretch
	self          int
	arrivals      [][]modelArrival // by publisher, in order of arrival
}

type modelArrival struct {
	seq  uint32
	late bool
}

func (m *model) counts(sub, pub int, reliable, across, nothing bool) Counts {
	s := m.subs[sub]
	var c Counts
	seen, late := map[uint32]bool{}, map[uint32]bool{}
	top := int64(-1)
	for _, a := range s.arrivals[pub] {
		switch {
		case seen[a.seq]:
			c.Duplicated++
			continue
		case int64(a.seq) < top:
			c.OutOfOrder++
		}
		seen[a.seq] = true
		late[a.seq] = a.late
		top = max(top, int64(a.seq))
		if nothing || int(a.seq) >= len(m.publishers[pub]) {
			c.Unexpected++
		}
	}
	if nothing {
		c.OutOfOrder = 0
	}
	for seq, p := range m.publishers[pub] {
		state := s.due(p, reliable || nothing, across || nothing)
		switch {
		case nothing:
			if (state == due || state == tail) && p.acked >= 0 {
				c.Forbidden++
			}
		case state == tail && p.acked >= 0 && seen[uint32(seq)]:
			c.Expected++
			c.Delivered++
			if late[uint32(seq)] {
				c.Late++
			}
		case state == unsure, state == tail, state == due && p.acked < 0:
			c.Indeterminate++
		case state == due:
			c.Expected++
			if !seen[uint32(seq)] {
				c.Lost++
				continue
			}
			c.Delivered++
			if late[uint32(seq)] {
				c.Late++
			}
		}
	}
	return c
}

type dueState int

const (
	outside dueState = iota
	unsure
	due
	tail // due if it arrived
)

// due is the definition of the eligible window, for one message.
func (s *modelSub) due(p modelPublish, reliable, across bool) dueState {
	switch {
	case s.from == 0:
		return outside
	case p.sent < s.from:
		if p.acked > s.from {
			return unsure
		}
		return outside
	case p.sent >= s.to:
		return outside
	}
	for _, gap := range s.away {
		if across || gap.from >= s.to {
			break
		}
		edge := s.to != endless && (p.sent >= s.to-s.edge || p.acked > s.to-s.edge)
		switch {
		case p.sent < gap.from && (p.acked > gap.from || edge):
			return unsure
		case p.sent < gap.from:
			return due
		case p.sent < gap.back && gap.back < s.to && p.acked > gap.back:
			return unsure
		case p.sent < gap.back || gap.back >= s.to:
			return outside
		}
	}
	inTail := s.to != endless && (p.sent >= s.to-s.edge || p.acked > s.to-s.edge)
	if s.cut != 0 && s.cut < s.to {
		switch {
		case p.sent < s.cut && (p.acked > s.cut || inTail):
			return unsure
		case p.sent < s.cut:
			return due
		case !reliable:
			return outside
		}
	}
	if inTail {
		return tail
	}
	return due
}

// TestLedgerAgreesWithTheModel plays random histories to both. Acks come in
// order, as they do on one connection, so that the messages that were under way
// at an edge are consecutive.
func TestLedgerAgreesWithTheModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 1))
		pubs, subs := 1+r.IntN(3), 1+r.IntN(3)
		m, book, audience := play(r, pubs, subs)
		for _, rule := range []Rule{{Reliable: true}, {}, {Nothing: true}, {Across: true}, {Across: true, Reliable: true}} {
			rule.End = pubs
			runs := map[string]int64{}
			audience.Account(rule, Visitor{
				Pair: func(sub, pub int, got Counts) {
					want := m.counts(sub, pub, rule.Reliable, rule.Across, rule.Nothing)
					if got.Unaccepted > got.Indeterminate {
						t.Fatalf("seed %d: %d not accepted of %d indeterminate", seed, got.Unaccepted, got.Indeterminate)
					}
					got.Unaccepted = 0
					if diff := cmp.Diff(want, got); diff != "" {
						t.Fatalf("seed %d, rule %+v, sub %d %+v, pub %d %v:\n(-model +ledger)\n%s",
							seed, rule, sub, *m.subs[sub], pub, m.publishers[pub], diff)
					}
					key := fmt.Sprint(sub, pub)
					if sum := runs[key]; sum != got.Lost && !rule.Nothing || sum != got.Unexpected && rule.Nothing {
						t.Fatalf("seed %d: runs add up to %d, want %d lost or %d leaked", seed, sum, got.Lost, got.Unexpected)
					}
				},
				Run: func(sub, pub int, x Run) {
					if x.Count < 1 || x.First > x.Last || x.End < x.Start {
						t.Fatalf("seed %d: run %+v", seed, x)
					}
					runs[fmt.Sprint(sub, pub)] += x.Count
				},
			})
		}
		for p := range pubs {
			if sent, _ := book.Published(p); sent != int64(len(m.publishers[p])) {
				t.Fatalf("seed %d: published %d, want %d", seed, sent, len(m.publishers[p]))
			}
		}
	}
}

func play(r *rand.Rand, pubs, subs int) (*model, *Book, *Audience) {
	m := &model{publishers: make([][]modelPublish, pubs)}
	b := New(7, pubs)
	var sources []Source
	for p := range pubs {
		sources = append(sources, Source{Publisher: p, Within: 50_000})
	}
	a := b.Audience(subs, sources, false)
	clock := Micros(1000)
	step := func() Micros { clock += Micros(r.IntN(20)); return clock }
	for range subs {
		s := &modelSub{to: endless, self: -1, arrivals: make([][]modelArrival, pubs)}
		m.subs = append(m.subs, s)
	}
	acked := make([]int, pubs) // how many of each publisher are decided
	for range r.IntN(300) {
		p, sub := r.IntN(pubs), r.IntN(subs)
		s := m.subs[sub]
		switch r.IntN(12) {
		case 0:
			if at := step(); s.from == 0 {
				s.from = at
				a.Join(sub, at)
			}
		case 1:
			if r.IntN(10) == 0 {
				at, edge := step(), Micros(r.IntN(60))
				if at < s.to {
					s.to, s.edge = at, edge
				}
				a.Leave(sub, at, edge)
			}
		case 2:
			n := len(s.away)
			gone := n > 0 && s.away[n-1].back == endless
			switch k := r.IntN(10); {
			case k == 0 && s.cut == 0 && !gone:
				s.cut = step()
				a.Cut(sub, s.cut)
			case k < 4 && s.from != 0 && s.cut == 0 && !gone:
				at := step()
				s.away = append(s.away, stretch{at, endless})
				a.Pause(sub, at)
			case k < 8 && gone:
				s.away[n-1].back = step()
				a.Rejoin(sub, s.away[n-1].back)
			}
		case 3, 4, 5:
			m.publishers[p] = append(m.publishers[p], modelPublish{sent: step(), acked: -1})
			b.Publish(p, clock)
		case 6, 7:
			if acked[p] < len(m.publishers[p]) {
				if r.IntN(8) > 0 {
					m.publishers[p][acked[p]].acked = step()
					b.Accept(p, uint32(acked[p]), clock)
				}
				acked[p]++
			}
		default:
			n := len(m.publishers[p])
			seq := uint32(max(n-1-r.IntN(4), 0))
			if r.IntN(200) == 0 {
				seq = uint32(n + r.IntN(3))
			}
			sent := clock
			late := r.IntN(6) == 0
			at := sent
			if late {
				at += 51
			}
			a.Receive(sub, Marker{Run: 7, Publisher: uint32(p), Seq: seq, At: sent}.Append(nil), at)
			s.arrivals[p] = append(s.arrivals[p], modelArrival{seq, late})
		}
	}
	return m, b, a
}
