package loadgen

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

const authMatrix = `
version: 1
name: handshake auth matrix
targets:
  api: { url: "http://api:3000", protocol: socketio, namespace: /chat }
auth:
  base: { jwt: { alg: HS256, secret: "a secret of the test", claims: { sub: "user-{{client.index}}" }, expiresIn: 5m }, in: auth.token }
clients:
  probe:
    count: 3
    target: api
    matrix:
      transport: [websocket, polling]
      case:
        - { name: valid,   auth: base,                             expect: accepted }
        - { name: missing, auth: none,                             expect: rejected }
        - { name: expired, auth: { use: base, defect: expired },   expect: rejected }
        - { name: expires mid-session, auth: { use: base, expiresIn: 3s }, expect: { disconnected: { within: 6s } } }
    exclude: [{ transport: polling, case: missing, reason: the same as websocket }]
    expect:
      accepted: { within: 2s }
      rejected: { at: [upgrade, namespace, connected], status: [401, 403], code: [unauthorized, /jwt/], within: 2s, noEventsBefore: true, socketClosedWithin: 5s }
thresholds:
  auth_mismatches: count == 0
  auth_reject_latency: p99 < 500ms
`

// guard is a server's handshake check, sound unless its hooks say otherwise.
type guard struct {
	refuse func(c *fakeConn) error // how a bad token is refused
	accept func(c *fakeConn)       // what follows a good one
}

func (g *guard) dial(r *rt.DialRequest, c *fakeConn) error {
	var auth struct{ Token string }
	_ = json.Unmarshal(r.Auth, &auth)
	claims := jwt.MapClaims{}
	_, err := jwt.ParseWithClaims(auth.Token, claims, func(*jwt.Token) (any, error) { return []byte("a secret of the test"), nil },
		jwt.WithValidMethods([]string{"HS256"}), jwt.WithExpirationRequired())
	if err != nil {
		return g.refuse(c)
	}
	exp, _ := claims.GetExpirationTime()
	c.hangUp(rt.CloseInfo{By: rt.ByPeer, Reason: "token expired"}, time.Until(exp.Time)+100*time.Millisecond)
	if g.accept != nil {
		g.accept(c)
	}
	return nil
}

func atUpgrade(status int) func(*fakeConn) error {
	return func(*fakeConn) error {
		return &rt.Error{Op: "dial", Kind: rt.KindRejected, Stage: rt.StageUpgrade, Status: status}
	}
}

// atNamespace refuses with CONNECT_ERROR and closes the socket after a while.
func atNamespace(code string, closes time.Duration, events ...string) func(*fakeConn) error {
	return func(c *fakeConn) error {
		for _, e := range events {
			c.event(e, `{}`, time.Millisecond)
		}
		c.hangUp(rt.CloseInfo{By: rt.ByPeer}, closes)
		return &rt.Error{Op: "dial", Kind: rt.KindRejected, Stage: rt.StageNamespace, Code: code}
	}
}

// whenConnected accepts and disconnects after a while, which is how a NestJS
// gateway refuses in handleConnection.
func whenConnected(after time.Duration, events ...string) func(*fakeConn) error {
	return func(c *fakeConn) error {
		for _, e := range events {
			c.event(e, `{}`, 0)
		}
		if after >= 0 {
			c.hangUp(rt.CloseInfo{By: rt.ByPeer, Reason: "server disconnect"}, after)
		}
		return nil
	}
}

