package tui

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// running starts s and returns a function that stops it and gives Run's error.
func running(t *testing.T, s *Session) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(cancel)
	return func() error {
		cancel()
		return <-done
	}
}

// noted are the local events of s as "name: note".
func noted(s *Session) (out []string) {
	events, _, _ := s.Source().Read(nil, 1, 1000)
	for _, e := range events {
		if e.Dir == rt.Local {
			out = append(out, e.Name+": "+e.Note)
		}
	}
	return out
}

func TestSessionReconnects(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeServer(nil, errUnreachable, errUnreachable)
		s := testSession(t, f, nil)
		stop := running(t, s)
		c := <-f.conns
		synctest.Wait()
		if st := s.State(); st.Phase != PhaseOpen || st.Info.SID != "9fQx2" {
			t.Errorf("state %+v", st)
		}
		began := time.Now()
		c.end(rt.CloseInfo{By: rt.ByNetwork, Code: 1006})
		synctest.Wait()
		if st := s.State(); st.Phase != PhaseWaiting || st.RetryAt.Sub(began) != time.Second {
			t.Errorf("after the drop: %v, retry in %v", st.Phase, st.RetryAt.Sub(began))
		}
		<-f.conns
		synctest.Wait()
		// 1 s, then the two refused attempts wait 1 s and 2 s.
		if waited := time.Since(began); waited != 4*time.Second {
			t.Errorf("back after %v, want 4s", waited)
		}
		st := s.State()
		if st.Phase != PhaseOpen || st.Reconnects != 1 || st.Attempt != 0 {
			t.Errorf("state %+v", st)
		}
		if diff := cmp.Diff([]Drop{{"1006 transport lost", 1}}, st.Drops); diff != "" {
			t.Errorf("drops (-want +got):\n%s", diff)
		}
		if len(st.Breaks) != 1 || st.Breaks[0].To.Sub(st.Breaks[0].From) != 4*time.Second {
			t.Errorf("breaks %+v", st.Breaks)
		}
		if err := stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
		want := []string{
			"connected: websocket in 11ms, sid 9fQx2",
			"close 1006: transport lost", "retry 1: in 1.0s",
			"failed: dial: connection refused", "retry 1: in 1.0s",
			"failed: dial: connection refused", "retry 2: in 2.0s",
			"reconnected: websocket in 11ms, sid 9fQx2",
		}
		if diff := cmp.Diff(want, noted(s)); diff != "" {
			t.Errorf("log (-want +got):\n%s", diff)
		}
	})
}

func TestSessionEnds(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		refuse error
		change func(*SessionOptions)
		act    func(*fakeConn) // nil: there is no connection
		kind   rt.ErrKind      // KindInternal: no error
		phase  Phase
	}{
		{"refused", errRejected, nil, nil, rt.KindRejected, PhaseRefused},
		{"unreachable at first", errUnreachable, func(o *SessionOptions) { o.MustConnect = true }, nil, rt.KindUnreachable, PhaseClosed},
		{"unreachable, no reconnect", errUnreachable, func(o *SessionOptions) { o.NoReconnect = true }, nil, rt.KindUnreachable, PhaseClosed},
		{"lost, no reconnect", nil, func(o *SessionOptions) { o.NoReconnect = true }, func(c *fakeConn) { c.end(rt.CloseInfo{By: rt.ByNetwork, Err: errors.New("reset")}) }, rt.KindUnreachable, PhaseClosed},
		{"closed normally, no reconnect", nil, func(o *SessionOptions) { o.NoReconnect = true }, func(c *fakeConn) { c.end(rt.CloseInfo{Code: 1000}) }, rt.KindInternal, PhaseClosed},
		{"closed with an error code, no reconnect", nil, func(o *SessionOptions) { o.NoReconnect = true }, func(c *fakeConn) { c.end(rt.CloseInfo{Code: 1011, Reason: "boom"}) }, rt.KindClosed, PhaseClosed},
		{"policy violation", nil, nil, func(c *fakeConn) { c.end(rt.CloseInfo{Code: 1008, Reason: "token expired"}) }, rt.KindRejected, PhaseRefused},
		{"disconnected by the server", nil, nil, func(c *fakeConn) {
			c.h.OnMessage(&rt.Message{At: time.Now(), Kind: rt.KindDisconnect, AckID: rt.NoAck})
			c.end(rt.CloseInfo{})
		}, rt.KindRejected, PhaseRefused},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFakeServer(tt.refuse)
				s := testSession(t, f, tt.change)
				done := make(chan error, 1)
				go func() { done <- s.Run(t.Context()) }()
				if tt.act != nil {
					tt.act(<-f.conns)
				}
				err := <-done
				if tt.kind == rt.KindInternal {
					if err != nil {
						t.Errorf("error %v", err)
					}
				} else if rt.KindOf(err) != tt.kind {
					t.Errorf("error %v of kind %v, want %v", err, rt.KindOf(err), tt.kind)
				}
				if st := s.State(); st.Phase != tt.phase {
					t.Errorf("phase %v, want %v", st.Phase, tt.phase)
				}
			})
		})
	}
}

