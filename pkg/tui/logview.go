package tui

import (
	"sort"
	"time"
)

// scanBudget bounds the time that one frame spends on filtering. What is left
// is done in the next frames, so that keys are answered in time whatever the
// filter costs.
const scanBudget = 8 * time.Millisecond

// scanBatch is how many events are taken from the ring at a time: few enough
// to keep the producers waiting for microseconds only, many enough to overtake
// them.
const scanBatch = 4096

// logView is the Events pane: the events of a source that match a filter, and
// a position among them.
type logView struct {
	src    *Source
	filter Filter
	faults bool // errors only

	rows    []*Event // what matches, oldest first
	scanned uint64   // next sequence number to look at
	buf     []*Event

	// frozen is what the ring held when the user paused: the view stays as it
	// is, whatever the ring has to let go.
	frozen []*Event
	until  uint64 // next sequence number at that moment

	follow bool
	sel    int    // index into rows
	seek   uint64 // sequence number to select while a new filter scans, 0 none
	top    int    // first visible row
	page   int    // visible rows of the last drawing
}

func newLogView(src *Source) *logView {
	return &logView{src: src, follow: true, scanned: 1}
}

func (l *logView) paused() bool { return l.frozen != nil }

// selected returns the event under the cursor, nil when there is none.
func (l *logView) selected() *Event {
	if l.sel < 0 || l.sel >= len(l.rows) {
		return nil
	}
	return l.rows[l.sel]
}

// newer counts what came after the pause, or the rows below the selection.
func (l *logView) newer() uint64 {
	if l.paused() {
		_, _, next := l.src.Read(nil, 0, 0)
		return next - l.until
	}
	return uint64(max(len(l.rows)-l.top-l.page, 0))
}

// setFilter starts a new scan and keeps the selected event in view.
func (l *logView) setFilter(f Filter, faults bool) {
	if e := l.selected(); e != nil && !l.follow {
		l.seek = e.Seq
	}
	l.filter, l.faults = f, faults
	clear(l.rows)
	l.rows = l.rows[:0]
	l.scanned, l.sel, l.top = 1, 0, 0
}

func (l *logView) matches(e *Event) bool {
	return (!l.faults || e.Fault) && l.filter.Match(e)
}

// togglePause freezes the view, or lets it go on.
func (l *logView) togglePause() {
	if !l.paused() {
		events, _, next := l.src.Read(nil, 0, len(l.src.ring))
		if events == nil {
			events = []*Event{}
		}
		l.frozen, l.until = events, next
		return
	}
	l.frozen = nil
	l.follow = true
}

// refresh takes in what is new. It reports whether there is more to scan.
func (l *logView) refresh() (more bool) {
	start := time.Now()
	for {
		var oldest, next uint64
		if l.paused() {
			l.buf, next = l.readFrozen()
		} else {
			l.buf, oldest, next = l.src.Read(l.buf[:0], l.scanned, scanBatch)
			l.trim(oldest)
		}
		for _, e := range l.buf {
			if l.matches(e) {
				l.rows = append(l.rows, e)
			}
		}
		if n := len(l.buf); n > 0 {
			l.scanned = l.buf[n-1].Seq + 1
		}
		if l.scanned >= next {
			break
		}
		if time.Since(start) > scanBudget {
			more = true
			break
		}
	}
	clear(l.buf) // hold no event longer than the ring does
	if l.seek != 0 {
		l.sel = min(sort.Search(len(l.rows), func(i int) bool { return l.rows[i].Seq >= l.seek }), max(len(l.rows)-1, 0))
		if !more {
			l.seek = 0
		}
	}
	if l.follow {
		l.sel = len(l.rows) - 1
	}
	l.sel = max(min(l.sel, len(l.rows)-1), 0)
	return more
}

func (l *logView) readFrozen() (events []*Event, next uint64) {
	i := sort.Search(len(l.frozen), func(i int) bool { return l.frozen[i].Seq >= l.scanned })
	end := min(i+scanBatch, len(l.frozen))
	return append(l.buf[:0], l.frozen[i:end]...), l.until
}

// trim lets go of the rows that the ring let go of.
func (l *logView) trim(oldest uint64) {
	gone := sort.Search(len(l.rows), func(i int) bool { return l.rows[i].Seq >= oldest })
	if gone == 0 {
		return
	}
	n := copy(l.rows, l.rows[gone:])
	clear(l.rows[n:])
	l.rows = l.rows[:n]
	l.sel = max(l.sel-gone, 0)
	l.top = max(l.top-gone, 0)
}

// move moves the selection by n rows. Leaving the last row ends following,
// coming back to it by bottom resumes.
func (l *logView) move(n int) {
	l.sel = max(min(l.sel+n, len(l.rows)-1), 0)
	if n < 0 {
		l.follow = false
	}
}

func (l *logView) bottom() {
	l.sel = max(len(l.rows)-1, 0)
	l.follow = true
}

// window scrolls so that the selection is visible in h rows and returns the
// visible part.
func (l *logView) window(h int) []*Event {
	l.page = max(h, 1)
	l.top = min(l.top, l.sel)
	l.top = max(l.top, l.sel-l.page+1)
	l.top = max(min(l.top, len(l.rows)-l.page), 0)
	return l.rows[l.top:min(l.top+l.page, len(l.rows))]
}