func TestAuthMatrix(t *testing.T) {
	t.Parallel()
	rejected := []string{"websocket · missing", "websocket · expired", "polling · expired"}
	tests := []struct {
		name    string
		refuse  func(*fakeConn) error
		accept  func(*fakeConn)
		cells   []string // that are not as expected
		status  CheckStatus
		detail  string // in each of those
		verdict Verdict
		also    []string
	}{
		{name: "refused at the upgrade", refuse: atUpgrade(401), verdict: Pass},
		{name: "refused at the namespace", refuse: atNamespace("unauthorized", time.Millisecond), verdict: Pass},
		{name: "refused at the namespace, code by pattern", refuse: atNamespace("jwt expired", time.Second), verdict: Pass},
		{name: "disconnected after the connect", refuse: whenConnected(4 * time.Millisecond), verdict: Pass},
		{
			name: "let in", refuse: whenConnected(-1), cells: rejected, status: CheckFail, verdict: Fail,
			detail: "accepted, and not disconnected within 2s",
		},
		{
			name: "disconnected too late", refuse: whenConnected(2500 * time.Millisecond), cells: rejected, status: CheckFail, verdict: Fail,
			detail: "accepted, and not disconnected within 2s",
		},
		{
			name: "an event before the disconnect", refuse: whenConnected(4*time.Millisecond, "welcome"), cells: rejected, status: CheckFail, verdict: Fail,
			detail: `refused, but received 1 event "welcome"`,
		},
		{
			name: "events after the refusal", refuse: atNamespace("unauthorized", time.Second, "history", "presence"), cells: rejected, status: CheckFail, verdict: Fail,
			detail: `refused, but received 2 events "history"`,
		},
		{
			name: "a word before the disconnect", refuse: whenConnected(4*time.Millisecond, "exception"), cells: rejected, status: CheckFail, verdict: Fail,
			detail: `refused, but received 1 event "exception"`, // because of noEventsBefore
		},
		{
			name: "socket left open", refuse: atNamespace("unauthorized", 6*time.Second), cells: rejected, status: CheckFail, verdict: Fail,
			detail: "refused, but the socket was still open after 5s",
		},
		{
			name: "another status", refuse: atUpgrade(500), cells: rejected, status: CheckFail, verdict: Fail,
			detail: "refused with status 500, want [401 403]",
		},
		{
			name: "another code", refuse: atNamespace("boom", time.Millisecond), cells: rejected, status: CheckFail, verdict: Fail,
			detail: `refused with code "boom"`,
		},
		{
			name: "no answer", cells: rejected, status: CheckInconclusive, verdict: Inconclusive,
			refuse: func(*fakeConn) error {
				return &rt.Error{Op: "dial", Kind: rt.KindTimeout, Err: errors.New("no answer")}
			},
			detail: "3 of 3 neither accepted nor refused: dial: no answer",
		},
		{
			name: "no server behind the proxy", refuse: atUpgrade(503), cells: rejected, status: CheckInconclusive, verdict: Inconclusive,
			detail: "neither accepted nor refused",
		},
		{
			name: "good tokens disconnected", refuse: atUpgrade(401),
			accept: func(c *fakeConn) {
				c.hangUp(rt.CloseInfo{By: rt.ByPeer, Reason: "bye"}, 100*time.Millisecond)
			},
			cells:  []string{"websocket · valid", "websocket · expires mid-session", "polling · valid", "polling · expires mid-session"},
			status: CheckFail, verdict: Fail, detail: "disconnected after ",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := &guard{refuse: tt.refuse, accept: tt.accept}
				r := bench(t, &fakeServer{dial: g.dial}, authMatrix)
				wantVerdict(t, r, tt.verdict)
				bad := map[string]bool{}
				for _, name := range tt.cells {
					bad["probe · "+name] = true
				}
				cells := 0
				for _, c := range r.Checks {
					if c.Kind != "auth" || c.Status == CheckSkipped {
						continue
					}
					cells++
					want := CheckPass
					if bad[c.Name] {
						want = tt.status
						if !strings.Contains(c.Detail, tt.detail) {
							t.Errorf("%s: detail %q, want %q in it", c.Name, c.Detail, tt.detail)
						}
					}
					if c.Status != want {
						t.Errorf("%s: %s (%s; %s), want %s", c.Name, c.Status, c.Got, c.Detail, want)
					}
				}
				if cells != 7 {
					t.Errorf("%d cells, want 7", cells)
				}
				if tt.status == CheckFail {
					if m := metric(t, r, AuthMismatches, LabelCase, strings.SplitN(tt.cells[0], " · ", 2)[1]); m.Count != 3 || m.Total != 3 {
						t.Errorf("auth_mismatches = %d of %d, want 3 of 3", m.Count, m.Total)
					}
				}
			})
		})
	}
}

func TestExcludedCellsAreSkippedWithTheirReason(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := bench(t, &fakeServer{dial: (&guard{refuse: atUpgrade(401)}).dial}, authMatrix)
		for _, c := range r.Checks {
			if c.Status == CheckSkipped {
				if c.Name != "probe · polling · missing" || c.Detail != "the same as websocket" {
					t.Errorf("skipped %q because %q", c.Name, c.Detail)
				}
				return
			}
		}
		t.Error("no skipped check")
	})
}

