package tui

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// bench is an app that a test turns by hand: no program, no terminal.
type bench struct {
	*app
	t *testing.T
	c *fakeConn
}

// newBench starts a session and connects it unless f refuses.
func newBench(t *testing.T, f *fakeServer, change func(*SessionOptions)) *bench {
	t.Helper()
	s := testSession(t, f, func(o *SessionOptions) {
		o.Hold = true
		if change != nil {
			change(o)
		}
	})
	stop := running(t, s)
	t.Cleanup(func() { _ = stop() })
	b := &bench{app: &app{ctx: t.Context(), screen: newInspect(Options{Session: s})}, t: t}
	synctest.Wait()
	select {
	case b.c = <-f.conns:
	default:
	}
	return b
}

func (b *bench) size(w, h int) { b.Update(tea.WindowSizeMsg{Width: w, Height: h}) }

func (b *bench) frame() {
	for b.compose() {
	}
}

// press sends keys by name, or a text a rune at a time.
func (b *bench) press(names ...string) {
	b.t.Helper()
	codes := map[string]tea.KeyPressMsg{
		"enter": {Code: tea.KeyEnter}, "esc": {Code: tea.KeyEscape}, "tab": {Code: tea.KeyTab}, "up": {Code: tea.KeyUp}, "down": {Code: tea.KeyDown},
		"space": {Code: tea.KeySpace, Text: " "}, "backspace": {Code: tea.KeyBackspace}, "pgup": {Code: tea.KeyPgUp}, "pgdown": {Code: tea.KeyPgDown},
		"ctrl+t": {Code: 't', Mod: tea.ModCtrl}, "ctrl+u": {Code: 'u', Mod: tea.ModCtrl},
	}
	for _, n := range names {
		k, ok := codes[n]
		if !ok {
			for _, r := range n {
				b.run(b.Update(tea.KeyPressMsg{Code: r, Text: string(r)}))
			}
			continue
		}
		b.run(b.Update(k))
	}
}

// run carries out what a key asked for.
func (b *bench) run(_ tea.Model, cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	if msg, ok := cmd().(doneMsg); ok {
		b.Update(msg)
	}
}

// plain is the screen without colours, with the right edge marked.
func (b *bench) plain() string {
	b.t.Helper()
	var out strings.Builder
	for i, line := range strings.Split(ansi.Strip(b.View().Content), "\n") {
		if w := ansi.StringWidthWc(line); w != b.width {
			b.t.Errorf("row %d is %d columns wide, want %d: %q", i, w, b.width, line)
		}
		out.WriteString(line + "|\n")
	}
	if n := strings.Count(out.String(), "\n"); n != b.height {
		b.t.Errorf("%d rows, want %d", n, b.height)
	}
	return out.String()
}

// busy plays four minutes of a chat with everything in it: acks, an exception,
// secrets, escape sequences, binary data, wide characters, a lost connection.
func busy(b *bench, f *fakeServer) {
	c := b.c
	for i := range 40 {
		c.receive("presence", fmt.Sprintf(`{"user":"ana","on":%t}`, i%2 == 0))
		time.Sleep(3 * time.Second)
	}
	c.end(rt.CloseInfo{By: rt.ByNetwork, Code: 1006, Err: errUnreachable})
	time.Sleep(2 * time.Second)
	b.c = <-f.conns
	c = b.c
	for i := range 90 {
		c.receive("message", fmt.Sprintf(`{"id":%d,"room":"r%d","from":{"user":"ana","role":"member"},"text":"ship it","at":1767096277388}`, 9800+i, i%9))
		time.Sleep(time.Duration(i%7) * 100 * time.Millisecond)
	}
	c.h.OnMessage(&rt.Message{At: time.Now(), Kind: rt.KindPing, Transport: rt.TransportWebSocket, AckID: rt.NoAck, Size: 1})
	_ = b.screen.session.Do(b.ctx, Command{Verb: VerbSend, Event: "message", Body: []byte(`{"room":"r7","text":"hello"}`)})
	time.Sleep(4100 * time.Microsecond)
	c.answer(0, `{"ok":true,"id":9891}`)
	c.receive("exception", `{"code":"rate_limited","retryAfterMs":50}`)
	c.receive("session", `{"access_token":"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbmEifQ.c2lnbmF0dXJl"}`)
	c.receive("evil\x1b[2J", `"\u001b[31mred`+"\x1b[31m"+`"`)
	c.receive("title", `"東京タワー 🗼 はじめまして"`)
	c.h.OnMessage(&rt.Message{At: time.Now(), Kind: rt.KindEvent, Namespace: "/chat", Event: "thumb", Multi: true, Body: []byte(`{"_placeholder":true,"num":0}`), Attachments: [][]byte{[]byte("\x89PNG\r\n\x1a\n0123456789")}, AckID: rt.NoAck, Size: 1204})
	c.receive("message", `{"id":9866,"room":"r7","from":{"user":"ana","role":"member"},"text":"a longer text that does not fit into one line of the pane","at":1767096277388}`)
	time.Sleep(400 * time.Millisecond)
	b.frame()
}

