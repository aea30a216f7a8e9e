package e2e

import (
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/realtime-toolkit/rtk/internal/rttest"
)

// freeAddress is an address on loopback that nobody listens on now.
func freeAddress(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// TestNoStickySessions puts the real socket.io-client in front of three pods with
// a balancer that sends each request to the next one.
func TestNoStickySessions(t *testing.T) {
	redisURL := rttest.Redis(t)
	binary := rttest.Binary(t, true)
	env := []string{"RTK_JWT_SECRET=" + testSecret}
	var targets []*url.URL
	var pods []*rttest.Gateway
	for range 3 {
		address := freeAddress(t)
		pods = append(pods, rttest.Serve(t, binary, env, "--listen", address, "--advertise", "http://"+address,
			"--redis", redisURL, "--service", "chat,feed,echo"))
		targets = append(targets, &url.URL{Scheme: "http", Host: address})
	}
	var turn atomic.Uint32
	front := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:  func(r *httputil.ProxyRequest) { r.SetURL(targets[turn.Add(1)%3]) },
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0),
	})
	defer front.Close()
	token := mintToken(t, binary)
	for _, mode := range []string{"polling", "upgrade"} {
		t.Run(mode, func(t *testing.T) {
			got := nodeScript(t, "sio-client.js", front.URL, token, mode)
			if m, _ := got["message"].(map[string]any); m["text"] != "héllo ✓" {
				t.Errorf("message = %v", got["message"])
			}
			if got["binary"] != "ff00" || got["disconnect"] != "io client disconnect" {
				t.Errorf("got %v", got)
			}
			if mode == "upgrade" && got["upgraded"] != "websocket" {
				t.Errorf("upgraded = %v", got["upgraded"])
			}
		})
	}
	var forwarded, failed uint64
	for _, p := range pods {
		var s struct {
			Connections struct{ Forwarded, ForwardFailed uint64 }
		}
		res, err := http.Get(p.Admin + "/stats")
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if err := json.Unmarshal(b, &s); err != nil {
			t.Fatal(err)
		}
		forwarded += s.Connections.Forwarded
		failed += s.Connections.ForwardFailed
		if strings.Contains(string(b), testSecret) {
			t.Error("a secret in /stats")
		}
	}
	if forwarded == 0 || failed != 0 {
		t.Errorf("%d requests were passed on, %d failed", forwarded, failed)
	}
}
