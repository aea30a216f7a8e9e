package tui

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/realtime-toolkit/rtk/internal/rttest"
	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// program is the screen running in a terminal in memory.
type program struct {
	*rttest.Screen
	app  *app
	stop context.CancelFunc
	done chan error
}

func startProgram(t testing.TB, s *Session, w, h int, change func(*Options)) *program {
	t.Helper()
	screen := rttest.NewScreen(t, w, h)
	screen.Mute()
	ctx, cancel := context.WithCancel(t.Context())
	o := Options{
		Session: s, Input: screen, Output: screen, Environ: []string{"TERM=xterm-256color"},
		Profile: colorprofile.ANSI, Width: w, Height: h,
	}
	if change != nil {
		change(&o)
	}
	p := &program{Screen: screen, app: &app{screen: newInspect(o)}, stop: cancel, done: make(chan error, 1)}
	go func() {
		p.done <- p.app.run(ctx, o)
		screen.Close() // ends the program's reader
	}()
	return p
}

func held(o *SessionOptions) { o.Hold = true }

func TestProgram(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeServer()
		p := startProgram(t, testSession(t, f, held), 100, 30, nil)
		conn := <-f.conns
		p.WaitText("● open")
		if !p.AltScreen() {
			t.Error("not on the alternate screen")
		}
		conn.receive("message", `{"id":1,"room":"r7","text":"ship it"}`)
		p.WaitText(`"room": "r7"`)

		p.Type("i")
		p.WaitText("enter send")
		p.Type(`message {"text":"hi"}` + "\r")
		got := <-conn.sent
		if got.Event != "message" || string(got.Body) != `{"text":"hi"}` || got.AckID != 0 {
			t.Errorf("sent %+v", got)
		}
		time.Sleep(4 * time.Millisecond)
		conn.answer(0, `{"ok":true}`)
		p.WaitText(`#0 {"ok":true}  +4.0ms`)
		p.Type("/ack off\r")
		p.WaitText("ack off")
		p.Type("\x1b[A\x1b[A") // twice up: the line before the last
		p.WaitText(`│ message {"text":"hi"}`)
		p.Type("\x1b")
		time.Sleep(100 * time.Millisecond)

		p.Type("/ev:message -ship\r")
		text := p.WaitText("1 of ")
		if strings.Contains(text, "ack  ") {
			t.Errorf("the filter lets an ack through:\n%s", text)
		}
		p.Type("q")
		if err := <-p.done; err != nil {
			t.Errorf("Run: %v", err)
		}
		if p.AltScreen() {
			t.Error("the terminal was left on the alternate screen")
		}
	})
}

func TestProgramPaste(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeServer()
		p := startProgram(t, testSession(t, f, held), 100, 30, nil)
		conn := <-f.conns
		p.WaitText("● open")
		p.Type("i")
		p.WaitText("enter send")
		p.Type("\x1b[200~message {\"text\":\n\"pa\x1b[2Jsted\"}\x1b[201~") // a bracketed paste
		p.WaitText("sted")
		p.Type("\r")
		time.Sleep(time.Second)
		select {
		case m := <-conn.sent:
			if strings.ContainsAny(string(m.Body), "\x1b\n") {
				t.Errorf("control characters were sent: %q", m.Body)
			}
		default: // the line was not JSON, and said so
			p.WaitText("not JSON")
		}
		p.stop()
		<-p.done
	})
}

func TestProgramEnds(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		act  func(*program)
		want error
	}{
		{"q", func(p *program) { p.Type("q") }, nil},
		{"ctrl+c", func(p *program) { p.Type("\x03") }, ErrInterrupted},
		{"ctrl+c while typing", func(p *program) { p.Type("i"); time.Sleep(time.Second); p.Type("\x03") }, ErrInterrupted},
		{"the context ends, as after SIGTERM", func(p *program) { p.stop() }, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFakeServer()
				p := startProgram(t, testSession(t, f, held), 80, 24, nil)
				<-f.conns
				p.WaitText("● open")
				tt.act(p)
				if err := <-p.done; !errors.Is(err, tt.want) {
					t.Errorf("error %v, want %v", err, tt.want)
				}
				if p.AltScreen() {
					t.Error("the terminal was left on the alternate screen")
				}
			})
		})
	}
}

