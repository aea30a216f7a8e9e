package ledger

import "math"

// Rule says how the deliveries of some of an audience's sources are judged.
type Rule struct {
	// First and End are the range of sources, as given to Book.Audience.
	First, End int
	// Reliable keeps expecting deliveries after a connection that was lost for
	// good.
	Reliable bool
	// Across expects what was published while a subscriber was away and came
	// back, as of a server that resumes.
	Across bool
	// Nothing makes every arrival a leak.
	Nothing bool
	// From and To restrict the account to messages that were sent in
	// [From, To), both 0 for all of them. What has no such time (surplus
	// arrivals, disorder, and what was sent as a subscriber came or went) is
	// then left out.
	From, To Micros
}

// bounds is the range of sequence numbers that the rule speaks of.
func (r *Rule) bounds(h *history) (span, bool) {
	if r.From == 0 && r.To == 0 {
		return span{0, uint32(len(h.sent))}, true
	}
	return span{h.sentFrom(r.From), h.sentFrom(r.To)}, false
}

// clip is the part of s within bounds, empty if there is none.
func (s span) clip(bounds span) span {
	s.lo, s.hi = max(s.lo, bounds.lo), min(s.hi, bounds.hi)
	s.hi = max(s.lo, s.hi)
	return s
}

// Counts are the outcomes of one pair. Delivered and Lost add up to Expected;
// the late ones are among the delivered, as are those out of order.
type Counts struct {
	Expected, Delivered, Late, Lost    int64
	Duplicated, OutOfOrder, Unexpected int64
	Indeterminate, Forbidden/* with Nothing: accepted publishes that must not arrive */ int64
}

// Run is a run of consecutive messages of a pair that were lost or leaked.
type Run struct {
	First, Last uint32
	Count       int64 // of the accepted (lost) or arrived (leaked) ones
	Start, End  Micros
}

// Visitor receives an account, pair by pair. Run may be nil.
type Visitor struct {
	Pair func(sub, pub int, c Counts)
	Run  func(sub, pub int, r Run)
}

// Account judges the pairs of a rule at this moment. It may be called while
// messages still arrive; it then sees each subscriber at one instant.
func (a *Audience) Account(r Rule, v Visitor) {
	logs := make([]history, r.End-r.First)
	for i := range logs {
		logs[i] = a.book.publishers[a.sources[r.First+i].Publisher].freeze()
	}
	due := make([]span, 0, 4)
	for sub := range a.subs {
		due = a.accountOne(sub, r, logs, v, due)
	}
}

func (a *Audience) accountOne(sub int, r Rule, logs []history, v Visitor, due []span) []span {
	s := &a.subs[sub]
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range logs {
		slot := r.First + i
		pub := a.sources[slot].Publisher
		if int32(pub) == s.self {
			continue
		}
		p := &a.pairs[sub*len(a.sources)+slot]
		run := func(x Run) {
			if v.Run != nil {
				v.Run(sub, pub, x)
			}
		}
		if r.Nothing {
			due, _ = s.window(due, &logs[i], Rule{Reliable: true, Across: true})
			v.Pair(sub, pub, leaks(p, due, &logs[i], &r, run))
			continue
		}
		var unsure int64
		due, unsure = s.window(due, &logs[i], r)
		v.Pair(sub, pub, deliveries(p, due, unsure, &logs[i], &r, run))
	}
	return due
}

// deliveries counts the outcomes of a pair from which everything is expected.
func deliveries(p *pair, due []span, unsure int64, h *history, r *Rule, run func(Run)) Counts {
	var c Counts
	bounds, whole := r.bounds(h)
	if whole {
		c = Counts{Duplicated: int64(p.dup), OutOfOrder: int64(p.misorder), Indeterminate: unsure}
		n := uint32(len(h.sent))
		p.arrived(func(lo, hi uint32) {
			if hi > n { // sent by no one, though the check sum is right
				c.Unexpected += int64(hi - max(lo, n))
			}
		})
	}
	for _, w := range due {
		if w = w.clip(bounds); w.lo >= w.hi {
			continue
		}
		accepted := h.accepted(w.lo, w.hi)
		c.Expected += accepted
		c.Indeterminate += int64(w.hi-w.lo) - accepted
		p.missing(w.lo, w.hi, func(lo, hi uint32) {
			if lost := h.accepted(lo, hi); lost > 0 {
				c.Lost += lost
				run(h.run(lo, hi, lost))
			}
		})
		if p.more != nil {
			for _, l := range p.more.late {
				if lo, hi := max(l.lo, w.lo), min(l.hi, w.hi); lo < hi {
					c.Late += h.accepted(lo, hi)
				}
			}
		}
	}
	c.Delivered = c.Expected - c.Lost
	return c
}

// leaks counts the outcomes of a pair from which nothing may arrive.
func leaks(p *pair, due []span, h *history, r *Rule, run func(Run)) Counts {
	var c Counts
	bounds, whole := r.bounds(h)
	if whole {
		c.Duplicated = int64(p.dup)
		bounds.hi = math.MaxUint32
	}
	for _, w := range due {
		if w = w.clip(bounds); w.lo < w.hi {
			c.Forbidden += h.accepted(w.lo, w.hi)
		}
	}
	n := uint32(len(h.sent))
	p.arrived(func(lo, hi uint32) {
		if lo, hi = max(lo, bounds.lo), min(hi, bounds.hi); lo >= hi {
			return
		}
		c.Unexpected += int64(hi - lo)
		x := Run{First: lo, Last: hi - 1, Count: int64(hi - lo)}
		if lo < n {
			x.Start, x.End = h.sent[lo], h.sent[min(hi, n)-1]
		}
		run(x)
	})
	return c
}

// run describes the accepted messages of [lo, hi), of which there is one.
func (h *history) run(lo, hi uint32, count int64) Run {
	for h.acked[lo] == 0 {
		lo++
	}
	for h.acked[hi-1] == 0 {
		hi--
	}
	return Run{First: lo, Last: hi - 1, Count: count, Start: h.sent[lo], End: h.sent[hi-1]}
}

// Damage returns how many corrupt markers and how many markers of other runs
// a subscriber received.
func (a *Audience) Damage(sub int) (corrupt, foreign int64) {
	s := &a.subs[sub]
	s.mu.Lock()
	defer s.mu.Unlock()
	return int64(s.corrupt), int64(s.foreign)
}
