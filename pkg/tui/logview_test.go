package tui

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

func push(s *Source, names ...string) {
	for _, n := range names {
		s.Push(&Event{Kind: rt.KindEvent, Name: n, Body: []byte(n), AckID: rt.NoAck})
	}
}

func numbers(from, to int) (names []string) {
	for i := from; i <= to; i++ {
		names = append(names, fmt.Sprintf("e%d", i))
	}
	return names
}

func labels(events []*Event) (names []string) {
	for _, e := range events {
		names = append(names, e.Name)
	}
	return names
}

// sees checks what stands in a window of h rows and where the selection is.
func sees(t *testing.T, l *logView, h int, want []string, selected string) {
	t.Helper()
	for l.refresh() {
	}
	if diff := cmp.Diff(want, labels(l.window(h))); diff != "" {
		t.Errorf("window (-want +got):\n%s", diff)
	}
	name := ""
	if e := l.selected(); e != nil {
		name = e.Name
	}
	if name != selected {
		t.Errorf("selected %q, want %q", name, selected)
	}
}

func TestLogFollows(t *testing.T) {
	t.Parallel()
	s := NewSource(100)
	l := newLogView(s)
	sees(t, l, 3, nil, "")
	push(s, numbers(1, 5)...)
	sees(t, l, 3, numbers(3, 5), "e5")
	push(s, "e6")
	sees(t, l, 3, numbers(4, 6), "e6")

	l.move(-1) // leaves the end: the view stays
	push(s, numbers(7, 9)...)
	sees(t, l, 3, numbers(4, 6), "e5")
	if l.newer() != 3 {
		t.Errorf("newer %d, want 3", l.newer())
	}
	l.move(-10)
	sees(t, l, 3, numbers(1, 3), "e1")
	l.bottom()
	push(s, "e10")
	sees(t, l, 3, numbers(8, 10), "e10")
}

func TestLogPauseKeepsWhatTheRingLoses(t *testing.T) {
	t.Parallel()
	s := NewSource(5)
	l := newLogView(s)
	push(s, numbers(1, 5)...)
	sees(t, l, 3, numbers(3, 5), "e5")
	l.togglePause()
	push(s, numbers(6, 20)...)
	sees(t, l, 3, numbers(3, 5), "e5")
	if l.newer() != 15 {
		t.Errorf("newer %d, want 15", l.newer())
	}
	l.move(-10)
	sees(t, l, 3, numbers(1, 3), "e1")
	f, _ := ParseFilter("e4")
	l.setFilter(f, false) // also works on what was frozen
	sees(t, l, 3, []string{"e4"}, "e4")
	l.setFilter(Filter{}, false)
	sees(t, l, 3, numbers(2, 4), "e4")
	l.togglePause()
	sees(t, l, 3, numbers(18, 20), "e20")
}

func TestLogEviction(t *testing.T) {
	t.Parallel()
	s := NewSource(5)
	l := newLogView(s)
	push(s, numbers(1, 5)...)
	sees(t, l, 2, numbers(4, 5), "e5")
	l.move(-2)
	sees(t, l, 2, numbers(3, 4), "e3")
	push(s, "e6")
	sees(t, l, 2, numbers(3, 4), "e3") // the selection stays on its event
	push(s, numbers(7, 9)...)
	sees(t, l, 2, numbers(5, 6), "e5") // until the ring has lost it
	if len(l.rows) != 5 {
		t.Errorf("%d rows are held, want 5", len(l.rows))
	}
}

func TestLogFilterKeepsTheSelection(t *testing.T) {
	t.Parallel()
	s := NewSource(1000)
	l := newLogView(s)
	push(s, numbers(1, 300)...)
	sees(t, l, 3, numbers(298, 300), "e300")
	l.move(-50) // e250
	f, err := ParseFilter("/5[0-9]$/")
	if err != nil {
		t.Fatal(err)
	}
	l.setFilter(f, false)
	sees(t, l, 3, []string{"e158", "e159", "e250"}, "e250")
	l.setFilter(Filter{}, true)
	sees(t, l, 3, nil, "")
}
