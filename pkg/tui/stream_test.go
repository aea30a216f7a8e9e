package tui

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// output is a buffer that two goroutines may use.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

func TestStreamText(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeServer()
		s := testSession(t, f, nil)
		var out, errs output
		in, input := io.Pipe()
		filter, _ := ParseFilter("-ev:typing")
		done := make(chan error, 1)
		go func() {
			done <- Stream(t.Context(), StreamOptions{Session: s, Out: &out, Err: &errs, In: in, Format: FormatText, Filter: filter, Mask: &Mask{}, Linger: 2 * time.Second})
		}()
		c := <-f.conns
		synctest.Wait() // the connection is in the log
		c.receive("message", `{"room":"r7","token":"abc","text":"\u001b[2J"}`)
		c.receive("typing", `{}`)
		c.h.OnMessage(&rt.Message{At: time.Now(), Kind: rt.KindPing, AckID: rt.NoAck})
		_, _ = io.WriteString(input, "message {\"text\":\"hi\"}\nnot json\n")
		if m := <-c.sent; m.Event != "message" || string(m.Body) != `{"text":"hi"}` {
			t.Errorf("sent %+v", m)
		}
		time.Sleep(4 * time.Millisecond)
		c.answer(0, `{"ok":true}`)
		began := time.Now()
		input.Close()
		if err := <-done; err != nil {
			t.Errorf("Stream: %v", err)
		}
		if d := time.Since(began); d != 2*time.Second {
			t.Errorf("lingered %v, want 2s", d)
		}
		want := `00:00:00.000 ← /chat message {"room":"r7","token":"•••","text":"\u001b[2J"}
00:00:00.000 → /chat message #0 {"text":"hi"}
00:00:00.004 ← /chat ack #0 {"ok":true}  +4.0ms
`
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("output (-want +got):\n%s", diff)
		}
		want = `rtk: connected: websocket in 11ms, sid 9fQx2
rtk: input: not JSON after "not", want   not {"text":"hi"}   or   not "text"
`
		if diff := cmp.Diff(want, errs.String()); diff != "" {
			t.Errorf("errors (-want +got):\n%s", diff)
		}
	})
}

func TestStreamNDJSON(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeServer()
		s := testSession(t, f, nil)
		var out output
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- Stream(ctx, StreamOptions{Session: s, Out: &out, Format: FormatNDJSON, Mask: &Mask{}})
		}()
		c := <-f.conns
		synctest.Wait()
		c.receive("move", `3,"l\u0065ft"`)
		c.h.OnMessage(&rt.Message{At: time.Now(), Kind: rt.KindEvent, Event: "tick", Body: []byte("{\n \"a\": 1, \"pass\u009bword\": \"x\" }"), ID: "7", Size: 30, AckID: rt.NoAck, Transport: rt.TransportSSE})
		c.h.OnMessage(&rt.Message{At: time.Now(), Kind: rt.KindEvent, Body: []byte("plain \x1btext"), AckID: rt.NoAck})
		c.h.OnMessage(&rt.Message{At: time.Now(), Kind: rt.KindEvent, Body: []byte{0, 1, 2}, Binary: true, AckID: rt.NoAck})
		c.h.OnMessage(&rt.Message{At: time.Now(), Kind: rt.KindEvent, Event: "file", Multi: true, Body: []byte(`{"_placeholder":true,"num":0}`), Attachments: [][]byte{{255}}, AckID: 4})
		time.Sleep(1500 * time.Microsecond)
		c.end(rt.CloseInfo{Code: 1012, Reason: "restart"})
		synctest.Wait()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Stream: %v", err)
		}
		want := `{"schema":"rtk.watch/v1","seq":1,"at":"2000-01-01T00:00:00Z","dir":"local","kind":"note","namespace":"/chat","event":"connected","note":"websocket in 11ms, sid 9fQx2"}
{"schema":"rtk.watch/v1","seq":2,"at":"2000-01-01T00:00:00Z","dir":"in","kind":"event","transport":"websocket","namespace":"/chat","event":"move","size":23,"args":[3,"l\u0065ft"]}
{"schema":"rtk.watch/v1","seq":3,"at":"2000-01-01T00:00:00Z","dir":"in","kind":"event","transport":"sse","event":"tick","id":"7","size":30,"data":{"a":1,"pass\u009bword":"x"}}
{"schema":"rtk.watch/v1","seq":4,"at":"2000-01-01T00:00:00Z","dir":"in","kind":"event","size":0,"text":"plain \u001btext"}
{"schema":"rtk.watch/v1","seq":5,"at":"2000-01-01T00:00:00Z","dir":"in","kind":"event","size":0,"binary":"AAEC"}
{"schema":"rtk.watch/v1","seq":6,"at":"2000-01-01T00:00:00Z","dir":"in","kind":"event","event":"file","ack_id":4,"size":0,"args":[{"_placeholder":true,"num":0}],"attachments":["/w=="]}
{"schema":"rtk.watch/v1","seq":7,"at":"2000-01-01T00:00:00.0015Z","dir":"local","kind":"note","namespace":"/chat","event":"close 1012","note":"restart","fault":true}
{"schema":"rtk.watch/v1","seq":8,"at":"2000-01-01T00:00:00.0015Z","dir":"local","kind":"note","namespace":"/chat","event":"retry 1","note":"in 1.0s"}
`
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("output (-want +got):\n%s", diff)
		}
		for _, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
			if !json.Valid([]byte(line)) {
				t.Errorf("not JSON: %s", line)
			}
		}
	})
}

