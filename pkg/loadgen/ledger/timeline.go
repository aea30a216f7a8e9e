package ledger

// Axis divides time into N buckets of the same width. What is before the first
// or after the last belongs to none.
type Axis struct {
	Start, Width Micros
	N            int
}

// Bucket counts the deliveries of the messages that were published within a
// stretch of time.
type Bucket struct{ Expected, Lost, Late int64 }

// Timeline counts the deliveries of a rule by the time of publishing, for each
// publisher and each group of subscribers. f must not keep the buckets.
//
// It looks at each pair and each message once: where a subscriber begins and
// ceases to be expected is noted at the sequence number, and one pass over the
// messages adds it up.
func (a *Audience) Timeline(r Rule, x Axis, groups int, groupOf func(sub int) int, f func(pub, group int, b []Bucket)) {
	members := make([][]int, groups)
	for sub := range a.subs {
		g := groupOf(sub)
		members[g] = append(members[g], sub)
	}
	out := make([]Bucket, x.N)
	var due []span
	for slot := r.First; slot < r.End; slot++ {
		pub := a.sources[slot].Publisher
		h := a.book.publishers[pub].freeze()
		n := len(h.sent)
		expected, lost, late := make(steps, n+1), make(steps, n+1), make(steps, n+1)
		for g, subs := range members {
			clear(expected)
			clear(lost)
			clear(late)
			for _, sub := range subs {
				s := &a.subs[sub]
				if int32(pub) == s.self {
					continue
				}
				s.mu.Lock()
				var tail span
				due, tail, _ = s.window(due, &h, r)
				p := &a.pairs[sub*len(a.sources)+slot]
				for _, w := range due {
					expected.add(w.lo, w.hi)
					p.missing(w.lo, w.hi, lost.add)
					p.lateIn(w, late)
				}
				p.arrived(func(lo, hi uint32) { // of the tail, what came
					expected.add(max(lo, tail.lo), min(hi, tail.hi))
				})
				p.lateIn(tail, late)
				s.mu.Unlock()
			}
			clear(out)
			h.spread(out, x, expected, lost, late)
			f(pub, g, out)
		}
	}
}

// steps says by how much something changes at each sequence number.
type steps []int32

func (s steps) add(lo, hi uint32) {
	if lo < hi && int(hi) < len(s) {
		s[lo]++
		s[hi]--
	}
}

// lateIn notes what came late within w.
func (p *pair) lateIn(w span, late steps) {
	if p.more == nil {
		return
	}
	for _, l := range p.more.late {
		l = l.clip(w)
		late.add(l.lo, l.hi)
	}
}

// spread adds the accepted messages to the buckets that they belong to.
func (h *history) spread(out []Bucket, x Axis, expected, lost, late steps) {
	var e, l, t int64
	for i, at := range h.sent {
		e, l, t = e+int64(expected[i]), l+int64(lost[i]), t+int64(late[i])
		if h.acked[i] == 0 || at < x.Start {
			continue
		}
		if k := (at - x.Start) / x.Width; k < int64(len(out)) {
			b := &out[k]
			b.Expected, b.Lost, b.Late = b.Expected+e, b.Lost+l, b.Late+t
		}
	}
}
