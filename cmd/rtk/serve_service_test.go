package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/internal/rttest"
	"github.com/realtime-toolkit/rtk/pkg/client"
	"github.com/realtime-toolkit/rtk/pkg/rt"
	"github.com/realtime-toolkit/rtk/pkg/server/service"
	"github.com/realtime-toolkit/rtk/pkg/server/service/streams"
	"github.com/realtime-toolkit/rtk/pkg/server/service/webhook"
)

// heard is what a client receives, an event or an acknowledgement an entry.
type heard chan string

func (h heard) OnMessage(m *rt.Message) {
	if m.AckID != rt.NoAck {
		h <- fmt.Sprintf("ack %d %s", m.AckID, m.Body)
	} else if m.Event != "" {
		h <- m.Event + " " + string(m.Body)
	}
}

func (h heard) OnClose(rt.CloseInfo) {}

func (h heard) want(t *testing.T, want string) {
	t.Helper()
	select {
	case got := <-h:
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	case <-time.After(10 * time.Second):
		t.Errorf("%s did not come", want)
	}
}

// dialServed opens a Socket.IO connection to a namespace of s.
func dialServed(t *testing.T, s *served, namespace, auth string) (rt.Conn, heard, error) {
	t.Helper()
	target, err := rt.ParseTarget(s.public + "/socket.io/")
	if err != nil {
		t.Fatal(err)
	}
	target.Namespace = namespace
	d := client.New(client.Options{})
	t.Cleanup(func() { d.Close() })
	h := make(heard, 100)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, err := d.Dial(ctx, &rt.DialRequest{Target: target, Auth: []byte(auth)}, h)
	if c != nil {
		t.Cleanup(func() { c.Close() })
	}
	return c, h, err
}

func emit(t *testing.T, c rt.Conn, ack int64, event, args string) {
	t.Helper()
	if err := c.Send(t.Context(), &rt.Outgoing{Event: event, Body: []byte(args), AckID: ack}); err != nil {
		t.Fatal(err)
	}
}

func configFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rtk.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestServeWebhook is a business in another program, in any language: it lets
// clients in, answers their events, talks to rooms, and hears of the end.
func TestServeWebhook(t *testing.T) {
	t.Parallel()
	const secret = "the-secret-of-the-orders"
	var mu sync.Mutex
	var hooks []string
	gone := make(chan string, 1)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if err := webhook.Verify(secret, r.Header, body, time.Now(), webhook.DefaultTolerance); err != nil {
			t.Error(err)
		}
		c, err := service.DecodeCloudEvent(body)
		if err != nil {
			t.Error(err)
			return
		}
		mu.Lock()
		hooks = append(hooks, string(c.Hook)+" "+c.Data.Event)
		mu.Unlock()
		switch {
		case c.Hook == service.HookConnect && strings.Contains(string(c.Data.Auth), "eve"):
			_, _ = io.WriteString(w, `{"reject":{"code":"not_you","message":"no entry"}}`)
		case c.Hook == service.HookConnect:
			_, _ = io.WriteString(w, `{"join":["staff"],"emit":[{"event":"welcome","data":{"n":1}}]}`)
		case c.Data.Event == "order.create":
			_, _ = io.WriteString(w, `{"ack":{"id":7},"emit":[{"event":"order.new","data":7,"rooms":["staff"]}]}`)
		case c.Hook == service.HookDisconnect:
			gone <- c.Data.Reason
		}
	}))
	defer hook.Close()
	s := startServeCmd(t, map[string]string{"ORDERS_SECRET": secret, "HOOK": hook.URL}, "-f", configFile(t, `
routes:
  - {namespace: /orders, events: "order.*", hooks: [connect, disconnect], service: orders}
services:
  orders:
    kind: webhook
    url: ${HOOK}/orders
    secret: ${ORDERS_SECRET}
    timeout: 2s
    concurrency: 8
`))
	if _, _, err := dialServed(t, s, "/orders", `{"name":"eve"}`); rt.KindOf(err) != rt.KindRejected || !strings.Contains(err.Error(), "not_you") {
		t.Errorf("eve: %v, want a refusal", err)
	}
	a, ha, err := dialServed(t, s, "/orders", `{"name":"ana"}`)
	if err != nil {
		t.Fatal(err)
	}
	ha.want(t, `welcome {"n":1}`)
	emit(t, a, 1, "order.create", `{"item":"tea"}`)
	ha.want(t, "order.new 7")
	ha.want(t, `ack 1 {"id":7}`)
	emit(t, a, 2, "cart.add", `1`)
	ha.want(t, `ack 2 {"ok":false,"error":{"code":"unknown_event","message":"no handler for this event"}}`)
	_ = a.Close()
	select {
	case <-gone:
	case <-time.After(10 * time.Second):
		t.Error("the service did not hear of the end")
	}
	if _, metrics := s.get(s.admin + "/metrics"); !strings.Contains(metrics, `rtk_service_calls_total{service="orders"} 4`) {
		t.Error("the calls are not in the metrics")
	}
	mu.Lock()
	defer mu.Unlock()
	if d := cmp.Diff([]string{"connect ", "connect ", "event order.create", "disconnect "}, hooks); d != "" {
		t.Errorf("hooks (-want +got)\n%s", d)
	}
	if strings.Contains(s.stderr.String(), secret) {
		t.Error("the secret is in the log")
	}
}