// TestStreamWaitsForTheConnection: what is piped in at once is sent once there
// is a connection.
func TestStreamWaitsForTheConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeServer(errUnreachable)
		s := testSession(t, f, nil)
		done := make(chan error, 1)
		go func() {
			done <- Stream(t.Context(), StreamOptions{Session: s, Out: io.Discard, In: strings.NewReader("/join r7"), Linger: time.Second})
		}()
		c := <-f.conns
		if m := <-c.sent; m.Event != "join" {
			t.Errorf("sent %+v", m)
		}
		if err := <-done; err != nil {
			t.Errorf("Stream: %v", err)
		}
	})
}

func TestStreamLingersForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeServer()
		s := testSession(t, f, nil)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- Stream(ctx, StreamOptions{Session: s, Out: io.Discard, In: strings.NewReader(""), Linger: -1})
		}()
		time.Sleep(time.Hour)
		if st := s.State(); st.Phase != PhaseOpen {
			t.Errorf("%v an hour after the end of input", st.Phase)
		}
		cancel()
		<-done
	})
}

func TestStreamRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeServer(errRejected)
		s := testSession(t, f, nil)
		var errs output
		in, input := io.Pipe()
		defer input.Close()
		err := Stream(t.Context(), StreamOptions{Session: s, Out: io.Discard, Err: &errs, In: in})
		if rt.KindOf(err) != rt.KindRejected {
			t.Errorf("error %v", err)
		}
		if got := errs.String(); got != "" {
			t.Errorf("%q is said twice: the error says it too", got)
		}
	})
}

// closedPipe is an output whose reader has gone.
type closedPipe struct{}

func (closedPipe) Write([]byte) (int, error) { return 0, syscall.EPIPE }

func TestStreamEndsWithItsReader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeServer()
		s := testSession(t, f, nil)
		done := make(chan error, 1)
		go func() { done <- Stream(t.Context(), StreamOptions{Session: s, Out: closedPipe{}}) }()
		c := <-f.conns
		c.receive("message", "1")
		if err := <-done; !errors.Is(err, syscall.EPIPE) {
			t.Errorf("error %v, want EPIPE", err)
		}
		if st := s.State(); st.Phase != PhaseClosed {
			t.Errorf("the session is still %v", st.Phase)
		}
	})
}

// slowWriter blocks until it is let go.
type slowWriter struct {
	gate chan struct{}
	output
}

func (w *slowWriter) Write(p []byte) (int, error) {
	<-w.gate
	return w.output.Write(p)
}

// TestStreamReportsWhatItSkips: a slow reader costs events, never memory, and
// is told how many.
func TestStreamReportsWhatItSkips(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeServer()
		s := testSession(t, f, func(o *SessionOptions) { o.Buffer = 100 })
		out := &slowWriter{gate: make(chan struct{})}
		var errs output
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- Stream(ctx, StreamOptions{Session: s, Out: out, Err: &errs, Format: FormatNDJSON})
		}()
		c := <-f.conns
		synctest.Wait() // the first flush waits at the gate
		for range 1000 {
			c.receive("message", "1")
		}
		close(out.gate)
		synctest.Wait()
		cancel()
		<-done
		if got := out.String(); !strings.Contains(got, `{"schema":"rtk.watch/v1","kind":"dropped","dropped":900}`) || strings.Count(got, `"event":"message"`) != 100 {
			t.Errorf("output:\n%s", got)
		}
		if !strings.Contains(errs.String(), "skipped 900 events") {
			t.Errorf("errors %q", errs.String())
		}
	})
}

func TestTextLineColors(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 4, 12, 4, 31, 20e6, time.UTC)
	e := &Event{At: at, Namespace: "/chat", Name: "message", Body: []byte(`1`), Multi: true, AckID: rt.NoAck}
	want := "\x1b[2m12:04:31.020\x1b[m \x1b[36m←\x1b[m \x1b[2m/chat\x1b[m \x1b[36mmessage\x1b[m 1\n"
	if got := string(appendTextLine(nil, e, nil, true)); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
