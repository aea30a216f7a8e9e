package tui

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/charmbracelet/colorprofile"

	"github.com/realtime-toolkit/rtk/internal/rttest"
	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// startProgram runs the screen in a terminal in memory. The returned function
// waits for its end.
func startProgram(t *testing.T, s *Session, w, h int, change func(*Options)) (*rttest.Screen, context.CancelFunc, func() error) {
	t.Helper()
	screen := rttest.NewScreen(t, w, h)
	ctx, cancel := context.WithCancel(t.Context())
	o := Options{
		Session: s, Input: screen, Output: screen, Environ: []string{"TERM=xterm-256color"},
		Profile: colorprofile.ANSI, Width: w, Height: h, Mask: &Mask{},
	}
	if change != nil {
		change(&o)
	}
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, o)
		screen.Close() // ends the program's reader
	}()
	return screen, cancel, func() error { return <-done }
}

func TestProgram(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeServer()
		s := testSession(t, f, func(o *SessionOptions) { o.Hold = true })
		screen, cancel, wait := startProgram(t, s, 100, 30, nil)
		defer cancel()
		conn := <-f.conns
		screen.WaitText("● open")
		if !screen.AltScreen() {
			t.Error("not on the alternate screen")
		}
		conn.receive("message", `{"id":1,"room":"r7","text":"ship it"}`)
		screen.WaitText(`"room": "r7"`)

		screen.Type("i")
		screen.WaitText("enter send")
		screen.Type(`message {"text":"hi"}` + "\r")
		got := <-conn.sent
		if got.Event != "message" || string(got.Body) != `{"text":"hi"}` || got.AckID != 0 {
			t.Errorf("sent %+v", got)
		}
		time.Sleep(4 * time.Millisecond)
		conn.answer(0, `{"ok":true}`)
		screen.WaitText(`#0 {"ok":true}  +4.0ms`)
		screen.Type("\x1b")
		time.Sleep(100 * time.Millisecond)

		screen.Type("/ev:message -ship\r")
		text := screen.WaitText("1 of ")
		if strings.Contains(text, "ack  ") {
			t.Errorf("the filter lets an ack through:\n%s", text)
		}
		screen.Type("q")
		if err := wait(); err != nil {
			t.Errorf("Run: %v", err)
		}
		if screen.AltScreen() {
			t.Error("the terminal was left on the alternate screen")
		}
		_ = rt.In
	})
}
