package ledger

// stretch is a time in which a subscriber was away, between a connection that
// was lost and the one that replaced it. back is endless until it is there.
type stretch struct{ from, back Micros }

// Pause says that the subscriber's connection was lost and that it tries to come
// back. What is published until Rejoin is due only where a rule looks across
// reconnects. What was under way when the connection ended is unsure; the caller
// says by at how far back that reaches.
func (a *Audience) Pause(sub int, at Micros) {
	s := &a.subs[sub]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.from == 0 || s.paused() {
		return
	}
	if s.away == nil {
		s.away = new([]stretch)
	}
	from := max(at, s.from)
	if n := len(*s.away); n > 0 { // back for a moment only
		from = max(from, (*s.away)[n-1].back)
	}
	*s.away = append(*s.away, stretch{from, endless})
}

// Rejoin says that the subscriber is in again after a Pause.
func (a *Audience) Rejoin(sub int, at Micros) {
	s := &a.subs[sub]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.paused() {
		last := &(*s.away)[len(*s.away)-1]
		last.back = max(at, last.from)
	}
}

func (s *subscriber) paused() bool {
	return s.away != nil && (*s.away)[len(*s.away)-1].back == endless
}

// window returns the sequence numbers that the subscriber was there for, in
// order; in tail those that may have been under way when it left; and how many
// are unsure because it joined or was cut off while they were under way. A
// message belongs to the window if it was sent after the subscriber had joined
// and was accepted before it left. After a cut, what is sent later is due only if
// the rule is reliable; what is sent while the subscriber was away, only if the
// rule looks across.
//
//	from ─── due ───┐ away ┌─── due ───┐ cut ┌─ due if reliable ─ to
func (s *subscriber) window(buf []span, h *history, r Rule) (due []span, tail span, unsure int64) {
	due = buf[:0] // there are many pairs, and most have one span
	if s.from == 0 {
		return due, tail, 0
	}
	begin, n := h.sentFrom(s.from), uint32(len(h.sent))
	unsure = h.straddling(begin, 0, s.from)
	end, gone := n, n // of the window: what is due, and what is unsure
	if s.to != endless {
		gone = max(h.sentFrom(s.to), begin)
		end = max(h.doneBy(s.to-s.edge), begin)
	}
	at := begin
	leave := func(t Micros) { // the window closes at t
		stop := max(min(h.doneBy(t), end), at)
		if at < stop {
			due = append(due, span{at, stop})
		}
		until := min(max(h.sentFrom(t), stop), gone)
		unsure += int64(until - stop)
		at = until
	}
	enter := func(t Micros) { // and opens again
		next := min(max(h.sentFrom(t), at), gone)
		unsure += h.straddling(next, at, t)
		at = next
	}
	if s.away != nil && !r.Across {
		for _, x := range *s.away {
			if x.from >= s.to {
				break
			}
			leave(x.from)
			if x.back >= s.to {
				return due, tail, unsure
			}
			enter(x.back)
		}
	}
	if s.cut != 0 && s.cut < s.to {
		leave(s.cut)
		if !r.Reliable {
			return due, tail, unsure
		}
	}
	if at < end {
		due = append(due, span{at, end})
	}
	return due, span{max(end, at), gone}, unsure
}

// absence is what was sent while the subscriber had no connection.
func (s *subscriber) absence(h *history) spans {
	var out spans
	if s.away != nil {
		for _, x := range *s.away {
			out = out.cover(h.sentFrom(x.from), h.sentFrom(x.back))
		}
	}
	if s.cut != 0 {
		out = out.cover(h.sentFrom(s.cut), uint32(len(h.sent)))
	}
	return out
}

// straddling counts the messages from least on that were sent before the
// sequence number lo and accepted after t.
func (h *history) straddling(lo, least uint32, t Micros) (n int64) {
	for i := int(lo) - 1; i >= int(least) && h.sent[i] >= t-h.slowest; i-- {
		if a := h.acked[i]; a != 0 && h.sent[i]+int64(a-1) > t {
			n++
		}
	}
	return n
}

// Resumed counts what became of the messages of a pair that were published
// while the subscriber was away and came back.
type Resumed struct {
	Sent    int64 // accepted publishes
	Missing int64 // of those, never received
}

// Resumed calls f for each pair of a rule with what was published while the
// subscriber was away. A subscriber that never came back is not in it.
func (a *Audience) Resumed(r Rule, f func(sub, pub int, x Resumed)) {
	logs := make([]history, r.End-r.First)
	for i := range logs {
		logs[i] = a.book.publishers[a.sources[r.First+i].Publisher].freeze()
	}
	for sub := range a.subs {
		a.resumedOne(sub, r, logs, f)
	}
}

func (a *Audience) resumedOne(sub int, r Rule, logs []history, f func(sub, pub int, x Resumed)) {
	s := &a.subs[sub]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away == nil {
		return
	}
	for i := range logs {
		slot := r.First + i
		pub := a.sources[slot].Publisher
		if int32(pub) == s.self {
			continue
		}
		h, p := &logs[i], &a.pairs[sub*len(a.sources)+slot]
		var x Resumed
		for _, gap := range *s.away {
			if gap.back == endless {
				continue
			}
			lo, hi := h.sentFrom(gap.from), h.sentFrom(min(gap.back, s.to))
			if lo >= hi {
				continue
			}
			x.Sent += h.accepted(lo, hi)
			p.missing(lo, hi, func(lo, hi uint32) { x.Missing += h.accepted(lo, hi) })
		}
		f(sub, pub, x)
	}
}
