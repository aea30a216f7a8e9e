package loadgen

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// balancer is two pods that know only their own sessions, behind a balancer that
// may pin sessions by a cookie.
type balancer struct {
	pin     string // name of the cookie, "" for none
	byAddr  bool   // all requests go to one pod
	cookies []string
	status  int // of handshakes, 0 for 200

	mu    sync.Mutex
	turn  int
	seen  [2]map[string]bool
	sids  int
	fresh int
	all   int
}

func (b *balancer) Request(_ context.Context, r *rt.Request) (*rt.Response, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.all++; r.Fresh {
		b.fresh++
	}
	u, _ := url.Parse(r.URL)
	pod := b.turn % 2
	b.turn++
	if b.byAddr {
		pod = 0
	}
	if c, err := (&http.Request{Header: r.Header}).Cookie(b.pin); b.pin != "" && err == nil {
		pod = int(c.Value[0] - '0')
	}
	if b.seen[pod] == nil {
		b.seen[pod] = map[string]bool{}
	}
	sid := u.Query().Get("sid")
	switch {
	case u.Path != "/socket.io/" || u.Query().Get("EIO") != "4" || u.Query().Get("transport") != "polling":
		return &rt.Response{Status: 404}, nil
	case sid == "" && b.status != 0:
		return &rt.Response{Status: b.status}, nil
	case sid == "":
		b.sids++
		sid = fmt.Sprint("sid", b.sids)
		b.seen[pod][sid] = true
		h := http.Header{}
		for _, name := range b.cookies {
			h.Add("Set-Cookie", fmt.Sprintf("%s=%d; Path=/", name, pod))
		}
		return &rt.Response{Status: 200, Header: h, Body: fmt.Appendf(nil, `0{"sid":%q,"upgrades":[],"pingInterval":25000,"pingTimeout":20000}`, sid)}, nil
	case !b.seen[pod][sid]:
		return &rt.Response{Status: 400, Body: []byte(`{"code":1,"message":"Session ID unknown"}`)}, nil
	}
	return &rt.Response{Status: 200, Body: []byte("ok")}, nil
}

const stickyProbe = `
version: 1
name: sticky
targets: { api: { url: "http://api:3000", protocol: socketio, namespace: /chat } }
clients: { probe: { count: 3, sticky: probe } }
thresholds: { sticky_unknown_sid: count == 0 }
`

func TestStickyProbe(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		b       *balancer
		verdict Verdict
		status  CheckStatus
		detail  string
	}{
		{"round robin", &balancer{}, Fail, CheckFail, "long polling needs every request"},
		{"a cookie that pins nothing", &balancer{cookies: []string{"lang"}}, Fail, CheckFail, "long polling needs every request"},
		{"pinned by a cookie", &balancer{pin: "POD", cookies: []string{"POD"}}, Pass, CheckWarn, "pinned by a cookie"},
		{"pinned by one of two", &balancer{pin: "POD", cookies: []string{"lang", "POD"}}, Pass, CheckWarn, "pinned by the cookie POD"},
		{"pinned by address", &balancer{byAddr: true}, Pass, CheckPass, "with and without cookies"},
		{"refused", &balancer{status: 403}, Fail, CheckFail, "no session could be begun"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := tt.b
				r := bench(t, nil, stickyProbe, func(o *Options) { o.Requester = b })
				wantVerdict(t, r, tt.verdict)
				for _, c := range r.Checks {
					if c.Kind == "sticky" && (c.Status != tt.status || !strings.Contains(c.Detail, tt.detail)) {
						t.Errorf("check %s: %s, %s", c.Status, c.Got, c.Detail)
					}
				}
				if b.fresh != b.all || b.all == 0 {
					t.Errorf("%d of %d requests over connections of their own", b.fresh, b.all)
				}
			})
		})
	}
}
