package admin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/realtime-toolkit/rtk/pkg/server/stats"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// gateway records what was published and tells what a test sets.
type gateway struct {
	mu        sync.Mutex
	pod       stats.Pod
	published []published
	refuse    error
}

type published struct {
	Namespace     string
	Rooms, Except []string
	Event, Args   string
}

func (g *gateway) Stats() stats.Pod {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.pod
}

func (g *gateway) Ready() (bool, string) {
	p := g.Stats()
	return p.Ready, p.Reason
}

func (g *gateway) Publish(namespace string, rooms, except []string, event string, args []byte) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.refuse != nil {
		return g.refuse
	}
	g.published = append(g.published, published{namespace, rooms, except, event, string(args)})
	return nil
}

func (g *gateway) set(f func(*stats.Pod)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f(&g.pod)
}

func start(t *testing.T, opts Options) (*gateway, *httptest.Server) {
	t.Helper()
	g := &gateway{pod: stats.Pod{ID: "pod-a", Version: "v1", Ready: true}}
	opts.Gateway = g
	a, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(a)
	t.Cleanup(func() {
		a.Close()
		srv.Client().CloseIdleConnections()
		srv.Close()
	})
	return g, srv
}

// do sends a request and returns status and body.
func do(t *testing.T, srv *httptest.Server, method, path, body string, header ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, srv.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := srv.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func TestProbes(t *testing.T) {
	t.Parallel()
	g, srv := start(t, Options{})
	if status, body := do(t, srv, "GET", "/healthz", ""); status != 200 || body != "{\"ok\":true}\n" {
		t.Errorf("healthz: %d %s", status, body)
	}
	if status, body := do(t, srv, "GET", "/readyz", ""); status != 200 || body != "{\"ready\":true}\n" {
		t.Errorf("readyz: %d %s", status, body)
	}
	g.set(func(p *stats.Pod) { p.Ready, p.Reason = false, "draining" })
	if status, body := do(t, srv, "GET", "/readyz", ""); status != 503 || body != "{\"ready\":false,\"reason\":\"draining\"}\n" {
		t.Errorf("readyz of a draining pod: %d %s", status, body)
	}
	if status, _ := do(t, srv, "GET", "/healthz", ""); status != 200 {
		t.Errorf("healthz of a draining pod: %d, want 200: it must not be killed", status)
	}
}

func TestStats(t *testing.T) {
	t.Parallel()
	g, srv := start(t, Options{})
	g.set(func(p *stats.Pod) { p.Clients.WebSocket = 3 })
	status, body := do(t, srv, "GET", "/stats", "")
	var got stats.Pod
	if err := json.Unmarshal([]byte(body), &got); err != nil || status != 200 {
		t.Fatalf("%d %s: %v", status, body, err)
	}
	if d := cmp.Diff(g.Stats(), got); d != "" {
		t.Errorf("stats (-want +got):\n%s", d)
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	g, srv := start(t, Options{})
	g.set(func(p *stats.Pod) {
		p.Clients = stats.Clients{WebSocket: 3, SSEHTTP2: 2}
		p.Traffic.MessagesOut = 41
		p.Refusals.AuthByCode = map[string]uint64{"token_expired": 7}
		p.Connections.ClosedByReason = map[string]uint64{"ping timeout": 1}
		p.Backplane = &stats.Backplane{Degraded: true, RTTMicros: 1500}
	})
	status, body := do(t, srv, "GET", "/metrics", "")
	if status != 200 {
		t.Fatalf("status %d: %s", status, body)
	}
	for _, want := range []string{
		`rtk_pod_info{pod="pod-a",version="v1"} 1`,
		`rtk_ready 1`,
		`rtk_clients{transport="websocket"} 3`,
		`rtk_clients{transport="sse_http2"} 2`,
		`rtk_messages_sent_total 41`,
		`rtk_auth_failures_total{code="token_expired"} 7`,
		`rtk_connections_closed_total{reason="ping timeout"} 1`,
		`rtk_cluster_degraded 1`,
		`rtk_cluster_rtt_seconds 0.0015`,
		`go_goroutines `,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	g.set(func(p *stats.Pod) { p.Backplane = nil })
	if status, body := do(t, srv, "GET", "/metrics", ""); status != 200 || strings.Contains(body, "rtk_cluster_") {
		t.Errorf("a pod alone: %d, want no rtk_cluster_ metrics", status)
	}
}

func TestPprofHidesTheCommandLine(t *testing.T) {
	t.Parallel()
	_, srv := start(t, Options{})
	if status, body := do(t, srv, "GET", "/debug/pprof/", ""); status != 200 || !strings.Contains(body, "goroutine") {
		t.Errorf("index: %d", status)
	}
	if status, _ := do(t, srv, "GET", "/debug/pprof/cmdline", ""); status != 404 {
		t.Errorf("cmdline: %d, want 404", status)
	}
}

func TestKey(t *testing.T) {
	t.Parallel()
	_, srv := start(t, Options{Key: "s3cret"})
	const message = `{"topic":"t","event":"e"}`
	tests := []struct {
		name, method, path, body string
		header                   []string
		want                     int
	}{
		{"publish without", "POST", "/api/publish", message, nil, 401},
		{"publish with another", "POST", "/api/publish", message, []string{"Authorization", "Bearer wrong"}, 401},
		{"publish with another scheme", "POST", "/api/publish", message, []string{"Authorization", "Basic s3cret"}, 401},
		{"publish with it", "POST", "/api/publish", message, []string{"Authorization", "Bearer s3cret"}, 202},
		{"scheme in lower case", "POST", "/api/publish", message, []string{"Authorization", "bearer s3cret"}, 202},
		{"feed without", "GET", "/admin/events", "", nil, 401},
		{"profiles without", "GET", "/debug/pprof/heap", "", nil, 401},
		{"readiness without", "GET", "/readyz", "", nil, 200},
		{"metrics without", "GET", "/metrics", "", nil, 200},
		{"statistics without", "GET", "/stats", "", nil, 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			status, body := do(t, srv, tt.method, tt.path, tt.body, tt.header...)
			if status != tt.want {
				t.Errorf("status %d, want %d: %s", status, tt.want, body)
			}
			if strings.Contains(body, "s3cret") {
				t.Errorf("the answer shows the key: %s", body)
			}
		})
	}
}

func TestNewRefusesNoGateway(t *testing.T) {
	t.Parallel()
	if _, err := New(Options{}); err == nil {
		t.Error("no error")
	}
}

func TestCrossOrigin(t *testing.T) {
	t.Parallel()
	g, srv := start(t, Options{})
	status, body := do(t, srv, "POST", "/api/publish", `{"topic":"t","event":"e"}`, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")
	if status != 403 || !strings.Contains(body, "cross_origin") {
		t.Errorf("a page of another site: %d %s, want 403", status, body)
	}
	if len(g.published) != 0 {
		t.Error("it was published")
	}
}

var errUnknown = errors.New("unknown namespace")

func TestPublishRefusedByTheGateway(t *testing.T) {
	t.Parallel()
	g, srv := start(t, Options{})
	g.refuse = errUnknown
	status, body := do(t, srv, "POST", "/api/publish", `{"namespace":"/x","event":"e"}`)
	if status != 422 || !strings.Contains(body, "unknown namespace") {
		t.Errorf("%d %s", status, body)
	}
}

// nextLine returns the next line of a stream, or fails the test after a while.
func nextLine(ctx context.Context, t *testing.T, lines <-chan string) string {
	t.Helper()
	select {
	case l, ok := <-lines:
		if !ok {
			t.Fatal("the stream ended")
		}
		return l
	case <-time.After(5 * time.Second):
		t.Fatal("no line for 5 s")
	case <-ctx.Done():
		t.Fatal("test ended")
	}
	return ""
}
