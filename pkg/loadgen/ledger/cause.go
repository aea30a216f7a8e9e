package ledger

// Cause is what the receipts of others say about a lost message.
type Cause uint8

// Causes.
const (
	Unexplained Cause = iota // no class of subscribers was given
	Nobody                   // accepted, and then nobody at all received it
	ClassMissed              // others received it, but nobody of the subscriber's class
	AloneMissed              // the same, and the subscriber is the only one of its class
	Socket                   // others of the subscriber's class received it
	Away                     // sent while the subscriber's connection was lost
)

// reach is which messages reached somebody: of each class of subscribers, and
// anybody at all.
type reach struct {
	class   []int
	members []int   // by class: subscribers that had a window
	got     []spans // by source of the rule and class
	any     []spans // by source
}

func (a *Audience) reach(r *Rule) *reach {
	classes := 0
	for _, c := range r.Class {
		classes = max(classes, c+1)
	}
	n := r.End - r.First
	out := &reach{class: r.Class, members: make([]int, classes), got: make([]spans, n*classes), any: make([]spans, n)}
	for sub := range a.subs {
		out.add(a, r, sub)
	}
	return out
}

func (x *reach) add(a *Audience, r *Rule, sub int) {
	s := &a.subs[sub]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.from != 0 {
		x.members[x.class[sub]]++
	}
	for i := range x.any {
		at := i*len(x.members) + x.class[sub]
		a.pairs[sub*len(a.sources)+r.First+i].arrived(func(lo, hi uint32) {
			x.got[at] = x.got[at].cover(lo, hi)
			x.any[i] = x.any[i].cover(lo, hi)
		})
	}
}

// explain divides the lost messages of [lo, hi) by cause.
func (x *reach) explain(h *history, sub, source int, lo, hi uint32, run func(Run)) {
	class := x.class[sub]
	// Neighbours of one cause are one run.
	var open span
	var cause Cause
	flush := func() {
		if open.lo < open.hi && h.accepted(open.lo, open.hi) > 0 {
			run(h.run(open.lo, open.hi, cause))
		}
	}
	piece := func(lo, hi uint32, c Cause) {
		if h.accepted(lo, hi) == 0 {
			return // whatever became of it, it was not lost
		}
		if c != cause || open.lo == open.hi {
			flush()
			open, cause = span{lo, hi}, c
			return
		}
		open.hi = hi
	}
	x.got[source*len(x.members)+class].split(lo, hi, func(lo, hi uint32, in bool) {
		if in {
			piece(lo, hi, Socket)
			return
		}
		x.any[source].split(lo, hi, func(lo, hi uint32, in bool) {
			switch {
			case !in:
				piece(lo, hi, Nobody)
			case x.members[class] == 1:
				piece(lo, hi, AloneMissed)
			default:
				piece(lo, hi, ClassMissed)
			}
		})
	})
	flush()
}

// leastStuck is how many messages in a row, at the end, a subscriber must have
// missed to count as stuck: a few may be an ordinary loss.
const leastStuck = 5

func (a *Audience) findStuck(sub int, r Rule, logs []history, x *reach, found func(int, Micros, int64)) {
	// Not under the lock: whoever is told may wait for a client that is just
	// handing a message in.
	if since, missed := a.unseen(sub, r, logs, x); missed >= leastStuck {
		found(sub, since, missed)
	}
}

// unseen counts what others received since the subscriber last did, 0 where
// nothing had to come.
func (a *Audience) unseen(sub int, r Rule, logs []history, x *reach) (since Micros, missed int64) {
	s := &a.subs[sub]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.from == 0 || s.to != endless || s.cut != 0 || s.paused() {
		return 0, 0
	}
	pairs := a.pairs[sub*len(a.sources)+r.First : sub*len(a.sources)+r.End]
	since = s.from // the newest message that it has received, by time of sending
	for i := range logs {
		if next := pairs[i].next; next > 0 && int(next) <= len(logs[i].sent) {
			since = max(since, logs[i].sent[next-1]+1)
		}
	}
	if s.away != nil {
		since = max(since, (*s.away)[len(*s.away)-1].back)
	}
	for i := range logs {
		h := &logs[i]
		if int32(a.sources[r.First+i].Publisher) == s.self {
			continue
		}
		got := x.got[i*len(x.members)+x.class[sub]]
		got.split(h.sentFrom(since), uint32(len(h.sent)), func(lo, hi uint32, in bool) {
			if in {
				missed += h.accepted(lo, hi)
			}
		})
	}
	return since, missed
}
