package ledger

// pair is what one subscriber has received from one publisher. Received are
// all sequence numbers in [base, next) that are in no gap.
type pair struct {
	base, next uint32
	dup        uint32 // surplus arrivals
	misorder   uint32 // arrivals after a later one
	more       *exceptions
}

// exceptions is what a pair needs beyond the in-order case.
type exceptions struct {
	gaps    spans // missing between base and next
	late    spans // arrived, but over the bound
	after   spans // arrived when the settle time was over
	corrupt uint32
}

// Arrival says what the arrival of a marker was.
type Arrival uint8

// Arrivals.
const (
	Fresh     Arrival = iota // the first of its number, after all the earlier ones that came
	Gap                      // the same, but numbers before it are missing so far
	Misorder                 // the first of its number, after a later one
	Duplicate                // seen before
	Foreign                  // of another run
	Unknown                  // of a publisher that this audience doesn't watch
	Corrupt                  // damaged, so that no one can tell what it was
	Dropped                  // not accounted for, because the book is full
)

// spare tells whether the pair may note one more interval.
func (p *pair) spare(seq uint32, room bool) bool {
	return room || p.next == 0 || seq >= p.base && seq <= p.next
}

// receive notes that seq arrived.
func (p *pair) receive(seq uint32) Arrival {
	switch {
	case p.next == 0: // nothing came before
		p.base, p.next = seq, seq+1
		return Fresh
	case seq == p.next:
		p.next++
		return Fresh
	case seq > p.next:
		e := p.exceptions()
		e.gaps = append(e.gaps, span{p.next, seq})
		p.next = seq + 1
		return Gap
	case seq < p.base:
		e := p.exceptions()
		if e.gaps = append(spans{{seq + 1, p.base}}, e.gaps...); seq+1 == p.base {
			e.gaps = e.gaps[1:]
		}
		p.base = seq
		p.misorder++
		return Misorder
	}
	if p.more != nil {
		var ok bool
		if p.more.gaps, ok = p.more.gaps.remove(seq); ok {
			p.misorder++
			return Misorder
		}
	}
	p.dup++
	return Duplicate
}

// intervals is how many intervals the pair keeps.
func (p *pair) intervals() int {
	if p.more == nil {
		return 0
	}
	return len(p.more.gaps) + len(p.more.late) + len(p.more.after)
}

func (p *pair) exceptions() *exceptions {
	if p.more == nil {
		p.more = &exceptions{}
	}
	return p.more
}

// missing calls f for each interval within [lo, hi) that did not arrive.
func (p *pair) missing(lo, hi uint32, f func(lo, hi uint32)) {
	clip := func(a, b uint32) {
		if a, b = max(a, lo), min(b, hi); a < b {
			f(a, b)
		}
	}
	if p.next == 0 {
		clip(lo, hi)
		return
	}
	clip(lo, p.base)
	if p.more != nil {
		for _, g := range p.more.gaps {
			clip(g.lo, g.hi)
		}
	}
	clip(p.next, hi)
}

// arrived calls f for each interval that did arrive.
func (p *pair) arrived(f func(lo, hi uint32)) {
	at := p.base
	if p.more != nil {
		for _, g := range p.more.gaps {
			if at < g.lo {
				f(at, g.lo)
			}
			at = g.hi
		}
	}
	if at < p.next {
		f(at, p.next)
	}
}
