package tui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
)

// frameInterval is the time between two frames while something happens.
const frameInterval = 50 * time.Millisecond

// ErrInterrupted is returned by Run when the user pressed ctrl+c.
var ErrInterrupted = errors.New("interrupted")

// Options configure Run. Session is required.
type Options struct {
	Session *Session
	// Input and Output are the terminal.
	Input  io.Reader
	Output io.Writer
	// Environ is what the terminal's abilities are taken from: TERM and its
	// kin as NAME=value.
	Environ []string
	Profile colorprofile.Profile
	// Width and Height preset the size in cells for an Output that is not a
	// terminal.
	Width, Height int
	Filter        Filter
	Mask          *Mask // what hides secrets; nil means the zero Mask
	ShowSecrets   bool  // begin with the mask off
}

// Run connects the session and shows it until the user quits, ctx ends, or the
// session ends for good, whose error it returns then. The terminal is restored
// before it returns, also after a panic.
func Run(ctx context.Context, o Options) error {
	return (&app{screen: newInspect(o)}).run(ctx, o)
}

func (a *app) run(ctx context.Context, o Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	a.ctx = ctx
	opts := []tea.ProgramOption{
		tea.WithInput(o.Input), tea.WithOutput(resetMargins(o.Output)), tea.WithEnvironment(o.Environ),
		tea.WithColorProfile(o.Profile),
		tea.WithoutSignalHandler(), // the caller's context says when to end
	}
	if o.Width > 0 {
		opts = append(opts, tea.WithWindowSize(o.Width, o.Height))
	}
	p := tea.NewProgram(a, opts...)

	ended := make(chan error, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				ended <- fmt.Errorf("session: %v", r)
				p.Kill() // gives the terminal back
			}
		}()
		ended <- o.Session.Run(ctx)
		p.Quit() // it only ends by itself when it shall not reconnect
	}()
	stop := context.AfterFunc(ctx, p.Quit)
	_, err := p.Run()
	stop()
	cancel()
	sessionErr := <-ended
	switch {
	case errors.Is(err, tea.ErrProgramPanic):
		return err
	case sessionErr != nil && !a.interrupted:
		return sessionErr
	case err != nil:
		return fmt.Errorf("terminal: %w", err)
	case a.interrupted:
		return ErrInterrupted
	}
	return nil
}

// app is the only model of the program: it owns the clock of the frames, the
// cached screen, and passes keys on.
//
// View is called after every message; it returns the cached screen. A screen
// is composed after a key, a resize, and at most once an interval when the
// session has changed.
type app struct {
	ctx    context.Context
	screen *inspect
	canvas canvas

	width, height int
	view          tea.View
	frames        atomic.Int64 // composed so far
	last          time.Time
	interrupted   bool
}

// frameMsg says that a frame is due.
type frameMsg struct{}

// Init starts the clock.
func (a *app) Init() tea.Cmd { return a.nextFrame(true) }

// nextFrame returns a command that waits for a reason to draw: more work, new
// events, or the next tick of a clock on the screen; and then for the moment
// when a frame is due.
func (a *app) nextFrame(more bool) tea.Cmd {
	due := a.last.Add(frameInterval)
	idle := time.Second // the clocks on the screen show seconds
	if a.screen.state.Phase == PhaseWaiting {
		idle = 200 * time.Millisecond // a countdown in tenths
	}
	return func() tea.Msg {
		if !more {
			t := time.NewTimer(idle)
			defer t.Stop()
			select {
			case <-a.screen.session.Source().Wake():
			case <-t.C:
			case <-a.ctx.Done():
				return nil
			}
		}
		if wait := time.Until(due); wait > 0 {
			t := time.NewTimer(wait)
			defer t.Stop()
			select {
			case <-t.C:
			case <-a.ctx.Done():
				return nil
			}
		}
		return frameMsg{}
	}
}

// Update handles one message and never waits.
func (a *app) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		a.width, a.height = msg.Width, msg.Height
		a.compose()
	case frameMsg:
		a.last = time.Now()
		more := a.compose()
		return a, a.nextFrame(more)
	case tea.KeyPressMsg:
		if key.Matches(msg, keys.Interrupt) {
			a.interrupted = true
			return a, tea.Quit
		}
		cmd := a.screen.handle(msg)
		a.compose()
		return a, cmd
	case tea.PasteMsg:
		a.screen.paste(msg.Content)
		a.compose()
	case doneMsg:
		if msg.err != nil {
			a.screen.problem = causeText(msg.err)
		}
		a.compose()
	}
	return a, nil
}

// compose draws the screen anew. It reports whether the screen has more to
// take in than one frame allows.
func (a *app) compose() (more bool) {
	more = a.screen.refresh(time.Now())
	if a.width == 0 {
		return more
	}
	cur := a.screen.draw(&a.canvas, a.width, a.height)
	a.view = tea.NewView(a.canvas.render())
	a.view.AltScreen = true
	a.view.WindowTitle = "rtk " + a.screen.target
	if cur != nil {
		a.view.Cursor = tea.NewCursor(cur.x, cur.y)
	}
	a.frames.Add(1)
	return more
}

// View returns the screen that was composed last.
func (a *app) View() tea.View { return a.view }