func TestSessionTriesAgainAfterBusyAnswers(t *testing.T) {
	t.Parallel()
	for _, status := range []int{408, 429, 500, 503} {
		if isRefusal(&rt.Error{Kind: rt.KindRejected, Status: status}) {
			t.Errorf("%d is taken for a refusal", status)
		}
	}
	for _, status := range []int{0, 401, 403, 404} {
		if !isRefusal(&rt.Error{Kind: rt.KindRejected, Status: status}) {
			t.Errorf("%d is not taken for a refusal", status)
		}
	}
}

func TestSessionHold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeServer(errRejected)
		s := testSession(t, f, func(o *SessionOptions) { o.Hold = true })
		stop := running(t, s)
		time.Sleep(time.Hour)
		if st := s.State(); st.Phase != PhaseRefused || len(f.dialed()) != 1 {
			t.Errorf("%v after %d attempts, want refused after 1", st.Phase, len(f.dialed()))
		}
		s.Open()
		<-f.conns
		synctest.Wait()
		s.Shut()
		synctest.Wait()
		if st := s.State(); st.Phase != PhaseClosed {
			t.Errorf("after /close: %v", st.Phase)
		}
		if err := s.Do(t.Context(), Command{Verb: VerbSend, Event: "x"}); err == nil {
			t.Error("a send without a connection succeeds")
		}
		time.Sleep(time.Hour)
		if n := len(f.dialed()); n != 2 {
			t.Errorf("%d attempts, want 2", n)
		}
		s.Open()
		c := <-f.conns
		synctest.Wait()
		c.end(rt.CloseInfo{By: rt.ByNetwork})
		synctest.Wait()
		s.Shut() // in the middle of a wait
		time.Sleep(time.Hour)
		if st := s.State(); st.Phase != PhaseClosed || len(f.dialed()) != 3 {
			t.Errorf("%v after %d attempts", st.Phase, len(f.dialed()))
		}
		if err := stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

