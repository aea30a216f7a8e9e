package webhook

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server/service"
)

// script is an endpoint without a network: one status a request, the last for
// all that follow; 0 does not answer.
type script struct {
	statuses []int
	at       []time.Duration // of each request, since start
	start    time.Time
	header   http.Header
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	status := s.statuses[min(len(s.at), len(s.statuses)-1)]
	s.at = append(s.at, time.Since(s.start))
	if status == 0 {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	return &http.Response{StatusCode: status, Header: s.header, Body: io.NopCloser(strings.NewReader("")), Request: r}, nil
}

func bubble(t *testing.T, s *script, o Options, f func(*Webhook)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s.start = time.Now()
		o.URL, o.Transport = "http://h", s
		w, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		f(w)
	})
}

func TestRetryPauses(t *testing.T) {
	t.Parallel()
	s := &script{statuses: []int{500, 502, 503, 200}}
	bubble(t, s, Options{Retries: 5, Deadline: time.Minute}, func(w *Webhook) {
		if _, err := w.Call(context.Background(), call()); err != nil {
			t.Fatal(err)
		}
		if len(s.at) != 4 {
			t.Fatalf("%d tries, want 4", len(s.at))
		}
		for i := 1; i < len(s.at); i++ {
			if d := s.at[i] - s.at[i-1]; d >= minPause<<(i-1) {
				t.Errorf("pause %d is %v, want less than %v", i, d, minPause<<(i-1))
			}
		}
	})
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	s := &script{statuses: []int{429, 200}, header: http.Header{"Retry-After": {"3"}}}
	bubble(t, s, Options{Deadline: time.Minute}, func(w *Webhook) {
		if _, err := w.Call(context.Background(), call()); err != nil {
			t.Fatal(err)
		}
		if d := s.at[1]; d < 3*time.Second || d >= 3*time.Second+minPause {
			t.Errorf("second try after %v, want 3 s and a little", d)
		}
	})
	// There is no point in waiting for longer than the call has time.
	s = &script{statuses: []int{429}, header: http.Header{"Retry-After": {"3"}}}
	bubble(t, s, Options{Deadline: 2 * time.Second}, func(w *Webhook) {
		if _, err := w.Call(context.Background(), call()); code(err) != service.CodeUnavailable || time.Since(s.start) != 0 {
			t.Errorf("error %v after %v, want unavailable at once", err, time.Since(s.start))
		}
	})
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	s := &script{statuses: []int{0}}
	bubble(t, s, Options{Timeout: 2 * time.Second, Deadline: 3 * time.Second, Retries: 9}, func(w *Webhook) {
		_, err := w.Call(context.Background(), call())
		if code(err) != service.CodeTimeout || len(s.at) != 2 || time.Since(s.start) != 3*time.Second {
			t.Errorf("error %v after %v and %d tries, want a timeout after 3 s and 2 tries", err, time.Since(s.start), len(s.at))
		}
	})
}

// TestBreaker opens, refuses without a request, probes, opens for longer, closes.
func TestBreaker(t *testing.T) {
	t.Parallel()
	s := &script{statuses: []int{500}}
	bubble(t, s, Options{Retries: -1}, func(w *Webhook) {
		ask := func() error {
			_, err := w.Call(context.Background(), call())
			return errors.Unwrap(err)
		}
		for range breakerMin {
			if err := ask(); errors.Is(err, errOpen) {
				t.Fatal("opened too early")
			}
		}
		if w.State() != "open" || !errors.Is(ask(), errOpen) || len(s.at) != breakerMin {
			t.Fatalf("state %s after %d requests, want open after %d", w.State(), len(s.at), breakerMin)
		}
		time.Sleep(minOpen * 5 / 4)
		if w.State() != "half-open" {
			t.Fatalf("state %s, want half-open", w.State())
		}
		if err := ask(); errors.Is(err, errOpen) || w.State() != "open" {
			t.Fatalf("probe: %v, state %s; want a request and open again", err, w.State())
		}
		time.Sleep(minOpen * 5 / 4)
		if !errors.Is(ask(), errOpen) {
			t.Fatal("a failed probe must double the time")
		}
		s.statuses = []int{204}
		time.Sleep(minOpen * 5 / 4)
		if err := ask(); err != nil || w.State() != "closed" {
			t.Fatalf("probe: %v, state %s; want closed", err, w.State())
		}
	})
}

// TestBreakerBounds are what must not open it: few failures, old ones, and
// fewer than half.
func TestBreakerBounds(t *testing.T) {
	t.Parallel()
	at := time.Unix(1_800_000_000, 0)
	for _, tc := range []struct {
		name string
		do   func(b *breaker)
	}{
		{"few", func(b *breaker) {
			for range breakerMin - 1 {
				b.done(at, false, false)
			}
		}},
		{"old", func(b *breaker) {
			for i := range 100 {
				b.done(at.Add(time.Duration(i)*2*time.Second), false, false)
			}
		}},
		{"fewer than half", func(b *breaker) {
			for range 100 {
				b.done(at, false, true)
				b.done(at, false, true)
				b.done(at, false, false)
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := &breaker{}
			tc.do(b)
			if got := b.state(at); got != "closed" {
				t.Errorf("state %s, want closed", got)
			}
		})
	}
	b := &breaker{openFor: minOpen, until: at}
	if probe, err := b.allow(at); !probe || err != nil {
		t.Fatalf("first probe: %v, %v", probe, err)
	}
	if _, err := b.allow(at); !errors.Is(err, errOpen) {
		t.Errorf("second probe: %v, want refused", err)
	}
	b.forgo(true)
	if probe, err := b.allow(at); !probe || err != nil {
		t.Errorf("after a forgone probe: %v, %v, want the next", probe, err)
	}
}
