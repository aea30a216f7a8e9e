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
	// arrivals, damage, disorder, and what was sent as a subscriber came or
	// went) is then left out.
	From, To Micros
	// Class is the class of each subscriber, such as the server that it is
	// connected to, from 0. With it losses get a Cause; without, none is sought.
	Class []int
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
// the late ones are among the delivered, as are those out of order and those
// whose payload was damaged.
type Counts struct {
	Expected, Delivered, Late, Lost    int64
	Duplicated, OutOfOrder, Unexpected int64
	Corrupt                            int64
	Indeterminate, Forbidden/* with Nothing: accepted publishes that must not arrive */ int64
	AfterSettle int64 // of the late ones: when the settle time was over
	Unaccepted  int64 // of the indeterminate ones: never accepted, and not arrived
}

// Run is a run of consecutive messages of a pair that were lost or leaked.
type Run struct {
	First, Last uint32
	Count       int64 // of the accepted (lost) or arrived (leaked) ones
	Start, End  Micros
	Cause       Cause // of a loss
}

// Visitor receives an account, pair by pair. Run and Stuck may be nil.
type Visitor struct {
	Pair func(sub, pub int, c Counts)
	Run  func(sub, pub int, r Run)
	// Stuck is called for each subscriber that is still there and to which
	// nothing was delivered that was sent after a moment, though others of its
	// class received missed of it. It needs Rule.Class.
	Stuck func(sub int, since Micros, missed int64)
}

// Account judges the pairs of a rule at this moment. It may be called while
// messages still arrive; it then sees each subscriber at one instant.
func (a *Audience) Account(r Rule, v Visitor) {
	logs := make([]history, r.End-r.First)
	for i := range logs {
		logs[i] = a.book.publishers[a.sources[r.First+i].Publisher].freeze()
	}
	var reached *reach
	if r.Class != nil && !r.Nothing {
		reached = a.reach(&r)
	}
	due := make([]span, 0, 4)
	for sub := range a.subs {
		due = a.accountOne(sub, r, logs, reached, v, due)
		if reached != nil && v.Stuck != nil {
			a.findStuck(sub, r, logs, reached, v.Stuck)
		}
	}
}

func (a *Audience) accountOne(sub int, r Rule, logs []history, reached *reach, v Visitor, due []span) []span {
	s := &a.subs[sub]
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range logs {
		slot := r.First + i
		pub := a.sources[slot].Publisher
		if int32(pub) == s.self {
			continue
		}
		h := &logs[i]
		p := &a.pairs[sub*len(a.sources)+slot]
		run := func(x Run) {
			if v.Run != nil {
				v.Run(sub, pub, x)
			}
		}
		var tail span
		if r.Nothing {
			due, tail, _ = s.window(due, h, Rule{Reliable: true, Across: true})
			due = append(due, tail)
			v.Pair(sub, pub, leaks(p, due, h, &r, run))
			continue
		}
		lost := func(lo, hi uint32) {
			switch {
			case v.Run == nil:
			case reached == nil:
				run(h.run(lo, hi, Unexplained))
			default:
				s.absence(h).split(lo, hi, func(lo, hi uint32, away bool) {
					if !away {
						reached.explain(h, sub, i, lo, hi, run)
					} else if h.accepted(lo, hi) > 0 {
						run(h.run(lo, hi, Away))
					}
				})
			}
		}
		var unsure int64
		due, tail, unsure = s.window(due, h, r)
		v.Pair(sub, pub, deliveries(p, due, tail, unsure, h, &r, lost))
	}
	return due
}

// deliveries counts the outcomes of a pair from which everything in due is
// expected, and in tail what arrived. lost is called for each interval in which
// something was lost.
func deliveries(p *pair, due []span, tail span, unsure int64, h *history, r *Rule, lost func(lo, hi uint32)) Counts {
	var c Counts
	bounds, whole := r.bounds(h)
	if whole {
		c = Counts{Duplicated: int64(p.dup), OutOfOrder: int64(p.misorder), Indeterminate: unsure}
		if p.more != nil {
			c.Corrupt = int64(p.more.corrupt)
		}
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
			n := h.accepted(lo, hi)
			if c.Unaccepted += int64(hi-lo) - n; n > 0 {
				c.Lost += n
				lost(lo, hi)
			}
		})
		c.addLate(p, h, w)
	}
	if tail = tail.clip(bounds); tail.lo < tail.hi {
		var came int64
		p.arrived(func(lo, hi uint32) {
			if lo, hi = max(lo, tail.lo), min(hi, tail.hi); lo < hi {
				came += h.accepted(lo, hi)
			}
		})
		c.Expected += came
		c.Indeterminate += int64(tail.hi-tail.lo) - came
		p.missing(tail.lo, tail.hi, func(lo, hi uint32) { c.Unaccepted += int64(hi-lo) - h.accepted(lo, hi) })
		c.addLate(p, h, tail)
	}
	c.Delivered = c.Expected - c.Lost
	return c
}

// addLate counts what was late of a part of the window.
func (c *Counts) addLate(p *pair, h *history, w span) {
	if p.more == nil {
		return
	}
	count := func(list spans) (n int64) {
		for _, l := range list {
			if lo, hi := max(l.lo, w.lo), min(l.hi, w.hi); lo < hi {
				n += h.accepted(lo, hi)
			}
		}
		return n
	}
	c.Late += count(p.more.late)
	c.AfterSettle += count(p.more.after)
}

// leaks counts the outcomes of a pair from which nothing may arrive.
func leaks(p *pair, due []span, h *history, r *Rule, run func(Run)) Counts {
	var c Counts
	bounds, whole := r.bounds(h)
	if whole {
		c.Duplicated = int64(p.dup)
		if p.more != nil {
			c.Corrupt = int64(p.more.corrupt)
		}
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
func (h *history) run(lo, hi uint32, cause Cause) Run {
	count := h.accepted(lo, hi)
	for h.acked[lo] == 0 {
		lo++
	}
	for h.acked[hi-1] == 0 {
		hi--
	}
	return Run{First: lo, Last: hi - 1, Count: count, Start: h.sent[lo], End: h.sent[hi-1], Cause: cause}
}

// Damage returns how many corrupt markers and how many markers of other runs
// a subscriber received.
func (a *Audience) Damage(sub int) (corrupt, foreign int64) {
	s := &a.subs[sub]
	s.mu.Lock()
	defer s.mu.Unlock()
	return int64(s.corrupt), int64(s.foreign)
}