// panickingDialer stands for a bug below the session.
type panickingDialer struct{}

func (panickingDialer) Dial(context.Context, *rt.DialRequest, rt.Handler) (rt.Conn, error) {
	time.Sleep(time.Second)
	panic("out of cheese")
}

// TestProgramRestoresTheTerminalAfterAPanic is not parallel with others: the
// framework prints the stack on the process's stderr.
func TestProgramRestoresTheTerminalAfterAPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := testSession(t, newFakeServer(), held)
		s.o.Dialer = panickingDialer{}
		p := startProgram(t, s, 80, 24, nil)
		p.WaitText("connecting")
		if err := <-p.done; err == nil || !strings.Contains(err.Error(), "out of cheese") {
			t.Errorf("error %v", err)
		}
		if p.AltScreen() {
			t.Error("the terminal was left on the alternate screen")
		}
	})
	synctest.Test(t, func(t *testing.T) {
		f := newFakeServer()
		p := startProgram(t, testSession(t, f, held), 80, 24, func(o *Options) {
			o.Filter = Filter{terms: []term{{match: func(e *Event) bool {
				if e.Name == "bang" {
					panic("bug in a filter")
				}
				return true
			}}}}
		})
		c := <-f.conns
		p.WaitText("● open")
		c.receive("bang", "1")
		if err := <-p.done; !errors.Is(err, tea.ErrProgramPanic) {
			t.Errorf("error %v", err)
		}
		if p.AltScreen() {
			t.Error("the terminal was left on the alternate screen")
		}
	})
}

func TestProgramWithoutColor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeServer()
		var raw output
		p := startProgram(t, testSession(t, f, held), 80, 24, func(o *Options) {
			o.Profile = colorprofile.Ascii
			o.Output = tee{o.Output.(*rttest.Screen), &raw}
		})
		c := <-f.conns
		c.receive("exception", "1")
		p.WaitText("exception")
		p.stop()
		<-p.done
		for _, code := range []string{";31m", ";32m", ";36m", ";90m", "[31m", "[32m", "[36m", "[90m"} {
			if strings.Contains(raw.String(), code) {
				t.Errorf("colour %q is written without colour", code)
			}
		}
	})
}

type tee struct {
	*rttest.Screen
	copy *output
}

func (w tee) Write(p []byte) (int, error) {
	_, _ = w.copy.Write(p)
	return w.Screen.Write(p)
}

// TestProgramEndsWithTheSession: without reconnects a lost connection is the
// end.
func TestProgramEndsWithTheSession(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeServer()
		p := startProgram(t, testSession(t, f, func(o *SessionOptions) { o.NoReconnect = true }), 80, 24, nil)
		c := <-f.conns
		p.WaitText("● open")
		c.end(rt.CloseInfo{By: rt.ByNetwork})
		if err := <-p.done; rt.KindOf(err) != rt.KindUnreachable {
			t.Errorf("error %v", err)
		}
		if p.AltScreen() {
			t.Error("the terminal was left on the alternate screen")
		}
	})
}

// TestProgramIsIdle: nothing happens, nothing is drawn but the clock.
func TestProgramIsIdle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeServer()
		p := startProgram(t, testSession(t, f, held), 100, 30, nil)
		<-f.conns
		p.WaitText("● open")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		frames, written := p.app.frames.Load(), p.Written()
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := p.app.frames.Load() - frames; n > 61 {
			t.Errorf("%d frames in an idle minute, want one a second", n)
		}
		if n := p.Written() - written; n > 61*300 {
			t.Errorf("%d bytes written in an idle minute", n)
		}
		p.stop()
		<-p.done
	})
}

// TestProgramCountsDown shows the back-off in tenths of a second.
func TestProgramCountsDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeServer(errUnreachable, errUnreachable, errUnreachable)
		p := startProgram(t, testSession(t, f, held), 100, 30, nil)
		p.WaitText("retry 3 in 4.0s")
		p.WaitText("retry 3 in 3.")
		p.Type("R") // does not wait for the rest
		<-f.conns
		p.WaitText("● open 0s")
		p.stop()
		<-p.done
	})
}
