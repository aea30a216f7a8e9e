package loadgen

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// A sticky probe asks what a balancer does with the requests of one long-polling
// session when each comes over a connection of its own. An Engine.IO session
// lives on the pod that began it: a request that reaches another one is answered
// with "Session ID unknown", unless that pod passes it on.
//
// Each client has one session with the cookies that it is given, as a browser
// has, then one without, and, where that makes a difference and there are
// several cookies, one with each of them alone.

// stickyRequests is how many requests of a session follow those that join the
// namespace. They carry noop packets, which mean nothing to a server.
const stickyRequests = 6

// stickyTally counts the requests of a cell by which cookies were sent: those
// that were given, allCookies, or none, noCookies, or one by its name.
type stickyTally struct {
	mu       sync.Mutex
	asked    map[string]int64
	unknown  map[string]int64
	sessions int64
}

const (
	allCookies = "*"
	noCookies  = ""
)

func (t *stickyTally) add(with string, asked, unknown int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.asked == nil {
		t.asked, t.unknown = map[string]int64{}, map[string]int64{}
	}
	t.asked[with] += asked
	t.unknown[with] += unknown
	t.sessions++
}

// probeSticky makes a client's sessions. It holds one of the dial slots, which
// it returns.
func (c *client) probeSticky() {
	e := c.eng
	defer func() { <-e.dials }()
	c.cell.tried.Add(1)
	c.cell.ops.Add(1)
	ctx, cancel := context.WithTimeout(e.work, 4*connectTimeout(c.cell.group.plan.Group))
	defer cancel()
	err := c.stickySessions(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		c.cell.opened.Add(1)
	} else if !c.haltedEarly() {
		c.refuse(err)
	}
	c.giveUp()
}

func (c *client) stickySessions(ctx context.Context) error {
	t := c.cell.sticky
	v := c.template()
	r, err := c.cell.dialRequest(&v, time.Now())
	if err != nil {
		return &rt.Error{Op: "dial", Kind: rt.KindUsage, Err: err}
	}
	var given []string
	session := func(with string) (unknown int64, err error) {
		s := &stickySession{c: c, r: r, with: with}
		if err := s.run(ctx); err != nil {
			return 0, err
		}
		given = s.given
		t.add(with, s.asked, s.unknown)
		return s.unknown, nil
	}
	kept, err := session(allCookies)
	if err != nil {
		return err
	}
	names := given
	bare, err := session(noCookies)
	if err != nil || kept > 0 || bare == 0 || len(names) < 2 {
		return err
	}
	for _, name := range names {
		if _, err := session(name); err != nil {
			return err
		}
	}
	return nil
}

// stickySession is one session of a probe.
type stickySession struct {
	c    *client
	r    *rt.DialRequest
	with string // cookies to send

	sid            string
	given          []string // names of the cookies
	cookies        []string // those that are sent
	asked, unknown int64
}

func (s *stickySession) run(ctx context.Context) error {
	resp, err := s.request(ctx, http.MethodGet, nil)
	if err != nil {
		return err
	}
	if resp.Status != http.StatusOK {
		return s.refused(resp)
	}
	var hs struct {
		SID string `json:"sid"`
	}
	first, _, _ := bytes.Cut(resp.Body, []byte{0x1e})
	if len(first) == 0 || first[0] != '0' || json.Unmarshal(first[1:], &hs) != nil || hs.SID == "" {
		return &rt.Error{Op: "dial", Target: s.r.Target.String(), Kind: rt.KindProtocol, Stage: rt.StageUpgrade, Err: errors.New("answer is no Engine.IO handshake")}
	}
	s.sid = hs.SID
	s.take(resp.Header)
	ns := ""
	if n := s.r.Target.Namespace; n != "" && n != "/" {
		ns = n + ","
	}
	steps := [][]byte{append([]byte("40"+ns), s.r.Auth...), nil}
	for range stickyRequests {
		steps = append(steps, []byte("6"))
	}
	joined := true // as far as the pod of the session knows
	for _, body := range append(steps, []byte("1")) {
		method := http.MethodPost
		if body == nil {
			if !joined {
				continue // there will be no answer to a CONNECT that got lost
			}
			method = http.MethodGet
		}
		resp, err := s.request(ctx, method, body)
		if err != nil {
			return err
		}
		s.asked++
		switch {
		case resp.Status == http.StatusOK:
		case resp.Status == http.StatusBadRequest && isUnknownSession(resp.Body):
			s.unknown++
			joined = joined && method != http.MethodPost
		default:
			return s.refused(resp)
		}
	}
	return nil
}

// isUnknownSession tells whether an answer says that the pod does not know the
// session: {"code":1,"message":"Session ID unknown"} of Engine.IO.
func isUnknownSession(body []byte) bool {
	var v struct {
		Code    *int   `json:"code"`
		Message string `json:"message"`
	}
	return json.Unmarshal(body, &v) == nil && v.Code != nil && *v.Code == 1 || bytes.Contains(bytes.ToLower(body), []byte("session id unknown"))
}

