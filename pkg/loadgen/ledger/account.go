package ledger

// Rule says how the deliveries of some of an audience's sources are judged.
type Rule struct {
	// First and End are the range of sources, as given to Book.Audience.
	First, End int
	// Reliable keeps expecting deliveries after a lost connection.
	Reliable bool
	// Nothing makes every arrival a leak.
	Nothing bool
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
	for sub := range a.subs {
		a.accountOne(sub, r, logs, v)
	}
}

func (a *Audience) accountOne(sub int, r Rule, logs []history, v Visitor) {
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
			v.Pair(sub, pub, leaks(p, s, &logs[i], run))
		} else {
			v.Pair(sub, pub, deliveries(p, s, &logs[i], r.Reliable, run))
		}
	}
}

// deliveries counts the outcomes of a pair from which everything is expected.
func deliveries(p *pair, s *subscriber, h *history, reliable bool, run func(Run)) Counts {
	c := Counts{Duplicated: int64(p.dup), OutOfOrder: int64(p.misorder)}
	n := uint32(len(h.sent))
	p.arrived(func(lo, hi uint32) {
		if hi > n { // sent by no one, though the check sum is right
			c.Unexpected += int64(hi - max(lo, n))
		}
	})
	due, unsure := s.window(h, reliable)
	c.Indeterminate = unsure
	for _, w := range due {
		if w.lo >= w.hi {
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
func leaks(p *pair, s *subscriber, h *history, run func(Run)) Counts {
	c := Counts{Duplicated: int64(p.dup)}
	due, _ := s.window(h, true)
	for _, w := range due {
		if w.lo < w.hi {
			c.Forbidden += h.accepted(w.lo, w.hi)
		}
	}
	n := uint32(len(h.sent))
	p.arrived(func(lo, hi uint32) {
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

// window returns the sequence numbers that the subscriber was there for, and
// how many are unsure because it joined, left or was cut off while they were
// under way. A message belongs to the window if it was sent after the
// subscriber had joined and was accepted before it left. After a cut, what is
// sent later is due only if reliable.
func (s *subscriber) window(h *history, reliable bool) (due [2]span, unsure int64) {
	if s.from == 0 {
		return due, 0
	}
	lo := h.sentFrom(s.from)
	for i := int(lo) - 1; i >= 0 && h.sent[i] >= s.from-h.slowest; i-- {
		if a := h.acked[i]; a != 0 && h.sent[i]+int64(a-1) > s.from {
			unsure++
		}
	}
	hi, gone := uint32(len(h.sent)), uint32(len(h.sent))
	if s.to != endless {
		gone = max(h.sentFrom(s.to), lo)
		hi = max(h.doneBy(s.to), lo)
	}
	if s.cut == 0 || s.cut >= s.to {
		return [2]span{{lo, hi}}, unsure + int64(gone-hi)
	}
	before := min(max(h.doneBy(s.cut), lo), hi)
	if !reliable { // what is sent after the cut is not expected
		return [2]span{{lo, before}}, unsure + int64(max(h.sentFrom(s.cut), before)-before)
	}
	after := min(max(h.sentFrom(s.cut), before), hi)
	return [2]span{{lo, before}, {after, hi}}, unsure + int64(after-before) + int64(gone-hi)
}

// Damage returns how many corrupt markers and how many markers of other runs
// a subscriber received.
func (a *Audience) Damage(sub int) (corrupt, foreign int64) {
	s := &a.subs[sub]
	s.mu.Lock()
	defer s.mu.Unlock()
	return int64(s.corrupt), int64(s.foreign)
}
