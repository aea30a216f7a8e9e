package admin

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server/stats"
)

// follow opens the feed and returns its lines; they end with the stream.
func follow(ctx context.Context, t *testing.T, srv *httptest.Server) <-chan string {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL+"/admin/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Last-Event-ID", "not a number") // must do no harm
	res, err := srv.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("status %d, type %q", res.StatusCode, res.Header.Get("Content-Type"))
	}
	lines := make(chan string, 4096)
	go func() {
		defer close(lines)
		defer res.Body.Close()
		s := bufio.NewScanner(res.Body)
		s.Buffer(nil, 1<<20)
		for s.Scan() {
			lines <- s.Text()
		}
	}()
	return lines
}

func awaitLine(ctx context.Context, t *testing.T, lines <-chan string, part string) string {
	t.Helper()
	for {
		if l := nextLine(ctx, t, lines); strings.Contains(l, part) {
			return l
		}
	}
}

func TestFeed(t *testing.T) {
	t.Parallel()
	g, srv := start(t, Options{FeedInterval: 5 * time.Millisecond})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	lines := follow(ctx, t, srv)

	awaitLine(ctx, t, lines, `"id":"pod-a"`)
	awaitLine(ctx, t, lines, "event: stats")
	g.set(func(p *stats.Pod) { p.Ready, p.Reason = false, "draining" })
	awaitLine(ctx, t, lines, `"text":"the pod is not ready","reason":"draining"`)
	awaitLine(ctx, t, lines, "event: notice")

	cancel()
	for range lines { // ends
	}
}

func TestFeedHasBoundedPlaces(t *testing.T) {
	t.Parallel()
	_, srv := start(t, Options{FeedInterval: 5 * time.Millisecond})
	ctx, cancel := context.WithCancel(t.Context())
	var all []<-chan string
	for range maxFeedClients {
		all = append(all, follow(ctx, t, srv))
	}
	for _, lines := range all {
		awaitLine(ctx, t, lines, "event: stats")
	}
	if status, body := do(t, srv, "GET", "/admin/events", ""); status != 503 || !strings.Contains(body, "busy") {
		t.Errorf("one too many: %d %s, want 503", status, body)
	}
	cancel()
	for _, lines := range all {
		for range lines {
		}
	}
}

// A reader that stops must not take the feed away from the others: r3labs/sse
// would block on it for ever.
func TestFeedSurvivesStuckReader(t *testing.T) {
	t.Parallel()
	g, srv := start(t, Options{FeedInterval: time.Millisecond})
	g.set(func(p *stats.Pod) { p.Reason = strings.Repeat("x", 64<<10) }) // fills socket buffers soon

	stuck, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer stuck.Close()
	_ = stuck.(*net.TCPConn).SetReadBuffer(4096)
	if _, err := io.WriteString(stuck, "GET /admin/events HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	lines := follow(ctx, t, srv)
	// 200 events of 64 KiB are far beyond the stuck connection's buffers.
	for range 200 {
		awaitLine(ctx, t, lines, "event: stats")
	}
	cancel()
	for range lines {
	}
}

func TestFeedCloseEndsStreams(t *testing.T) {
	t.Parallel()
	a, err := New(Options{Gateway: &gateway{}, FeedInterval: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(a)
	defer srv.Close()
	lines := follow(t.Context(), t, srv)
	awaitLine(t.Context(), t, lines, "event: stats")
	a.Close()
	for range lines { // ends
	}
	if status, _ := do(t, srv, "GET", "/admin/events", ""); status != 503 {
		t.Errorf("after Close: %d, want 503", status)
	}
}
