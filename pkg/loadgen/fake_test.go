package loadgen

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// fakeServer is a chat server in memory, seen through rt.Dialer. It has one
// room list for all its targets, so any two of them are pods of a cluster. Its
// hooks break it on purpose. All of it runs in fake time.
type fakeServer struct {
	delay time.Duration // of deliveries and acks

	// dial decides on a handshake; nil accepts.
	dial func(r *rt.DialRequest, c *fakeConn) error
	// ack answers a message; ok false sends no ack.
	ack func(c *fakeConn, m *rt.Outgoing) (body string, after time.Duration, ok bool)
	// deliver turns one delivery into what is really sent; nil delivers.
	deliver func(d delivery) []delivery
	// unread is what waits in the kernel; nil for not known.
	unread func() (waiting, room int)
	// send may block or fail a client's Send.
	send func(c *fakeConn, m *rt.Outgoing) error

	mu    sync.Mutex
	rooms map[string][]*fakeConn
	conns []*fakeConn
}

// delivery is one message on its way to one member of a room.
type delivery struct {
	to     *fakeConn
	n      int // of the messages to this member, from 0
	room   string
	body   string
	after  time.Duration
	closes bool // the connection instead
}

type fakeConn struct {
	s      *fakeServer
	h      rt.Handler
	target string
	via    string // rt.DialRequest.DialAddr
	local  string
	info   rt.ConnInfo
	heard  int // where the client is in what the server keeps, if info has a session
	sent   int // messages delivered so far
	says   int // messages received

	mu     sync.Mutex
	holed  bool // nothing is read or written any more
	broken string
	queue  []fakeInput
	order  int
	signal chan struct{}
	ended  bool
	done   chan struct{}
}

type fakeInput struct {
	at    time.Time
	order int
	m     rt.Message
	close *rt.CloseInfo
}

func (s *fakeServer) Dial(ctx context.Context, r *rt.DialRequest, h rt.Handler) (rt.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, &rt.Error{Op: "dial", Kind: rt.KindCanceled, Err: err}
	}
	c := &fakeConn{s: s, h: h, target: r.Target.Name, via: r.DialAddr, local: r.LocalAddr, signal: make(chan struct{}, 1), done: make(chan struct{})}
	time.Sleep(time.Millisecond)
	if s.dial != nil {
		if err := s.dial(r, c); err != nil {
			if e, ok := errors.AsType[*rt.Error](err); ok && e.Stage == rt.StageNamespace {
				go c.read()
				return c, err
			}
			return nil, err
		}
	}
	go c.read()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns = append(s.conns, c)
	return c, nil
}

// read is the connection's read goroutine.
func (c *fakeConn) read() {
	defer close(c.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		c.mu.Lock()
		wait := time.Hour
		var in *fakeInput
		if len(c.queue) > 0 {
			if wait = time.Until(c.queue[0].at); wait <= 0 {
				head := c.queue[0]
				in, c.queue = &head, c.queue[1:]
			}
		}
		c.mu.Unlock()
		switch {
		case in != nil && in.close != nil:
			c.mu.Lock()
			c.ended = true
			c.mu.Unlock()
			in.close.At = time.Now()
			c.leave()
			c.h.OnClose(*in.close)
			return
		case in != nil && c.inHole():
		case in != nil:
			in.m.At = time.Now()
			if in.m.Event == "message" {
				c.mu.Lock()
				c.heard++
				c.mu.Unlock()
			}
			c.h.OnMessage(&in.m)
		default:
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-c.signal:
			}
		}
	}
}

func (c *fakeConn) push(in fakeInput, after time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return
	}
	if in.close != nil && in.close.By == rt.ByLocal {
		c.ended, c.queue = true, nil
	}
	in.at, in.order = time.Now().Add(after), c.order
	c.order++
	i, _ := slices.BinarySearchFunc(c.queue, in, func(a, b fakeInput) int {
		if d := a.at.Compare(b.at); d != 0 {
			return d
		}
		return a.order - b.order
	})
	c.queue = slices.Insert(c.queue, i, in)
	select {
	case c.signal <- struct{}{}:
	default:
	}
}

func (c *fakeConn) event(name, body string, after time.Duration) {
	c.push(fakeInput{m: rt.Message{Kind: rt.KindEvent, Event: name, Body: []byte(body), Multi: true, AckID: rt.NoAck}}, after)
}

func (c *fakeConn) hangUp(i rt.CloseInfo, after time.Duration) {
	c.push(fakeInput{close: &i}, after)
}

func (c *fakeConn) leave() {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	for room, members := range c.s.rooms {
		c.s.rooms[room] = slices.DeleteFunc(members, func(m *fakeConn) bool { return m == c })
	}
}

