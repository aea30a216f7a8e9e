package server_test

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/throttle"
)

// rules reads limits that hardly refill during a test.
func rules(t testing.TB, limits ...string) (r throttle.Rules) {
	t.Helper()
	for _, l := range limits {
		set := r.Set
		if !strings.Contains(strings.SplitN(l, "=", 2)[0], ".") {
			set = r.SetEvent
		}
		if err := set(l); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// chatter registers events that acknowledge, join a room and send to one.
func chatter(s *server.Server) {
	n := s.Of("/")
	for _, event := range []string{"message", "typing"} {
		n.On(event, func(context.Context, *server.Conn, *server.Event) (server.Reply, error) {
			return server.Reply{Args: []byte("1")}, nil
		})
	}
	server.Handle(n, "join", func(_ context.Context, c *server.Conn, room string) (bool, error) {
		return true, c.Join(room)
	})
	server.Handle(n, "emit", func(_ context.Context, c *server.Conn, room string) (bool, error) {
		return true, c.MayEmit(room, 10)
	})
}

const limited = `[{"ok":false,"error":{"code":"rate_limited","message":`

func userToken(t testing.TB, sub string) string {
	t.Helper()
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"sub": sub, "exp": time.Now().Add(time.Hour).Unix(),
	}).SignedString(testSecret)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Each limit refuses what is beyond it, in the protocol, with the time to wait.
func TestLimits(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		limits []string
		send   []string
		want   []string // prefixes of the answers
	}{
		{
			"messages of a connection",
			[]string{"conn.messages=2/h"},
			[]string{`421["message"]`, `422["message"]`, `423["message"]`},
			[]string{"431[1]", "432[1]", "433" + limited},
		},
		{
			"without an acknowledgement",
			[]string{"conn.messages=1/h"},
			[]string{`421["message"]`, `42["message"]`},
			[]string{"431[1]", `42["exception",` + limited[1:]},
		},
		{
			"bytes of a connection",
			[]string{"conn.bytes=1/s:100"},
			[]string{`421["message","` + strings.Repeat("x", 60) + `"]`, `422["message","` + strings.Repeat("x", 60) + `"]`},
			[]string{"431[1]", "432" + limited},
		},
		{
			"an event of its own",
			[]string{"typing=1/h", "conn.messages=2/h"},
			[]string{`421["typing"]`, `422["typing"]`, `423["t\u0079ping"]`, `424["message"]`, `425["message"]`, `426["message"]`},
			[]string{"431[1]", "432" + limited, "433" + limited, "434[1]", "435[1]", "436" + limited},
		},
		{
			"joins of a connection",
			[]string{"conn.joins=1/h"},
			[]string{`421["join","a"]`, `422["join","a"]`, `423["join","b"]`},
			[]string{"431[true]", "432[true]", "433" + limited},
		},
		{
			"messages to a room",
			[]string{"room.messages=1/h"},
			[]string{`421["emit","a"]`, `422["emit","b"]`, `423["emit","a"]`},
			[]string{"431[true]", "432[true]", "433" + limited},
		},
		{
			"messages of an address",
			[]string{"ip.messages=1/h"},
			[]string{`421["message"]`, `422["message"]`},
			[]string{"431[1]", "432" + limited},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			g := start(t, server.Options{Limits: server.Limits{Rules: rules(t, tc.limits...)}}, chatter)
			c := g.joined(t, "/")
			for i, send := range tc.send {
				c.send(send)
				answer := c.want(tc.want[i])
				if strings.Contains(answer, "rate_limited") && !strings.Contains(answer, `"retryAfterMs":`) {
					t.Errorf("no retryAfterMs in %s", answer)
				}
			}
		})
	}
}

// All connections of a user share a limit; other users have their own.
func TestLimitOfUser(t *testing.T) {
	t.Parallel()
	g := start(t, withAuth(t, server.Options{Limits: server.Limits{Rules: rules(t, "user.messages=2/h")}}), chatter)
	open := func(sub string) *client {
		c := g.sio(t)
		c.send(fmt.Sprintf(`40{"token":%q}`, userToken(t, sub)))
		c.want(`40{"sid":`)
		return c
	}
	a1, a2, b := open("ana"), open("ana"), open("ben")
	for _, step := range []struct {
		c    *client
		want string
	}{{a1, "431[1]"}, {a2, "431[1]"}, {a1, "431" + limited}, {a2, "431" + limited}, {b, "431[1]"}} {
		step.c.send(`421["message"]`)
		step.c.want(step.want)
	}
	if by := g.Stats().Refusals.ThrottledByLimit["user.messages"]; by != 2 {
		t.Errorf("throttledByLimit[user.messages] = %d, want 2", by)
	}
}

