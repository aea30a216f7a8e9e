package tui

import (
	"context"
	"errors"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// fakeServer is an rt.Dialer whose connections the test holds in its hand.
type fakeServer struct {
	mu     sync.Mutex
	dials  []rt.DialRequest
	refuse []error // for the next dials, nil accepts
	conns  chan *fakeConn
}

func newFakeServer(refuse ...error) *fakeServer {
	return &fakeServer{refuse: refuse, conns: make(chan *fakeConn, 16)}
}

func (f *fakeServer) Dial(ctx context.Context, r *rt.DialRequest, h rt.Handler) (rt.Conn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dials = append(f.dials, *r)
	if len(f.refuse) > 0 {
		err := f.refuse[0]
		f.refuse = f.refuse[1:]
		if err != nil {
			return nil, err
		}
	}
	c := &fakeConn{
		h: h, sent: make(chan rt.Outgoing, 64),
		info: rt.ConnInfo{
			Protocol: r.Target.Protocol, Transport: rt.TransportWebSocket, Namespace: r.Target.Namespace,
			SID: "9fQx2", Local: "127.0.0.1:50000", Remote: "127.0.0.1:3000", Proto: "HTTP/1.1", Ping: 25 * time.Second,
			Phases: rt.Phases{TCP: 400 * time.Microsecond, Upgrade: 8 * time.Millisecond, Namespace: 2 * time.Millisecond, Total: 11 * time.Millisecond},
		},
	}
	f.conns <- c
	return c, nil
}

func (f *fakeServer) dialed() []rt.DialRequest {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]rt.DialRequest(nil), f.dials...)
}

type fakeConn struct {
	h    rt.Handler
	sent chan rt.Outgoing
	info rt.ConnInfo
	once sync.Once
	mute error // what Send returns
}

func (c *fakeConn) Send(_ context.Context, m *rt.Outgoing) error {
	if c.mute != nil {
		return c.mute
	}
	c.sent <- *m
	return nil
}

func (c *fakeConn) Close() error {
	c.end(rt.CloseInfo{By: rt.ByLocal})
	return nil
}

func (c *fakeConn) Abort()            { c.end(rt.CloseInfo{By: rt.ByLocal}) }
func (c *fakeConn) Info() rt.ConnInfo { return c.info }

// end closes the connection from the server's side.
func (c *fakeConn) end(info rt.CloseInfo) { c.once.Do(func() { c.h.OnClose(info) }) }

// receive delivers an event with one JSON argument.
func (c *fakeConn) receive(event, body string) {
	c.h.OnMessage(&rt.Message{
		At: time.Now(), Kind: rt.KindEvent, Transport: rt.TransportWebSocket, Namespace: c.info.Namespace,
		Event: event, Body: []byte(body), Multi: true, AckID: rt.NoAck, Size: len(body) + len(event) + 6,
	})
}

// answer acknowledges id.
func (c *fakeConn) answer(id int64, body string) {
	c.h.OnMessage(&rt.Message{
		At: time.Now(), Kind: rt.KindAck, Transport: rt.TransportWebSocket, Namespace: c.info.Namespace,
		Body: []byte(body), Multi: true, AckID: id, Size: len(body) + 4,
	})
}

func testTarget(t testing.TB, protocol rt.Protocol) rt.Target {
	t.Helper()
	u, err := url.Parse("http://chat.example/socket.io/")
	if err != nil {
		t.Fatal(err)
	}
	target := rt.Target{URL: u, Protocol: protocol}
	if protocol == rt.SocketIO {
		target.Namespace = "/chat"
	}
	return target
}

func testSession(t testing.TB, f *fakeServer, change func(*SessionOptions)) *Session {
	t.Helper()
	o := SessionOptions{
		Dialer: f, Request: rt.DialRequest{Target: testTarget(t, rt.SocketIO)}, Acks: true,
		Random: func() float64 { return 0.5 },
	}
	if change != nil {
		change(&o)
	}
	s, err := NewSession(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var (
	errUnreachable = &rt.Error{Op: "dial", Target: "http://chat.example/socket.io/", Kind: rt.KindUnreachable, Stage: rt.StageDial, Err: errors.New("connection refused")}
	errRejected    = &rt.Error{Op: "dial", Target: "http://chat.example/socket.io/", Kind: rt.KindRejected, Stage: rt.StageNamespace, Code: "unauthorized"}
)