func TestTokenThatOutlivesItsExpiry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &fakeServer{dial: func(r *rt.DialRequest, c *fakeConn) error {
			g := &guard{refuse: atUpgrade(401)}
			err := g.dial(r, c)
			c.mu.Lock()
			c.queue = nil // forgets to look at the clock
			c.mu.Unlock()
			return err
		}}
		r := bench(t, s, authMatrix)
		wantVerdict(t, r, Fail)
		wantBroken(t, r,
			"fail auth probe · websocket · expires mid-session: 0 of 3 as expected",
			"fail auth probe · polling · expires mid-session: 0 of 3 as expected",
			"fail threshold auth_mismatches: count == 0: 6 of 21")
	})
}

// A handshake that takes most of the token's life leaves little of it: what
// comes of that is not the server's mistake.
func TestTokenThatExpiresInASlowHandshake(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		takes   time.Duration
		verdict Verdict
	}{
		{"some of it", 1500 * time.Millisecond, Pass},
		{"all of it", 4 * time.Second, Inconclusive},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &fakeServer{dial: func(r *rt.DialRequest, c *fakeConn) error {
					time.Sleep(tc.takes)
					g := &guard{refuse: atUpgrade(401)}
					return g.dial(r, c)
				}}
				r := bench(t, s, `
version: 1
targets: { api: { url: "http://api:3000", protocol: socketio } }
auth:
  base: { jwt: { alg: HS256, secret: "a secret of the test", expiresIn: 5m } }
clients:
  probe:
    matrix:
      case: [{ name: expires mid-session, auth: { use: base, expiresIn: 3s }, expect: { disconnected: { within: 6s } } }]
`)
				wantVerdict(t, r, tc.verdict)
			})
		})
	}
}

func TestTokensNeverReachTheReport(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &fakeServer{dial: func(r *rt.DialRequest, _ *fakeConn) error {
			return &rt.Error{Op: "dial", Kind: rt.KindRejected, Stage: rt.StageUpgrade, Status: 401, Code: "bad token " + string(r.Auth)}
		}}
		r := bench(t, s, authMatrix)
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), "eyJ") {
			t.Error("the report holds a token")
		}
	})
}

// A server that refuses and serves on is found without being asked for it; one
// that only says why it disconnects is not taken for it.
func TestSilentAccept(t *testing.T) {
	t.Parallel()
	src := strings.Replace(authMatrix, ", noEventsBefore: true", "", 1) + "  silent_accepts: count == 0\n"
	for _, tt := range []struct {
		name   string
		refuse func(*fakeConn) error
		silent int64
	}{
		{"refused in silence", atNamespace("unauthorized", time.Millisecond), 0},
		{"events after the refusal", atNamespace("unauthorized", time.Second, "history"), 3},
		{"a business event before the disconnect", whenConnected(4*time.Millisecond, "history"), 3},
		{"says why and disconnects", whenConnected(4*time.Millisecond, "exception", "auth_error"), 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := bench(t, &fakeServer{dial: (&guard{refuse: tt.refuse}).dial}, src)
				wantVerdict(t, r, map[bool]Verdict{true: Pass, false: Fail}[tt.silent == 0])
				if m := metric(t, r, SilentAccepts, LabelCase, "expired"); m.Count != tt.silent || m.Total != 3 {
					t.Errorf("silent_accepts = %d of %d, want %d of 3", m.Count, m.Total, tt.silent)
				}
				if tt.silent == 0 {
					return
				}
				for _, c := range r.Checks {
					if c.Name == "probe · websocket · expired" && (c.Status != CheckFail || !strings.Contains(c.Detail, `silent accept: refused, but received 1 event "history"`)) {
						t.Errorf("%s: %s", c.Status, c.Detail)
					}
				}
			})
		})
	}
}

// A refusal that comes too late on a starved server says that the check is
// right.
func TestLateRefusalsSaySo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := &guard{refuse: atUpgrade(401)}
		s := &fakeServer{dial: func(r *rt.DialRequest, c *fakeConn) error {
			time.Sleep(2500 * time.Millisecond)
			return g.dial(r, c)
		}}
		r := bench(t, s, strings.Replace(authMatrix, "accepted: { within: 2s }", "accepted: { within: 4s }", 1))
		for _, c := range r.Checks {
			if c.Name != "probe · websocket · expired" {
				continue
			}
			if c.Status != CheckFail ||
				!strings.Contains(c.Detail, "the decision was right, only late") || !strings.Contains(c.Detail, "sound tokens took 2.5s") {
				t.Errorf("%s, %s: %s", c.Status, c.Got, c.Detail)
			}
			return
		}
		t.Error("no such check")
	})
}
