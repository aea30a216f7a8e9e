package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/auth"
	"github.com/realtime-toolkit/rtk/pkg/server/stats"
	"github.com/realtime-toolkit/rtk/pkg/wire/sse"
)

func TestSSERefuses(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, mode string) {
		g := startSSE(t, mode, server.Options{Origins: []string{"https://app.example"}})
		tests := []struct {
			name, method, path string
			header             []string
			status             int
			want               string
		}{
			{"no topic", "GET", "/events", nil, 400, `{"error":{"code":"missing_topic"`},
			{"empty topic", "GET", "/events?topic=", nil, 400, `"invalid_topic"`},
			{"long topic", "GET", "/events?topic=" + strings.Repeat("x", 300), nil, 400, `"invalid_topic"`},
			{"control character", "GET", "/events?topic=a%0Ab", nil, 400, `"invalid_topic"`},
			{"not UTF-8", "GET", "/events?topic=%ff", nil, 400, `"invalid_topic"`},
			{"bad escape", "GET", "/events?topic=%zz", nil, 400, `"bad_query"`},
			{"too many topics", "GET", "/events?" + strings.Repeat("topic=x&", 101), nil, 400, `"too_many_topics"`},
			{"post", "POST", "/events?topic=a", nil, 405, `"bad_method"`},
			{"another origin", "GET", "/events?topic=a", []string{"Origin", "https://evil.example"}, 403, `"forbidden_origin"`},
			{"wants JSON", "GET", "/events?topic=a", []string{"Accept", "application/json"}, 406, `"not_acceptable"`},
		}
		for _, tt := range tests {
			res := g.get(t.Context(), t, tt.method, tt.path, tt.header...)
			body, _ := io.ReadAll(res.Body)
			res.Body.Close()
			if res.StatusCode != tt.status || !strings.Contains(string(body), tt.want) || !strings.HasPrefix(res.Header.Get("Content-Type"), "application/json") {
				t.Errorf("%s: %d %s, want %d with %s", tt.name, res.StatusCode, body, tt.status, tt.want)
			}
		}
		if p := g.Stats(); p.Clients.Total != 0 || p.Connections.Opened != 0 {
			t.Errorf("refused requests count as clients: %+v", p.Connections)
		}
	})
}

func TestSSEHeadAndCORS(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, mode string) {
		g := startSSE(t, mode, server.Options{Origins: []string{"https://app.example"}})
		res := g.get(t.Context(), t, "HEAD", "/events?topic=a", "Origin", "https://app.example")
		res.Body.Close()
		if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" || res.Header.Get("Access-Control-Allow-Origin") != "https://app.example" {
			t.Errorf("HEAD: %d %v", res.StatusCode, res.Header)
		}
		ctx, cancel := context.WithCancel(t.Context())
		res = g.get(ctx, t, "GET", "/events?topic=a", "Origin", "https://app.example", "Last-Event-ID", "anything")
		cancel()
		res.Body.Close()
		if res.StatusCode != http.StatusOK || res.Header.Get("Access-Control-Allow-Origin") != "https://app.example" ||
			!strings.Contains(res.Header.Get("Cache-Control"), "no-transform") || res.Header.Get("X-Accel-Buffering") != "no" {
			t.Errorf("GET: %d %v", res.StatusCode, res.Header)
		}
		res = g.get(t.Context(), t, "OPTIONS", "/events?topic=a", "Origin", "https://app.example", "Access-Control-Request-Headers", "authorization")
		res.Body.Close()
		if res.StatusCode != http.StatusNoContent || res.Header.Get("Access-Control-Allow-Headers") != "authorization" {
			t.Errorf("OPTIONS: %d %v", res.StatusCode, res.Header)
		}
	})
}