// TestServeStopsServices: a stop waits for the last calls.
func TestServeStopsServices(t *testing.T) {
	t.Parallel()
	told := make(chan string, 10)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		time.Sleep(200 * time.Millisecond)
		if c, err := service.DecodeCloudEvent(body); err == nil {
			told <- c.Data.Reason
		}
	}))
	defer hook.Close()
	s := startServeCmd(t, map[string]string{"HOOK": hook.URL}, "-f", configFile(t, `
services: {h: {kind: webhook, url: "${HOOK}"}}
routes: [{namespace: /h, hooks: [disconnect], service: h}]
`))
	if _, _, err := dialServed(t, s, "/h", ""); err != nil {
		t.Fatal(err)
	}
	s.signals <- os.Interrupt
	if code := s.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if got := len(told); got != 1 {
		t.Errorf("%d disconnects were told, want 1", got)
	}
}

// TestRoutingErrors come with their place and without a secret.
func TestRoutingErrors(t *testing.T) {
	t.Parallel()
	const ok = "services: {a: {kind: webhook, url: http://h}}\nroutes: [{namespace: /a, events: \"*\", service: a}]\n"
	for _, tc := range []struct{ name, src, want string }{
		{"good", ok, ""},
		{"nothing", "services:\nroutes:\n", ""},
		{"services is a list", "services: [1]\n", `rtk.yaml:1:11: `},
		{"service is a text", "services: {a: webhook}\n", `rtk.yaml:1:15: service "a": want a mapping`},
		{"unknown key", "services:\n  a: {kind: webhook, url: http://h, timeot: 2s}\n", `rtk.yaml:2:37: unknown key "timeot" in service "a", did you mean "timeout"?`},
		{"no kind", "services: {a: {url: http://h}}\n", `service "a" has no kind; kinds are `},
		{"unknown kind", "services: {a: {kind: webhok}}\n", `unknown kind "webhok", did you mean "webhook"?`},
		{"twice", "services: {a: {kind: webhook, url: http://h, url: http://i}}\n", `key "url" `},
		{"duration", "services: {a: {kind: webhook, url: http://h, timeout: fast}}\n", `timeout: want a duration`},
		{"count", "services: {a: {kind: webhook, url: http://h, concurrency: 0}}\n", `concurrency: must be at least 1`},
		{"list", "services: {a: {kind: webhook, url: {x: y}}}\n", `url wants one value`},
		{"environment", "services: {a: {kind: webhook, url: http://h, secret: \"${NOWHERE}\"}}\n", `rtk.yaml:1:54: secret: environment variable NOWHERE is not set`},
		{"message", "services: {a: {kind: webhook, url: \"${URL:?where is it}\"}}\n", `URL is not set: where is it`},
		{"empty secret", "services: {a: {kind: webhook, url: http://h, secret: \"${EMPTY}\"}}\n", `secret: is empty`},
		{"secret out of errors", "services: {a: {kind: webhook, url: http://h, timeout: \"${SECRET}\"}}\n", `timeout: want`},
		{"key of another kind", "services: {a: {kind: streams, redis: r, stream: s, url: http://h}}\n", `a service of kind streams has no url`},
		{"empty redis", "services: {a: {kind: streams, redis: \"${EMPTY}\"}}\n", `redis: is empty`},
		{"no route", "services: {a: {kind: webhook, url: http://h}}\n", `rtk.yaml:1:12: no route leads to service "a"`},
		{"routes is a mapping", "routes: {a: b}\n", `routes: want a list`},
		{"unknown service", ok + "---\nroutes: [{namespace: /a, events: x, service: b}]\n", `no service "b" in services`},
		{"unknown route key", "routes: [{namespac: /a}]\n", `unknown key "namespac" in a route, did you mean "namespace"?`},
		{"namespace", "routes: [{namespace: a}]\n", `namespace "a": must begin with /`},
		{"no namespace", strings.Replace(ok, "namespace: /a, ", "", 1), `a route wants a namespace`},
		{"no service", strings.Replace(ok, ", service: a", "", 1), `a route wants a service`},
		{"nothing to do", strings.Replace(ok, `events: "*", `, "", 1), `a route wants events from clients or hooks`},
		{"unknown hook", strings.Replace(ok, `events: "*"`, "hooks: [conect]", 1), `unknown hook "conect", did you mean "connect"?`},
		{"event hook", strings.Replace(ok, `events: "*"`, "hooks: [event]", 1), `hook "event" is the key events`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			env := &Env{LookupEnv: func(name string) (string, bool) {
				v, ok := map[string]string{"EMPTY": "", "SECRET": "hunter2"}[name]
				return v, ok
			}}
			_, err := parseRouting("rtk.yaml", []byte(tc.src), env)
			if tc.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("error %v\nwant %s", err, tc.want)
			}
		})
	}
}