func TestSessionAcks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeServer()
		s := testSession(t, f, nil)
		stop := running(t, s)
		c := <-f.conns
		synctest.Wait()
		for range 2 {
			if err := s.Do(t.Context(), Command{Verb: VerbSend, Event: "message", Body: []byte(`1`)}); err != nil {
				t.Fatal(err)
			}
		}
		if a, b := <-c.sent, <-c.sent; a.AckID != 0 || b.AckID != 1 {
			t.Errorf("ack ids %d and %d", a.AckID, b.AckID)
		}
		time.Sleep(7 * time.Millisecond)
		c.answer(1, `"ok"`)
		c.answer(99, `"never asked"`)
		events, _, _ := s.Source().Read(nil, 1, 100)
		if e := events[len(events)-2]; e.Latency != 7*time.Millisecond {
			t.Errorf("latency %v", e.Latency)
		}
		if e := events[len(events)-1]; e.Latency != 0 {
			t.Errorf("latency %v of an ack that nobody asked for", e.Latency)
		}
		if err := s.Do(t.Context(), Command{Verb: VerbAck}); err != nil {
			t.Error(err)
		}
		if err := s.Do(t.Context(), Command{Verb: VerbSend, Event: "message"}); err != nil {
			t.Error(err)
		}
		if m := <-c.sent; m.AckID != rt.NoAck {
			t.Errorf("ack id %d after /ack off", m.AckID)
		}
		c.mute = errors.New("broken pipe")
		if err := s.Do(t.Context(), Command{Verb: VerbSend, Event: "message"}); err == nil {
			t.Error("a failed send succeeds")
		}
		if st := s.Source().Stats(time.Now()); st.Out != 3 || st.Faults != 1 {
			t.Errorf("counted %d sent and %d faults, want 3 and 1", st.Out, st.Faults)
		}
		c.end(rt.CloseInfo{Code: 1001})
		synctest.Wait()
		log := noted(s)
		if got := log[len(log)-2]; got != "close 1001: by the server, 1 acks unanswered" {
			t.Errorf("log %q", got)
		}
		_ = stop()
	})
}

func TestSessionForgetsOldAcks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeServer()
		s := testSession(t, f, nil)
		stop := running(t, s)
		c := <-f.conns
		synctest.Wait()
		for range maxPendingAcks + 10 {
			if err := s.Do(t.Context(), Command{Verb: VerbSend, Event: "x"}); err != nil {
				t.Fatal(err)
			}
			<-c.sent
		}
		if _, ok := s.answered(9); ok {
			t.Error("the oldest ack is still awaited")
		}
		if _, ok := s.answered(10); !ok {
			t.Error("a newer ack was forgotten")
		}
		_ = stop()
	})
}

func TestSessionResumesSSE(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFakeServer()
		s := testSession(t, f, func(o *SessionOptions) { o.Request.Target = testTarget(t, rt.SSE) })
		stop := running(t, s)
		c := <-f.conns
		synctest.Wait()
		c.h.OnMessage(&rt.Message{At: time.Now(), Kind: rt.KindRetry, Body: []byte("3000"), AckID: rt.NoAck})
		c.h.OnMessage(&rt.Message{At: time.Now(), Kind: rt.KindEvent, Event: "tick", Body: []byte("1"), ID: "e1-17", AckID: rt.NoAck})
		began := time.Now()
		c.end(rt.CloseInfo{})
		<-f.conns
		synctest.Wait()
		if d := time.Since(began); d != 3*time.Second {
			t.Errorf("back after %v, want the 3s of the retry field", d)
		}
		if got := f.dialed()[1].LastEventID; got != "e1-17" {
			t.Errorf("Last-Event-ID %q", got)
		}
		_ = stop()
	})
}

func TestSessionConnectTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, err := NewSession(SessionOptions{Dialer: hangingDialer{}, Request: rt.DialRequest{Target: testTarget(t, rt.WebSocket)}, MustConnect: true, ConnectTimeout: 3 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := s.Run(t.Context()); rt.KindOf(err) != rt.KindTimeout || time.Since(began) != 3*time.Second {
			t.Errorf("error %v after %v", err, time.Since(began))
		}
	})
}

// hangingDialer never gets an answer.
type hangingDialer struct{}

func (hangingDialer) Dial(ctx context.Context, _ *rt.DialRequest, _ rt.Handler) (rt.Conn, error) {
	<-ctx.Done()
	return nil, &rt.Error{Op: "dial", Kind: rt.KindTimeout, Stage: rt.StageDial, Err: ctx.Err()}
}

func TestNewSessionChecksItsOptions(t *testing.T) {
	t.Parallel()
	if _, err := NewSession(SessionOptions{}); rt.KindOf(err) != rt.KindUsage {
		t.Errorf("error %v", err)
	}
}