func mint(t *testing.T, expiresIn time.Duration) string {
	t.Helper()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"sub": "ana", "exp": jwt.NewNumericDate(time.Now().Add(expiresIn))}).SignedString([]byte(sseSecret))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestSSEAuth(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, mode string) {
		verifier, err := auth.New(auth.Options{Secret: []byte(sseSecret), Leeway: -1})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(verifier.Close)
		g := startSSE(t, mode, server.Options{Auth: verifier})
		good, expired := mint(t, time.Minute), mint(t, -time.Minute)
		tests := []struct {
			name, query string
			header      []string
			status      int
			code        string
		}{
			{"none", "", nil, 401, "token_missing"},
			{"expired", "", []string{"Authorization", "Bearer " + expired}, 401, "token_expired"},
			{"nonsense", "&token=abc", nil, 401, "token_malformed"},
			{"header", "", []string{"Authorization", "Bearer " + good}, 200, ""},
			{"cookie", "", []string{"Cookie", "token=" + good}, 200, ""},
			{"query", "&token=" + good, nil, 200, ""},
		}
		for _, tt := range tests {
			ctx, cancel := context.WithCancel(t.Context())
			res := g.get(ctx, t, "GET", "/events?topic=a"+tt.query, tt.header...)
			var body []byte
			if res.StatusCode != http.StatusOK {
				body, _ = io.ReadAll(res.Body)
			}
			cancel()
			res.Body.Close()
			if res.StatusCode != tt.status || !strings.Contains(string(body), tt.code) {
				t.Errorf("%s: %d %s, want %d %s", tt.name, res.StatusCode, body, tt.status, tt.code)
			}
			if tt.status == 401 && !strings.HasPrefix(res.Header.Get("WWW-Authenticate"), "Bearer") {
				t.Errorf("%s: no challenge in %v", tt.name, res.Header)
			}
		}
		if n := g.Stats().Refusals.Auth; n != 3 {
			t.Errorf("%d refusals counted, want 3", n)
		}
	})
}

func TestSSEAuthFaults(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, mode string) {
		verifier, err := auth.New(auth.Options{Secret: []byte(sseSecret)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(verifier.Close)
		g := startSSE(t, mode, server.Options{Auth: verifier, Faults: &server.Faults{AuthLeak: true}})
		in := g.follow(t.Context(), t, "/events?topic=a")
		if m := await(t, in, sse.KindEvent); string(m.Data) != `{"leak":true}` {
			t.Errorf("leaked %s", m.Data)
		}
		awaitEnd(t, in)

		g = startSSE(t, mode, server.Options{Auth: verifier, Faults: &server.Faults{AuthOff: true}})
		g.follow(t.Context(), t, "/events?topic=a&token=nonsense")
	})
}

func TestSSECountsBrowsersOnHTTP1(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string]uint64{"http1": 1, "http2 over TLS": 0} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			g := startSSE(t, mode, server.Options{})
			g.follow(t.Context(), t, "/events?topic=a", "Sec-Fetch-Mode", "cors")
			g.follow(t.Context(), t, "/events?topic=a", "User-Agent", "curl/8")
			if n := g.Stats().Connections.SSEHTTP1Browsers; n != want {
				t.Errorf("%d browsers counted, want %d", n, want)
			}
		})
	}
}

// A client has nothing to say once the stream is open.
func TestSSECutsOffTalkers(t *testing.T) {
	t.Parallel()
	g := startSSE(t, "http1", server.Options{})
	good := g.follow(t.Context(), t, "/events?topic=a")
	nc, err := net.Dial("tcp", g.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	fmt.Fprint(nc, "GET /events?topic=a HTTP/1.1\r\nHost: x\r\n\r\n")
	g.eventually(t, "two streams", func(p stats.Pod) bool { return p.Clients.SSE == 2 })
	fmt.Fprint(nc, strings.Repeat("GET / HTTP/1.1\r\n\r\n", 500))
	g.eventually(t, "the talker is gone", func(p stats.Pod) bool { return p.Clients.SSE == 1 && p.Refusals.ProtocolErrors == 1 })
	if err := g.Topic("a").Emit("still", 1); err != nil {
		t.Fatal(err)
	}
	if m := await(t, good, sse.KindEvent); m.Type != "still" {
		t.Errorf("the other one got %q", m.Type)
	}
}

func TestSSERefusesWhileStopping(t *testing.T) {
	t.Parallel()
	g := startSSE(t, "http1", server.Options{})
	if err := g.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	res := g.get(t.Context(), t, "GET", "/events?topic=a")
	res.Body.Close()
	if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Errorf("%d %v, want 503 with Retry-After", res.StatusCode, res.Header)
	}
}

// A guard refuses a topic with an HTTP status, before the stream.
func TestSSEGuard(t *testing.T) {
	t.Parallel()
	g := startSSE(t, "http1", server.Options{})
	g.Of(server.EventsNamespace).Use(func(context.Context, *server.Conn) error {
		return &server.Error{Code: "no_entry", Message: "not for you"}
	})
	res := g.get(t.Context(), t, "GET", "/events?topic=a")
	body, err := io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) || res.StatusCode != http.StatusForbidden || !strings.Contains(string(body), "no_entry") {
		t.Errorf("%d %s %v", res.StatusCode, body, err)
	}
}
