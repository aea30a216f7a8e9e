package rttest

import (
	"errors"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
)

// Screen is a terminal in memory: a program writes to it and reads keys from
// it, a test types and looks. It works inside a testing/synctest bubble.
//
//	s := rttest.NewScreen(t, 100, 30)
//	go program(s, s)            // io.Reader and io.Writer
//	s.WaitText("● open")
//	s.Type("/error\r")
type Screen struct {
	t     testing.TB
	input *keys
	mute  atomic.Bool

	mu      sync.Mutex
	term    *vt.Emulator
	written int
	changed chan struct{} // closed and replaced by every Write
}

// NewScreen returns an empty screen of w columns and h rows, which is closed
// when the test ends.
func NewScreen(t testing.TB, w, h int) *Screen {
	t.Helper()
	s := &Screen{t: t, term: vt.NewEmulator(w, h), input: newKeys(), changed: make(chan struct{})}
	// A tty turns LF into CR LF; the emulator does so in line feed mode.
	_, _ = s.term.Write([]byte("\x1b[20h"))
	// The emulator answers queries (device attributes, modes) through a pipe
	// without a buffer, inside of Write: somebody must always read.
	pumped := make(chan struct{})
	go func() {
		defer close(pumped)
		_, _ = io.Copy(answers{s}, s.term)
	}()
	t.Cleanup(func() {
		s.Close()
		<-pumped
	})
	return s
}

// Mute keeps the terminal from answering queries: from then on a program reads
// only what is typed. A program that ends while an answer is under way may
// leave its reader behind, which a synctest bubble takes for a deadlock.
func (s *Screen) Mute() { s.mute.Store(true) }

// answers passes on what the emulator answers.
type answers struct{ s *Screen }

func (a answers) Write(p []byte) (int, error) {
	if a.s.mute.Load() {
		return len(p), nil
	}
	return a.s.input.Write(p)
}

// Close ends the input of the program with io.EOF. It is idempotent.
func (s *Screen) Close() {
	s.input.close()
	_ = s.term.InputPipe().(io.Closer).Close()
}

// Read returns what was typed, as a terminal does.
func (s *Screen) Read(p []byte) (int, error) { return s.input.Read(p) }

// Write draws.
func (s *Screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.term.Write(p)
	s.written += n
	close(s.changed)
	s.changed = make(chan struct{})
	return n, err
}

// Written is the number of bytes written so far.
func (s *Screen) Written() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.written
}

// Type sends keys: plain text, "\r" for enter, "\x1b" for escape.
func (s *Screen) Type(text string) { _, _ = s.input.Write([]byte(text)) }

// Text returns the characters on the screen, without trailing blanks.
func (s *Screen) Text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	w, h := s.term.Width(), s.term.Height()
	var out strings.Builder
	for y := range h {
		var line strings.Builder
		for x := range w {
			if c := s.term.CellAt(x, y); c != nil {
				line.WriteString(c.Content)
			}
		}
		out.WriteString(strings.TrimRight(line.String(), " "))
		out.WriteByte('\n')
	}
	return out.String()
}

// AltScreen reports whether the alternate screen is shown.
func (s *Screen) AltScreen() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.term.IsAltScreen()
}

// WaitText waits until want stands on the screen and returns the screen. The
// test fails after five seconds.
func (s *Screen) WaitText(want string) string {
	s.t.Helper()
	return s.Wait(want, func(text string) bool { return strings.Contains(text, want) })
}

// Wait waits until ok accepts the screen and returns it; what names the
// condition in the failure.
func (s *Screen) Wait(what string, ok func(text string) bool) string {
	s.t.Helper()
	deadline := time.NewTimer(5 * time.Second)
	defer deadline.Stop()
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		text := s.Text()
		if ok(text) {
			return text
		}
		select {
		case <-changed:
		case <-deadline.C:
			s.t.Fatalf("screen: no %q in\n%s", what, text)
		}
	}
}

// keys is the input side of a Screen: a pipe with a buffer, so that typing
// never waits for the program.
type keys struct {
	mu     sync.Mutex
	more   sync.Cond
	buf    []byte
	closed bool
}

func newKeys() *keys {
	k := &keys{}
	k.more.L = &k.mu
	return k
}

func (k *keys) Write(p []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return 0, errors.New("screen is closed")
	}
	k.buf = append(k.buf, p...)
	k.more.Broadcast()
	return len(p), nil
}

func (k *keys) Read(p []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for len(k.buf) == 0 && !k.closed {
		k.more.Wait()
	}
	if len(k.buf) == 0 {
		return 0, io.EOF
	}
	n := copy(p, k.buf)
	k.buf = k.buf[n:]
	return n, nil
}

func (k *keys) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.closed = true
	k.more.Broadcast()
}