func (s *stickySession) refused(resp *rt.Response) error {
	kind := rt.KindProtocol
	switch {
	case resp.Status >= 500:
		kind = rt.KindUnreachable
	case resp.Status == http.StatusUnauthorized, resp.Status == http.StatusForbidden:
		kind = rt.KindRejected
	}
	return &rt.Error{Op: "dial", Target: s.r.Target.String(), Kind: kind, Stage: rt.StageUpgrade, Status: resp.Status}
}

// take notes the cookies of the handshake's answer.
func (s *stickySession) take(h http.Header) {
	for _, ck := range (&http.Response{Header: h}).Cookies() {
		s.given = append(s.given, ck.Name)
		if s.with == allCookies || s.with == ck.Name {
			s.cookies = append(s.cookies, ck.Name+"="+ck.Value)
		}
	}
}

// request makes one request over a connection of its own.
func (s *stickySession) request(ctx context.Context, method string, body []byte) (*rt.Response, error) {
	u := *s.r.Target.URL
	switch {
	case u.Path == "" || u.Path == "/":
		u.Path = "/socket.io/"
	case !strings.HasSuffix(u.Path, "/"):
		u.Path += "/"
	}
	add := func(key, value string) {
		u.RawQuery = joinQuery(u.RawQuery, url.QueryEscape(key)+"="+url.QueryEscape(value))
	}
	add("EIO", "4")
	add("transport", "polling")
	if s.sid != "" {
		add("sid", s.sid)
	}
	for _, q := range s.r.Query {
		add(q[0], q[1])
	}
	h := s.r.Header.Clone()
	if h == nil {
		h = http.Header{}
	}
	if body != nil {
		h.Set("Content-Type", "text/plain;charset=UTF-8")
	}
	if len(s.cookies) > 0 {
		pairs := s.cookies
		if own := h.Get("Cookie"); own != "" {
			pairs = append([]string{own}, pairs...)
		}
		h.Set("Cookie", strings.Join(pairs, "; "))
	}
	resp, err := s.c.eng.opt.Requester.Request(ctx, &rt.Request{
		Method: method, URL: u.String(), Header: h, Body: body, LocalAddr: s.c.eng.sourceAddr(s.c), Fresh: true,
	})
	s.c.eng.noteReach(err)
	return resp, err
}

// judgeSticky checks that the requests of sessions found their pods.
func (e *engine) judgeSticky(g *groupRun, ev *evidence) []judged {
	asked, unknown := map[string]int64{}, map[string]int64{}
	probes := false
	for _, c := range g.cells {
		t := c.sticky
		if t == nil {
			continue
		}
		probes = true
		t.mu.Lock()
		for with, n := range t.asked {
			asked[with] += n
			unknown[with] += t.unknown[with]
		}
		t.mu.Unlock()
	}
	if !probes {
		return nil
	}
	j := judged{Check: Check{
		Kind: "sticky", Name: g.plan.Group.Name, Status: CheckPass, Pos: g.plan.Group.Pos, Advice: g.plan.Group.Advice,
		Want: "every request of a session finds it",
		Got:  fmt.Sprintf("%d of %d requests met an unknown session", unknown[allCookies], asked[allCookies]),
	}}
	bare := fmt.Sprintf("%d of %d without cookies", unknown[noCookies], asked[noCookies])
	labels := map[string]string{LabelClients: g.plan.Group.Name}
	switch {
	case asked[allCookies] == 0:
		j.Status = ev.vacuous()
		j.Detail = "no session could be begun, so this proves nothing"
	case unknown[allCookies] > 0:
		j.Got += ", " + bare
		j.Detail = "long polling needs every request of a session on the pod that began it: let the balancer pin sessions (by a cookie, or by address), use WebSocket alone, or let pods pass requests on"
		if !ev.tolerated(labels, StickyUnknownSID) {
			j.Status, j.outright = CheckFail, true
		}
	case unknown[noCookies] > 0:
		j.Got += ", " + bare
		j.Status = CheckWarn
		j.Detail = "sessions are pinned by " + pinnedBy(asked, unknown) + ": browsers send it, while clients that keep no cookies (socket.io-client in Node, for one) lose their sessions"
	default:
		j.Detail = "with and without cookies: the balancer pins by address, there is one pod, or pods pass requests on"
	}
	return []judged{j}
}

// pinnedBy names the cookie that keeps sessions together.
func pinnedBy(asked, unknown map[string]int64) string {
	var pins []string
	for _, with := range slices.Sorted(maps.Keys(asked)) {
		if with != allCookies && with != noCookies && unknown[with] == 0 {
			pins = append(pins, with)
		}
	}
	switch len(pins) {
	case 0:
		return "a cookie"
	case 1:
		return "the cookie " + pins[0]
	}
	return "one of the cookies " + strings.Join(pins, ", ")
}

// stickySeries makes the series of a cell that probes.
func (l *seriesList) stickySeries(c *cellRun) {
	if c.sticky == nil {
		return
	}
	c.sticky.mu.Lock()
	defer c.sticky.mu.Unlock()
	l.ratio(StickyUnknownSID, c.labels, c.sticky.unknown[allCookies], c.sticky.asked[allCookies])
}