var sizes = [][2]int{{160, 45}, {100, 30}, {60, 15}, {40, 10}}

func TestGolden(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		sizes [][2]int
		play  func(b *bench, f *fakeServer)
		keys  []string
	}{
		{"busy", sizes, busy, nil},
		{"paused", sizes[1:2], func(b *bench, f *fakeServer) {
			busy(b, f)
			b.press("space")
			for range 143 {
				b.c.receive("message", `1`)
			}
		}, []string{"up", "up"}},
		{"scrolled", sizes[1:2], busy, []string{"pgup"}},
		{"filtered", sizes[1:3], busy, []string{"/", "ev:message room:r7", "enter"}},
		{"filtering_mistake", sizes[1:2], busy, []string{"/", "size>"}},
		{"nothing_matches", sizes[1:2], busy, []string{"/", "ev:nothing", "enter"}},
		{"errors_only", sizes[1:2], busy, []string{"!"}},
		{"secrets_shown", sizes[1:2], busy, []string{"p"}},
		{"json", sizes[:3], busy, []string{"enter", "down", "down", "down", "enter"}},
		{"json_zoomed", sizes[1:2], busy, []string{"enter", "z"}},
		{"connection", sizes[1:3], busy, []string{"3", "z"}},
		{"typing", sizes[1:], busy, []string{"i", `message {"room":"r7","text":"hi"}`}},
		{"typing_mistake", sizes[1:], busy, []string{"i", "message hi", "enter"}},
		{"help", sizes[:3], busy, []string{"?"}},
		{"help_scrolled", sizes[2:3], busy, []string{"?", "pgdown"}},
		{"empty", sizes, func(b *bench, _ *fakeServer) { time.Sleep(3 * time.Second) }, nil},
		{"tiny", [][2]int{{28, 5}}, func(*bench, *fakeServer) {}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFakeServer()
				b := newBench(t, f, nil)
				b.size(tt.sizes[0][0], tt.sizes[0][1])
				tt.play(b, f)
				b.press(tt.keys...)
				for _, size := range tt.sizes {
					b.size(size[0], size[1])
					b.frame()
					golden(t, fmt.Sprintf("%s_%dx%d.txt", tt.name, size[0], size[1]), b.plain())
				}
			})
		})
	}
}

func TestGoldenStates(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		refuse []error
		wait   time.Duration
		change func(*SessionOptions)
	}{
		{"refused", []error{errRejected}, 0, nil},
		{"waiting", []error{errUnreachable, errUnreachable}, 2400 * time.Millisecond, nil},
		{"sse", nil, time.Second, func(o *SessionOptions) {
			o.Request.Target = testTarget(t, rt.SSE)
			o.Request.Target.URL.Path = "/events"
		}},
		{"raw_websocket", nil, time.Second, func(o *SessionOptions) {
			o.Request.Target = testTarget(t, rt.WebSocket)
			o.Request.Target.URL.Path = "/ws"
			o.Request.Target.Framing = rt.FramingRaw
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFakeServer(tt.refuse...)
				b := newBench(t, f, tt.change)
				if b.c != nil {
					b.c.h.OnMessage(&rt.Message{At: time.Now(), Kind: rt.KindEvent, Event: "tick", Body: []byte(`{"n":1}`), ID: "17", Size: 7, AckID: rt.NoAck})
					b.c.h.OnMessage(&rt.Message{At: time.Now(), Kind: rt.KindEvent, Body: []byte("plain text"), Size: 10, AckID: rt.NoAck})
					b.c.h.OnMessage(&rt.Message{At: time.Now(), Kind: rt.KindEvent, Body: []byte("\x00\x01\xffbinary"), Binary: true, Size: 9, AckID: rt.NoAck})
				}
				time.Sleep(tt.wait)
				b.size(100, 30)
				b.frame()
				golden(t, tt.name+"_100x30.txt", b.plain())
			})
		})
	}
}

// TestGoldenColors holds the styles of one screen.
func TestGoldenColors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeServer()
		b := newBench(t, f, nil)
		b.size(100, 30)
		busy(b, f)
		golden(t, "busy_100x30.ansi", strings.ReplaceAll(b.View().Content, "\x1b", "␛")+"\n")
	})
}

// TestAnySize draws every state at every size: nothing may panic or be wider
// than the screen.
func TestAnySize(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeServer()
		b := newBench(t, f, nil)
		b.size(100, 30)
		busy(b, f)
		for _, keys := range [][]string{nil, {"enter"}, {"z"}, {"3"}, {"i", "message 東京"}, {"esc", "?"}} {
			b.press(keys...)
			for w := 0; w < 170; w += 7 {
				for h := 0; h < 50; h += 3 {
					b.size(w, h)
					if w > 0 && h > 0 {
						b.plain()
					}
				}
			}
		}
	})
}
