package tui

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLayout(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		w, h  int
		state layoutState
		want  regions
	}{
		{"normal", 100, 30, layoutState{}, regions{
			shape: shapeNormal, header: rect{0, 0, 100, 1}, metrics: rect{0, 1, 100, 1},
			events: rect{0, 2, 70, 19}, detail: rect{70, 2, 30, 19}, conn: rect{0, 21, 100, 5},
			send: rect{0, 26, 100, 3}, footer: rect{0, 29, 100, 1},
		}},
		{"wide", 160, 45, layoutState{}, regions{
			shape: shapeWide, header: rect{0, 0, 160, 1}, metrics: rect{0, 1, 160, 1},
			events: rect{0, 2, 96, 34}, detail: rect{96, 2, 64, 34}, conn: rect{0, 36, 160, 5},
			send: rect{0, 41, 160, 3}, footer: rect{0, 44, 160, 1},
		}},
		{"narrow shows one pane", 60, 15, layoutState{}, regions{
			shape: shapeNarrow, header: rect{0, 0, 60, 1}, metrics: rect{0, 1, 60, 1},
			events: rect{0, 2, 60, 12}, footer: rect{0, 14, 60, 1},
		}},
		{"narrow, JSON over the log", 60, 15, layoutState{focus: paneDetail}, regions{
			shape: shapeNarrow, header: rect{0, 0, 60, 1}, metrics: rect{0, 1, 60, 1},
			detail: rect{0, 2, 60, 12}, footer: rect{0, 14, 60, 1},
		}},
		{"typing finds a place", 60, 13, layoutState{typing: true}, regions{
			shape: shapeNarrow, header: rect{0, 0, 60, 1},
			events: rect{0, 1, 60, 8}, send: rect{0, 9, 60, 3}, footer: rect{0, 12, 60, 1},
		}},
		{"zoom", 100, 30, layoutState{focus: paneConn, zoom: true}, regions{
			shape: shapeNormal, header: rect{0, 0, 100, 1}, metrics: rect{0, 1, 100, 1},
			conn: rect{0, 2, 100, 24}, send: rect{0, 26, 100, 3}, footer: rect{0, 29, 100, 1},
		}},
		{"the Connection strip goes first", 100, 23, layoutState{}, regions{
			shape: shapeNormal, header: rect{0, 0, 100, 1}, metrics: rect{0, 1, 100, 1},
			events: rect{0, 2, 70, 17}, detail: rect{70, 2, 30, 17},
			send: rect{0, 19, 100, 3}, footer: rect{0, 22, 100, 1},
		}},
		{"strip", 40, 10, layoutState{}, regions{shape: shapeStrip, header: rect{0, 0, 40, 1}, events: rect{0, 1, 40, 9}}},
		{"strip by height", 100, 11, layoutState{typing: true}, regions{
			shape: shapeStrip, header: rect{0, 0, 100, 1}, events: rect{0, 1, 100, 9}, send: rect{0, 10, 100, 1},
		}},
		{"tiny", 29, 10, layoutState{}, regions{shape: shapeTiny, events: rect{0, 0, 29, 10}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, layout(tt.w, tt.h, tt.state), cmp.AllowUnexported(regions{}, rect{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestLayoutSweep proves for every size that the parts lie on the screen, side
// by side, and that there is always a log or what the user put in its place.
func TestLayoutSweep(t *testing.T) {
	t.Parallel()
	for w := range 220 {
		for h := range 80 {
			for _, st := range []layoutState{{}, {typing: true}, {focus: paneDetail}, {focus: paneConn, zoom: true, typing: true}} {
				r := layout(w, h, st)
				used := map[[2]int]string{}
				for name, part := range map[string]rect{
					"header": r.header, "metrics": r.metrics, "events": r.events, "detail": r.detail,
					"conn": r.conn, "send": r.send, "footer": r.footer,
				} {
					if part.empty() {
						continue
					}
					if part.x < 0 || part.y < 0 || part.x+part.w > w || part.y+part.h > h {
						t.Fatalf("%dx%d %+v: %s %v is outside", w, h, st, name, part)
					}
					for _, corner := range [][2]int{{part.x, part.y}, {part.x + part.w - 1, part.y + part.h - 1}} {
						if other := used[corner]; other != "" && other != name {
							t.Fatalf("%dx%d %+v: %s and %s overlap", w, h, st, name, other)
						}
						used[corner] = name
					}
				}
				if r.events.empty() && r.detail.empty() && r.conn.empty() && w > 0 && h > 0 {
					t.Fatalf("%dx%d %+v: nothing to see", w, h, st)
				}
				if st.typing && r.shape != shapeTiny && r.send.empty() {
					t.Fatalf("%dx%d %+v: no place to type", w, h, st)
				}
			}
		}
	}
}

func TestLogColumns(t *testing.T) {
	t.Parallel()
	tests := []struct {
		w          int
		namespaces bool
		want       columns
	}{
		{94, true, columns{millis: true, ns: 12, name: 18, size: true}},
		{68, true, columns{millis: true, ns: 7, name: 12, size: true}},
		{68, false, columns{millis: true, name: 12, size: true}},
		{58, true, columns{millis: true, ns: 7, name: 12}},
		{48, true, columns{millis: true, name: 12}},
		{40, true, columns{name: 12}},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.w, tt.namespaces), func(t *testing.T) {
			t.Parallel()
			if got := logColumns(tt.w, tt.namespaces); got != tt.want {
				t.Errorf("logColumns(%d, %v) = %+v, want %+v", tt.w, tt.namespaces, got, tt.want)
			}
		})
	}
}