// A service that may keep a client waiting for longer than its heartbeat allows
// is refused at the start.
func TestRoutingDeadline(t *testing.T) {
	t.Parallel()
	s := runServeCmd(t, nil, "--ping-timeout", "5s", "-f", configFile(t, `
services: {h: {kind: webhook, url: "http://h"}}
routes: [{namespace: /h, hooks: [connect], service: h}]
`))
	if code := s.wait(); code != 2 || !strings.Contains(s.stderr.String(), "must be shorter than --ping-timeout") {
		t.Errorf("exit code %d, stderr %s", code, s.stderr)
	}
}

func TestExpandEnv(t *testing.T) {
	t.Parallel()
	env := &Env{LookupEnv: func(name string) (string, bool) {
		v, ok := map[string]string{"A": "1", "EMPTY": "", "R": "${A}"}[name]
		return v, ok
	}}
	for _, tc := range []struct{ in, want, err string }{
		{"plain", "plain", ""},
		{"a${A}b${A}", "a1b1", ""},
		{"${EMPTY}", "", ""},
		{"${EMPTY:-d}", "d", ""},
		{"${NO:-d${A}}", "d1", ""},
		{"${R}", "${A}", ""}, // values are not expanded
		{"$${A}", "${A}", ""},
		{"$A {}", "$A {}", ""},
		{"${NO}", "", "NO is not set"},
		{"${EMPTY:?why}", "", "EMPTY is not set: why"},
		{"${A", "", "without }"},
		{"${}", "", "without a name"},
		{"${A-x}", "", "comes }"},
		{strings.Repeat("${NO:-", 20) + strings.Repeat("}", 20), "", "without }"},
	} {
		got, err := expandEnv(env, tc.in)
		if got != tc.want || (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
			t.Errorf("expandEnv(%q) = %q, %v; want %q, %q", tc.in, got, err, tc.want, tc.err)
		}
	}
}

func FuzzParseRouting(f *testing.F) {
	for _, s := range []string{"services: {a: {kind: webhook, url: http://h}}\nroutes: [{namespace: /a, events: \"*\", service: a}]\n", "routes: [1]", "services: {a: &x {kind: *x}}", "services: {a: {url: \"${A:-${B}\"}}"} {
		f.Add(s)
	}
	env := &Env{LookupEnv: func(string) (string, bool) { return "", false }}
	f.Fuzz(func(t *testing.T, src string) {
		if _, err := parseRouting("rtk.yaml", []byte(src), env); err != nil && !strings.Contains(err.Error(), "rtk.yaml") {
			t.Errorf("an error without its place: %v", err)
		}
	})
}

// TestServeStreams is the same over Redis: a worker lets clients in and answers
// their events.
func TestServeStreams(t *testing.T) {
	t.Parallel()
	url := rttest.Redis(t)
	gone := make(chan string, 1)
	w, err := streams.NewWorker(streams.WorkerOptions{URL: url, Stream: "rtk:jobs"}, service.Func(func(_ context.Context, c *service.Call) (*service.Answer, error) {
		switch {
		case c.Hook == service.HookConnect && strings.Contains(string(c.Data.Auth), "eve"):
			return nil, &service.Refusal{Code: "not_you", Message: "no entry"}
		case c.Hook == service.HookDisconnect:
			gone <- c.Data.Reason
		case c.Hook == service.HookEvent:
			return &service.Answer{Ack: c.Data.Args, Emit: []service.Emit{{Event: "progress", Data: []byte("50")}}}, nil
		}
		return nil, nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	s := startServeCmd(t, map[string]string{"REDIS_URL": url}, "-f", configFile(t, `
services:
  jobs: {kind: streams, redis: "${REDIS_URL}", stream: "rtk:jobs", deadline: 10s}
routes:
  - {namespace: /jobs, events: "*", hooks: [connect, disconnect], service: jobs}
`))
	if _, _, err := dialServed(t, s, "/jobs", `{"name":"eve"}`); rt.KindOf(err) != rt.KindRejected {
		t.Errorf("eve: %v, want a refusal", err)
	}
	c, h, err := dialServed(t, s, "/jobs", "")
	if err != nil {
		t.Fatal(err)
	}
	emit(t, c, 1, "resize", `{"n":1}`)
	h.want(t, "progress 50")
	h.want(t, `ack 1 [{"n":1}]`)
	_ = c.Close()
	select {
	case <-gone:
	case <-time.After(10 * time.Second):
		t.Error("the worker did not hear of the end")
	}
}
