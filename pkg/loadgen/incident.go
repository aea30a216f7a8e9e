package loadgen

import (
	"sync"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/ledger"
)

// incidentKind is what was wrong with an arrival.
type incidentKind uint8

const (
	incidentDuplicate incidentKind = iota
	incidentMisorder
	incidentCorrupt
	incidentForeign
	incidentDamaged // the payload, not the marker
)

// incident is an arrival that had better not been: when its message was
// published, or when it arrived if that is not known.
type incident struct {
	at          ledger.Micros
	watch, cell int16 // -1 where the publisher is not known
	kind        incidentKind
}

// maxIncidents bounds the incidents of an audience. The ledger counts all of
// them; those past the bound have no time, and so belong to no window.
const maxIncidents = 1 << 18

// incidents are those of one audience.
type incidents struct {
	mu   sync.Mutex
	list []incident
	lost int64 // past the bound
}

func (l *incidents) add(x incident) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.list) >= maxIncidents {
		l.lost++
		return
	}
	l.list = append(l.list, x)
}

// each calls f for the incidents of messages that were published in [from, to).
func (l *incidents) each(from, to ledger.Micros, f func(*incident)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.list {
		if x := &l.list[i]; x.at >= from && x.at < to {
			f(x)
		}
	}
}

// note keeps an arrival that is an incident.
func (a *audience) note(r *ledger.Receipt, at ledger.Micros, target int) {
	x := incident{at: at, watch: -1, cell: -1}
	if r.Damaged {
		a.incidents.add(incident{
			at: r.Marker.At, kind: incidentDamaged, watch: a.pubWatch[r.Marker.Publisher],
			cell: int16(int(a.pubTarget[r.Marker.Publisher])*a.targets + target),
		})
	}
	switch r.Arrival {
	case ledger.Corrupt:
		x.kind = incidentCorrupt
	case ledger.Foreign:
		x.kind = incidentForeign
	case ledger.Duplicate, ledger.Misorder:
		x.kind = incidentDuplicate
		if r.Arrival == ledger.Misorder {
			if r.Unordered {
				return
			}
			x.kind = incidentMisorder
		}
		x.at = r.Marker.At
		x.watch = a.pubWatch[r.Marker.Publisher]
		x.cell = int16(int(a.pubTarget[r.Marker.Publisher])*a.targets + target)
	default:
		return
	}
	a.incidents.add(x)
}
