package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/server/service"
)

const secret = "a-secret-that-must-not-leak"

func open(t *testing.T, o Options) *Webhook {
	t.Helper()
	w, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

func endpoint(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL + "/hook?key=" + secret
}

func call() *service.Call {
	return &service.Call{ID: "CALL1", Hook: service.HookEvent, Time: time.Unix(1767096277, 0).UTC(), Pod: "pod 1", Data: service.Data{
		Namespace: "/orders", Connection: service.Connection{ID: "c1", Protocol: "socket.io", Transport: "websocket", Subject: "ana"},
		Event: "order.create", Args: json.RawMessage(`[{"item":"<é>"}]`), Attachments: [][]byte{{0, 1}}, WantsAck: true,
	}}
}

func code(err error) string {
	if o, ok := errors.AsType[*service.Outage](err); ok {
		return o.Code
	}
	return ""
}

// TestCloudEvent is what an endpoint gets, and what of its answer arrives.
func TestCloudEvent(t *testing.T) {
	t.Parallel()
	w := open(t, Options{Secret: secret, URL: endpoint(t, func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if err := Verify(secret, r.Header, body, time.Now(), DefaultTolerance); err != nil {
			t.Error(err)
		}
		if got := r.Header.Get("Content-Type"); got != "application/cloudevents+json; charset=utf-8" {
			t.Errorf("Content-Type %q", got)
		}
		if got := r.Header.Get(HeaderIdempotencyKey); got != "CALL1" {
			t.Errorf("Idempotency-Key %q", got)
		}
		var got, want any
		if err := json.Unmarshal(body, &got); err != nil {
			t.Error(err)
		}
		_ = json.Unmarshal([]byte(`{"specversion":"1.0","id":"CALL1","source":"/rtk/pod%201","type":"io.rtk.gateway.event",
			"subject":"c1","partitionkey":"c1","time":"2025-12-30T12:04:37Z","datacontenttype":"application/json",
			"data":{"namespace":"/orders","connection":{"id":"c1","protocol":"socket.io","transport":"websocket","subject":"ana"},
			"event":"order.create","args":[{"item":"<é>"}],"attachments":["AAE="],"wantsAck":true}}`), &want)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("body (-want +got)\n%s", d)
		}
		_, _ = io.WriteString(rw, `{"ack":{"id":7},"emit":[{"event":"order.new","data":1,"rooms":["staff"]}],"join":["order:7"]}`)
	})})
	a, err := w.Call(t.Context(), call())
	if err != nil {
		t.Fatal(err)
	}
	want := &service.Answer{
		Ack: json.RawMessage(`{"id":7}`), Join: []string{"order:7"},
		Emit: []service.Emit{{Event: "order.new", Data: json.RawMessage("1"), Rooms: []string{"staff"}}},
	}
	if d := cmp.Diff(want, a); d != "" {
		t.Errorf("answer (-want +got)\n%s", d)
	}
}

