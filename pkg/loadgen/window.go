package loadgen

import (
	"sync"
	"time"
)

// windowKind is what a window of the run stands for.
type windowKind uint8

const (
	windowPhase windowKind = iota
	windowFault
)

// String is the kind in reports.
func (k windowKind) String() string {
	if k == windowFault {
		return "fault"
	}
	return "phase"
}

// maxWindows bounds the windows of a run. A fault that repeats every few
// seconds for days has no more; the report says how many are missing.
const maxWindows = 4096

// stillOpen is the end of a window that has not been finished.
const stillOpen = time.Duration(-1)

// window is a named span of the run: a phase, or the time of a fault.
type window struct {
	ws       *windows
	kind     windowKind
	name     string
	from, to time.Duration // to is stillOpen until it is finished
}

// windows are the spans of a run. At each beginning and end all counters and
// histograms are read, so that what was measured within a window is the
// difference of two readings, and the hot path knows nothing of windows.
type windows struct {
	e *engine

	mu      sync.Mutex
	list    []*window
	edges   []*snapshot // ascending
	keys    seriesKeys
	dropped int
	closed  bool
}

func newWindows(e *engine) *windows {
	ws := &windows{e: e, keys: seriesKeys{ids: map[string]int32{}}}
	ws.edges = []*snapshot{{}} // the beginning of the run: nothing was counted
	return ws
}

// begin opens a window at an instant, which is now or a moment ago. The same
// name may come again: conditions on it then cover all its windows. A fault
// that has no length is finished at the instant of its beginning.
func (ws *windows) begin(kind windowKind, name string, at time.Duration) *window {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	w := &window{ws: ws, kind: kind, name: name, from: at, to: stillOpen}
	if ws.closed || len(ws.list) >= maxWindows {
		ws.dropped++
		w.ws = nil
		return w
	}
	w.from = ws.mark(at).at
	ws.list = append(ws.list, w)
	return w
}

// finish closes the window. Further calls do nothing.
func (w *window) finish(at time.Duration) {
	if w == nil || w.ws == nil {
		return
	}
	w.ws.mu.Lock()
	defer w.ws.mu.Unlock()
	if w.to == stillOpen && !w.ws.closed {
		w.to = max(w.ws.mark(at).at, w.from)
	}
}

// close ends what is still open and takes the last reading of the run.
func (ws *windows) close(at time.Duration) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.closed {
		return
	}
	last := ws.mark(at)
	for _, w := range ws.list {
		if w.to == stillOpen {
			w.to = last.at
		}
	}
	ws.closed = true
}

// touch takes a reading that a report on the run so far can end with.
func (ws *windows) touch(at time.Duration) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.mark(at)
}

// mark reads everything at an instant and returns the reading. Instants don't
// go back: one before the last reading counts as the last. mu is held.
func (ws *windows) mark(at time.Duration) *snapshot {
	last := ws.edges[len(ws.edges)-1]
	if at <= last.at {
		return last
	}
	s := ws.take(at, last, nil)
	ws.edges = append(ws.edges, s)
	return s
}

// edge is the reading at an instant that a window begins or ends at. mu is
// held.
func (ws *windows) edge(at time.Duration) *snapshot {
	lo, hi := 0, len(ws.edges)
	for lo < hi {
		if mid := (lo + hi) / 2; ws.edges[mid].at < at {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return ws.edges[min(lo, len(ws.edges)-1)]
}

// all lists the windows so far, for reports. Those that are open end now.
func (ws *windows) all(now time.Duration) []window {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	out := make([]window, len(ws.list))
	for i, w := range ws.list {
		out[i] = *w
		if w.to == stillOpen {
			out[i].to = now
		}
	}
	return out
}