// Connections are refused before the upgrade, with 429 and Retry-After, on
// every endpoint; requests of a session that is open are not connections.
func TestLimitOfConnects(t *testing.T) {
	t.Parallel()
	for _, target := range []string{"/socket.io/?EIO=4&transport=polling", sioTarget, "/ws", "/events?topic=a"} {
		g := start(t, server.Options{CloseTimeout: 50 * time.Millisecond, Limits: server.Limits{Rules: rules(t, "ip.connects=1/m:1")}}, chatter)
		if status, _ := g.http(t, http.MethodGet, "/socket.io/?EIO=4&transport=polling", ""); status != 200 {
			t.Fatalf("the first one: %d", status)
		}
		res, body := g.request(t, http.MethodGet, target, "", http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}})
		if res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") != "60" || !strings.Contains(body, `"retryAfterMs":`) {
			t.Errorf("%s: %d, Retry-After %q, %s", target, res.StatusCode, res.Header.Get("Retry-After"), body)
		}
	}
}

// A dry run refuses nothing and counts what it would have refused.
func TestLimitsDryRun(t *testing.T) {
	t.Parallel()
	g := start(t, server.Options{Throttle: throttle.Limit{Rate: 1, Burst: 1}, Limits: server.Limits{DryRun: true}}, chatter)
	c := g.joined(t, "/")
	for range 5 {
		c.send(`421["message"]`)
		c.is("431[1]")
	}
	r := g.Stats().Refusals
	if r.Throttled != 0 || r.WouldThrottle["conn.messages"] < 3 || r.WouldWait == nil {
		t.Fatalf("refusals: %+v", r)
	}
	sum := uint64(0)
	for _, n := range r.WouldWait.Counts {
		sum += n
	}
	if sum != r.WouldThrottle["conn.messages"] || r.WouldWait.SumSeconds <= 0 || r.WouldWait.SumSeconds > 5 {
		t.Errorf("waits: %+v", r.WouldWait)
	}
}

// X-Forwarded-For counts from a trusted proxy only, and only as far as trusted
// proxies wrote it.
func TestForwardedFor(t *testing.T) {
	t.Parallel()
	local, ten := netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")
	for _, tc := range []struct {
		name    string
		proxies []netip.Prefix
		xff     []string // of two requests
		same    bool     // they count for one address
	}{
		{"not trusted", nil, []string{"192.0.2.1", "192.0.2.2"}, true},
		{"trusted", []netip.Prefix{local}, []string{"192.0.2.1", "192.0.2.2"}, false},
		{"what the client wrote itself", []netip.Prefix{local}, []string{"192.0.2.1, 192.0.2.9", "192.0.2.2, 192.0.2.9"}, true},
		{"two proxies", []netip.Prefix{local, ten}, []string{"192.0.2.1, 10.1.1.1", "192.0.2.2, 10.1.1.1"}, false},
		{"one /64", []netip.Prefix{local}, []string{"2001:db8::1", "2001:db8::2"}, true},
		{"two /64", []netip.Prefix{local}, []string{"2001:db8:0:1::1", "2001:db8:0:2::1"}, false},
		{"nonsense", []netip.Prefix{local}, []string{"192.0.2.1, x", "192.0.2.2, x"}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			g := start(t, server.Options{CloseTimeout: 50 * time.Millisecond, Limits: server.Limits{Rules: rules(t, "ip.connects=1/h"), TrustedProxies: tc.proxies}}, nil)
			var last int
			for _, xff := range tc.xff {
				res, _ := g.request(t, http.MethodGet, "/socket.io/?EIO=4&transport=polling", "", http.Header{"X-Forwarded-For": {xff}})
				last = res.StatusCode
			}
			if (last == http.StatusTooManyRequests) != tc.same {
				t.Errorf("the second request was answered %d", last)
			}
		})
	}
}
