package loadgen

import (
	"time"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/hist"
)

// snapshot is the reading of all series at one instant, each counted from the
// beginning of the run.
type snapshot struct {
	at     time.Duration
	series []reading
	index  []int32 // by series key: position in series plus one, 0 for none
}

// reading is the state of one series.
type reading struct {
	key     int32
	n, of   int64
	h       *hist.Sparse
	samples int // how many there were; they are only ever appended
}

// seriesKeys numbers the series of a run, so that readings needn't repeat
// their names and labels.
type seriesKeys struct {
	ids map[string]int32
	of  []*series // name and labels; and the samples of the last reading
}

func (k *seriesKeys) id(s *series) int32 {
	text := s.def.Name + labelText(s.labels)
	id, ok := k.ids[text]
	if !ok {
		id = int32(len(k.of))
		k.ids[text] = id
		k.of = append(k.of, &series{def: s.def, labels: s.labels})
	}
	k.of[id].samples = s.samples
	return id
}

// take reads everything, or only some metrics. What has not changed since the
// reading before shares its memory. mu of the windows is held.
func (ws *windows) take(at time.Duration, before *snapshot, only map[string]bool) *snapshot {
	out := &snapshot{at: at}
	for _, s := range ws.e.collectLive(at, only).list {
		r := reading{key: ws.keys.id(s), n: s.n, of: s.of, samples: len(s.samples)}
		if s.h != nil {
			if old := before.get(r.key); old.h.Count() == s.h.Count() {
				r.h = old.h
			} else {
				r.h = s.h.Sparse()
			}
		}
		if n := int(r.key) + 1 - len(out.index); n > 0 {
			out.index = append(out.index, make([]int32, n)...)
		}
		out.series = append(out.series, r)
		out.index[r.key] = int32(len(out.series))
	}
	return out
}

// get is the reading of a series, zero when it did not exist yet.
func (s *snapshot) get(key int32) reading {
	if int(key) >= len(s.index) || s.index[key] == 0 {
		return reading{key: key}
	}
	return s.series[s.index[key]-1]
}

// since adds to l what was measured between two readings. mu is held.
func (ws *windows) since(l *seriesList, from, to *snapshot) {
	for _, now := range to.series {
		then := from.get(now.key)
		k := ws.keys.of[now.key]
		s := &series{def: k.def, labels: k.labels, n: now.n - then.n, of: now.of - then.of}
		if k.def.Kind == KindLatency {
			s.h = now.h.Since(then.h)
		}
		if now.samples > then.samples {
			s.samples = k.samples[then.samples:now.samples]
		}
		l.list = append(l.list, s)
	}
	l.took += (to.at - from.at).Seconds()
}
