package e2e

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/internal/rttest"
)

// pinBalancer is a balancer that sends each request to the next pod, or to the pod
// that its cookie names.
func pinBalancer(t *testing.T, cookie string, pods ...*url.URL) *httptest.Server {
	t.Helper()
	var turn atomic.Uint32
	pick := func(r *http.Request) int {
		if c, err := r.Cookie(cookie); cookie != "" && err == nil {
			return int(c.Value[0] - '0')
		}
		return int(turn.Add(1)) % len(pods)
	}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pod := pick(r)
		if _, err := r.Cookie(cookie); cookie != "" && err != nil {
			http.SetCookie(w, &http.Cookie{Name: cookie, Value: string(rune('0' + pod))})
		}
		p := httputil.ReverseProxy{
			Rewrite:  func(r *httputil.ProxyRequest) { r.SetURL(pods[pod]) },
			ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0),
		}
		p.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	return front
}

// TestStickyProbe asks two Node pods behind a balancer, and two pods of rtk that
// pass on what is not theirs.
func TestStickyProbe(t *testing.T) {
	t.Parallel()
	var node []*url.URL
	for range 2 {
		node = append(node, mustURL(t, rttest.Node(t, "sio-plain.js").Line(t, 30*time.Second)))
	}
	redisURL, binary := rttest.Redis(t), rttest.Binary(t, false)
	var own []*url.URL
	for range 2 {
		address := freeAddress(t)
		rttest.Serve(t, binary, nil, "--peer-secret", "a secret of these two pods", "--listen", address, "--advertise", "http://"+address, "--redis", redisURL, "--service", "echo")
		own = append(own, &url.URL{Scheme: "http", Host: address})
	}
	for _, tc := range []struct {
		name, cookie, verdict, detail string
		pods                          []*url.URL
	}{
		{"Node pods, round robin", "", "fail", "long polling needs", node},
		{"Node pods, a cookie", "POD", "pass", "pinned by a cookie", node},
		{"rtk pods, round robin", "", "pass", "pass requests on", own},
	} {
		t.Run(tc.name, func(t *testing.T) {
			front := pinBalancer(t, tc.cookie, tc.pods...)
			file := scenarioFile(t, `version: 1
targets: { api: { url: "`+front.URL+`", protocol: socketio } }
clients: { probe: { count: 5, sticky: probe } }
thresholds: { sticky_unknown_sid: count == 0 }
`)
			res, _, stderr := runBench(t, nil, file)
			if len(res.Runs) != 1 {
				t.Fatal(stderr)
			}
			if got := res.Runs[0].Verdict; got != tc.verdict {
				t.Errorf("verdict %q, want %q\n%s", got, tc.verdict, stderr)
			}
			for _, c := range res.Runs[0].Checks {
				if c.Kind == "sticky" && !strings.Contains(c.Detail, tc.detail) {
					t.Errorf("%s: %s", c.Got, c.Detail)
				}
			}
		})
	}
}

func mustURL(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