// TestTrouble is each kind of endpoint that does not do what it should. Every
// call ends with one of the three codes, in time, and tells no secret.
func TestTrouble(t *testing.T) {
	t.Parallel()
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead.Close()
	answer := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
	}
	status := func(n int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(n) }
	}
	hang := func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}
	for _, tc := range []struct {
		name    string
		handler http.HandlerFunc
		url     string
		want    string // code
		cause   string // part of the error for the log
		tries   uint64
	}{
		{"slow", hang, "", service.CodeTimeout, "deadline", 2},
		{"slow in its body", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(w, `{"ack":`)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, "", service.CodeTimeout, "deadline", 2},
		{"dead", nil, "http://" + dead.Addr().String() + "/?key=" + secret, service.CodeUnavailable, "refused", 2},
		{"no such host", nil, "http://host.invalid/?key=" + secret, service.CodeUnavailable, "host.invalid", 2},
		{"hangs up", func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }, "", service.CodeUnavailable, "EOF", 2},
		{"cut short", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{"ack":1}`)
		}, "", service.CodeUnavailable, "EOF", 2},
		{"500", status(500), "", service.CodeUnavailable, "status 500", 2},
		{"429", status(429), "", service.CodeUnavailable, "status 429", 2},
		{"404", status(404), "", service.CodeUnavailable, "status 404", 1},
		{"401", status(401), "", service.CodeUnavailable, "status 401", 1},
		{"redirect", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://169.254.169.254/")
			w.WriteHeader(http.StatusTemporaryRedirect)
		}, "", service.CodeUnavailable, "status 307", 1},
		{"huge", answer(`{"ack":"` + strings.Repeat("x", 2000) + `"}`), "", service.CodeUnavailable, "larger than 1000 bytes", 1},
		{"HTML", answer("<html>"), "", service.CodeUnavailable, "invalid character", 1},
		{"array", answer("[]"), "", service.CodeUnavailable, "cannot unmarshal", 1},
		{"two answers", answer(`{}{}`), "", service.CodeUnavailable, "follows", 1},
		{"misspelled field", answer(`{"rejekt":{"code":"x"}}`), "", service.CodeUnavailable, `unknown field "rejekt"`, 1},
		{"reserved event", answer(`{"emit":[{"event":"disconnect"}]}`), "", service.CodeUnavailable, "reserved", 1},
		{"no rooms", answer(`{"emit":[{"event":"e","rooms":[]}]}`), "", service.CodeUnavailable, "empty", 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var tries atomic.Uint64
			url := tc.url
			if url == "" {
				url = endpoint(t, func(w http.ResponseWriter, r *http.Request) {
					tries.Add(1)
					tc.handler(w, r)
				})
			}
			w := open(t, Options{URL: url, Secret: secret, Timeout: 200 * time.Millisecond, Deadline: 10 * time.Second, Retries: 1, MaxResponse: 1000})
			_, err := w.Call(t.Context(), call())
			if code(err) != tc.want {
				t.Fatalf("error %v, code %q, want %q", err, code(err), tc.want)
			}
			text := err.Error() + errors.Unwrap(err).Error()
			if !strings.Contains(text, tc.cause) || strings.Contains(text, secret) {
				t.Errorf("error %q, want %q in it and no secret", text, tc.cause)
			}
			if got := w.Retries() + 1; got != tc.tries {
				t.Errorf("%d tries, want %d", got, tc.tries)
			}
		})
	}
}

func TestNothingIsAnEmptyAnswer(t *testing.T) {
	t.Parallel()
	w := open(t, Options{URL: endpoint(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })})
	a, err := w.Call(t.Context(), call())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(&service.Answer{}, a); d != "" {
		t.Error(d)
	}
}

// TestFlapping is an endpoint of which every other request fails: the same call
// comes again under the same key, and gets through.
func TestFlapping(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	keys := map[string]int{}
	var n atomic.Int64
	w := open(t, Options{URL: endpoint(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		keys[r.Header.Get(HeaderIdempotencyKey)]++
		mu.Unlock()
		if n.Add(1)%2 == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})})
	for i := range 3 {
		c := call()
		c.ID = string(rune('a' + i))
		if _, err := w.Call(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if d := cmp.Diff(map[string]int{"a": 2, "b": 2, "c": 2}, keys); d != "" {
		t.Errorf("requests by key (-want +got)\n%s", d)
	}
}

// TestBulkhead is a slow endpoint with more callers than it takes: some wait,
// the rest is refused at once, but a disconnect never is.
func TestBulkhead(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	entered := make(chan struct{}, 20)
	var under, most atomic.Int64
	url := endpoint(t, func(_ http.ResponseWriter, r *http.Request) {
		n := under.Add(1)
		defer under.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		entered <- struct{}{}
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	w := open(t, Options{URL: url, Concurrency: 2, Queue: 3, Timeout: 30 * time.Second})
	codes := make(chan string, 20)
	for range 10 {
		go func() {
			_, err := w.Call(context.Background(), call())
			codes <- code(err)
		}()
	}
	for range 5 { // they come while nothing has been released
		if got := <-codes; got != service.CodeBusy {
			t.Errorf("code %q, want busy", got)
		}
	}
	go func() {
		c := call()
		c.Hook = service.HookDisconnect
		_, err := w.Call(context.Background(), c)
		codes <- code(err)
	}()
	<-entered
	<-entered
	close(release)
	for range 6 {
		if got := <-codes; got != "" {
			t.Errorf("code %q, want none", got)
		}
	}
	if got := most.Load(); got != 2 {
		t.Errorf("%d requests at a time, want 2", got)
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		o    Options
		want string
	}{
		{"no url", Options{}, "url"},
		{"no scheme", Options{URL: "example.com/" + secret}, "url"},
		{"control character", Options{URL: "http://h/\n" + secret}, "url"},
		{"secret", Options{URL: "http://h", Secret: "whsec_" + secret}, "not base64"},
		{"deadline", Options{URL: "http://h", Timeout: time.Second, Deadline: time.Millisecond}, "shorter"},
		{"concurrency", Options{URL: "http://h", Concurrency: -1}, "concurrency"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := New(tc.o)
			if !errors.Is(err, ErrOptions) || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), secret) {
				t.Errorf("error %v, want %q in it and no secret", err, tc.want)
			}
		})
	}
}
