package loadgen

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/ledger"
)

// Who ate the message: what is known about deliveries that did not happen, or
// not in time.
const (
	causeUnacked   = "unacked"
	causeNobody    = "nobody"
	causeBackplane = "backplane"
	causeLocal     = "local"
	causeAlone     = "alone"
	causeSocket    = "socket"
	causeAway      = "away"
	causeLate      = "late"
	causeSlow      = "slow"
)

// causeText says what the evidence for a cause is, and with that where to look.
var causeText = map[string]string{
	causeUnacked:   "never acked, so nothing was expected: look at what takes messages in",
	causeNobody:    "acked, and nobody anywhere received it: look at the server that took it",
	causeBackplane: "acked, and nobody on that target received it, others did: look at what connects the targets",
	causeLocal:     "acked, and nobody on the publisher's own target received it, others did: look at its fan-out",
	causeAlone:     "acked and received elsewhere, but that target has one subscriber: the backplane, or its connection",
	causeSocket:    "others on that target received it: look at the subscriber's own connection or subscription",
	causeAway:      "published while the subscriber's connection was lost",
	causeSlow:      "the subscriber reads slowly, as the scenario says",
	causeLate:      "arrived when the settle time was over",
}

// causeOf names what the ledger found. sameTarget says that publisher and
// subscriber share one.
func causeOf(c ledger.Cause, sameTarget bool) string {
	switch c {
	case ledger.Nobody:
		return causeNobody
	case ledger.ClassMissed:
		if sameTarget {
			return causeLocal
		}
		return causeBackplane
	case ledger.AloneMissed:
		if sameTarget {
			return causeSocket // no backplane between them
		}
		return causeAlone
	case ledger.Socket:
		return causeSocket
	case ledger.Away:
		return causeAway
	}
	return ""
}

// LossCause is one line of the table of who ate the messages.
type LossCause struct {
	Cause       string
	From, To    string // targets
	Count       int64  // deliveries
	Publishers  int    // whose messages they were
	Subscribers int    // that did not get them
	Start, End  time.Time
}

// Text says what the evidence is.
func (c *LossCause) Text() string { return causeText[c.Cause] }

// causeList adds up by cause and cell of the grid.
type causeList struct {
	sums map[causeKey]*causeSum
}

type causeKey struct {
	cause string
	cell  int
}

type causeSum struct {
	n           int64
	last        int // subscriber; they come one after the other
	subscribers int
	publishers  map[int]struct{}
	start, end  time.Time
}

func (l *causeList) count(cause string, cell, sub, pub int, n int64) {
	if n == 0 || cause == "" {
		return
	}
	key := causeKey{cause, cell}
	s := l.sums[key]
	if s == nil {
		if l.sums == nil {
			l.sums = map[causeKey]*causeSum{}
		}
		s = &causeSum{last: -1, publishers: map[int]struct{}{}}
		l.sums[key] = s
	}
	s.n += n
	s.publishers[pub] = struct{}{}
	if s.last != sub {
		s.last = sub
		s.subscribers++
	}
}

func (l *causeList) when(cause string, cell int, start, end time.Time) {
	s := l.sums[causeKey{cause, cell}]
	if s == nil {
		return
	}
	if s.start.IsZero() || start.Before(s.start) {
		s.start = start
	}
	if end.After(s.end) {
		s.end = end
	}
}

// table is the list for reports, the most frequent first.
func (l *causeList) table(e *engine) []LossCause {
	var out []LossCause
	n := len(e.targets)
	for key, s := range maps.All(l.sums) {
		out = append(out, LossCause{
			Cause: key.cause, From: e.targets[key.cell/n].Name, To: e.targets[key.cell%n].Name,
			Count: s.n, Publishers: len(s.publishers), Subscribers: s.subscribers, Start: s.start, End: s.end,
		})
	}
	slices.SortFunc(out, func(a, b LossCause) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Cause, b.Cause), cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	})
	return out
}

// sharedLosses gathers losses. What a whole target has missed is one loss with
// many subscribers, or the report would repeat it for each of them.
type sharedLosses struct {
	single []Loss
	whole  map[sharedKey]*Loss
}

type sharedKey struct {
	cause, to   string
	publisher   int
	first, last int64
}

// maxShared bounds the losses that are compared with each other.
const maxShared = 64 * keptLosses

func newSharedLosses() *sharedLosses { return &sharedLosses{whole: map[sharedKey]*Loss{}} }

func (s *sharedLosses) add(l Loss) {
	switch l.Cause {
	case causeNobody, causeBackplane, causeLocal:
		key := sharedKey{l.Cause, l.To, l.Publisher, l.First, l.Last}
		if known := s.whole[key]; known != nil {
			known.Subscribers++
			return
		}
		if len(s.whole) < maxShared {
			s.whole[key] = &l
			return
		}
	}
	s.single = keepLoss(s.single, l)
}

func (s *sharedLosses) list() []Loss {
	all := s.single
	for _, l := range s.whole {
		all = append(all, *l)
	}
	return worst(all)
}