func (c *fakeConn) Send(ctx context.Context, m *rt.Outgoing) error {
	s := c.s
	c.mu.Lock()
	ended, holed := c.ended, c.holed
	c.mu.Unlock()
	switch {
	case ended:
		return &rt.Error{Op: "send", Kind: rt.KindClosed}
	case holed:
		return nil
	}
	if s.send != nil {
		if err := s.send(c, m); err != nil {
			return err
		}
	}
	body := string(m.Body)
	ack, after, ok := `{"ok":true}`, s.delay, true
	if s.ack != nil {
		ack, after, ok = s.ack(c, m)
	}
	if ok && m.AckID != rt.NoAck {
		c.push(fakeInput{m: rt.Message{Kind: rt.KindAck, AckID: m.AckID, Body: []byte(ack), Multi: true}}, after)
	}
	args := rt.Message{Body: []byte(body), Multi: true}
	room := strings.Trim(string(args.Arg(0)), `"`)
	switch m.Event {
	case "join":
		s.mu.Lock()
		if s.rooms == nil {
			s.rooms = map[string][]*fakeConn{}
		}
		s.rooms[room] = append(s.rooms[room], c)
		s.mu.Unlock()
	case "say":
		c.says++
		if strings.Contains(ack, "error") {
			break
		}
		s.broadcast(room, string(args.Arg(1)))
	case "echo":
		c.event("echoed", body, s.delay)
	}
	return nil
}

func (s *fakeServer) broadcast(room, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, to := range s.rooms[room] {
		all := []delivery{{to: to, n: to.sent, room: room, body: fmt.Sprintf(`{"text":%s}`, text), after: s.delay}}
		to.sent++
		if s.deliver != nil {
			all = s.deliver(all[0])
		}
		for _, d := range all {
			if d.closes {
				d.to.hangUp(rt.CloseInfo{By: rt.ByNetwork, Reason: "reset"}, d.after)
				continue
			}
			d.to.event("message", d.body, d.after)
		}
	}
}

func (c *fakeConn) Close() error {
	c.hangUp(rt.CloseInfo{By: rt.ByLocal}, 0)
	<-c.done
	return nil
}

func (c *fakeConn) Abort() { _ = c.Close() }

func (c *fakeConn) Info() rt.ConnInfo {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := c.info
	if i.Resume != nil {
		i.Resume = &rt.Resume{PID: i.Resume.PID, Offset: fmt.Sprint(c.heard)}
	}
	return i
}

func (c *fakeConn) Unread() (waiting, room int, ok bool) {
	if c.s.unread == nil {
		return 0, 0, false
	}
	waiting, room = c.s.unread()
	return waiting, room, true
}

var _ rt.Breaker = (*fakeConn)(nil)

// Break implements rt.Breaker.
func (c *fakeConn) Break(how rt.BreakHow) error {
	c.mu.Lock()
	ended := c.ended
	c.holed = how == rt.BreakBlackhole
	c.broken += " " + how.String()
	c.mu.Unlock()
	switch {
	case ended:
		return &rt.Error{Op: "break", Kind: rt.KindClosed}
	case how != rt.BreakBlackhole:
		c.hangUp(rt.CloseInfo{By: rt.ByNetwork, Err: errors.New(how.String())}, 0)
	}
	return nil
}

func (c *fakeConn) inHole() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.holed
}

// plan parses and compiles a scenario.
func plan(t *testing.T, src string) *Plan {
	t.Helper()
	s, diags := Parse("test.yaml", []byte(src), func(string) (string, bool) { return "", false })
	if s == nil || len(diags) > 0 {
		t.Fatalf("scenario: %v", diags)
	}
	p, err := Compile(s, CompileOptions{Seed: 7, RunID: "run1"})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// bench runs a scenario against a fake server, in a synctest bubble.
func bench(t *testing.T, s *fakeServer, src string, change ...func(*Options)) *Report {
	t.Helper()
	return benchContext(t.Context(), t, s, src, change...)
}

func benchContext(ctx context.Context, t *testing.T, s *fakeServer, src string, change ...func(*Options)) *Report {
	t.Helper()
	// In fake time, and beside other tests, what the process takes says nothing.
	o := Options{Dialer: s, strain: func(g *Generator) { g.CPUShare, g.GCPauseMax, g.GCShare, g.StealShare = 0, 0, 0, 0 }}
	for _, f := range change {
		f(&o)
	}
	r, err := Run(ctx, plan(t, src), o)
	if err != nil {
		t.Fatal(err)
	}
	validateReports(t, r)
	return r
}

// broken lists the checks that did not pass, one a line.
func broken(r *Report) []string {
	var out []string
	for _, c := range r.Checks {
		if c.Status != CheckPass && c.Status != CheckSkipped && c.Kind != "generator" {
			out = append(out, fmt.Sprintf("%s %s %s: %s", c.Status, c.Kind, c.Name, c.Got))
		}
	}
	return out
}

func wantBroken(t *testing.T, r *Report, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, broken(r)); diff != "" {
		t.Errorf("checks that did not pass (-want +got):\n%s", diff)
		for _, c := range r.Checks {
			t.Logf("%-12s %-9s %s | got %s | want %s | %s", c.Status, c.Kind, c.Name, c.Got, c.Want, c.Detail)
		}
		t.Logf("errors: %v", r.Errors)
	}
}

func wantVerdict(t *testing.T, r *Report, want Verdict) {
	t.Helper()
	if r.Verdict != want {
		t.Errorf("verdict = %s (%s), want %s", r.Verdict, r.Reason, want)
	}
}

// metric returns the one series of a name and labels.
func metric(t *testing.T, r *Report, name string, labels ...string) Metric {
	t.Helper()
	for _, m := range r.Metrics {
		if m.Name != name {
			continue
		}
		fits := true
		for i := 0; i+1 < len(labels); i += 2 {
			fits = fits && m.Labels[labels[i]] == labels[i+1]
		}
		if fits {
			return m
		}
	}
	t.Fatalf("no series %s %v", name, labels)
	return Metric{}
}
