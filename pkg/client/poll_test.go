//go:build linux

package client

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// pollersMode makes all dialers of the test binary read with so many pollers.
const pollersMode = "RTK_CLIENT_TEST_POLLERS"

func init() { defaultPollers, _ = strconv.Atoi(os.Getenv(pollersMode)) }

// TestPolled runs all other tests of connections with pollers: nobody may notice
// a difference.
func TestPolled(t *testing.T) {
	if os.Getenv(pollersMode) != "" {
		t.Skip("runs within itself")
	}
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.short", "-test.run", "Break|Blackhole|SocketIO|WebSocket|Fault|Node|Gateway|Upgrade|Dial|Poll|Handover")
	cmd.Env = append(os.Environ(), pollersMode+"=2")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("with pollers: %v\n%s", err, out)
	}
}

func polledDialer(t *testing.T, o Options) *Dialer {
	t.Helper()
	o.Pollers = 1
	d := New(o)
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// isPolled tells how a connection is read now.
func isPolled(t *testing.T, c rt.Conn) bool {
	t.Helper()
	var w *ws
	switch c := c.(type) {
	case *plainConn:
		w = c.w
	case *sioConn:
		w = c.w.Load()
	}
	return w.l.polled != nil && w.l.polled.inner() == nil
}

// TestPollerComesAndGoes opens and closes connections at all moments, so that the
// poller ends and begins anew, and then counts the descriptors.
func TestPollerComesAndGoes(t *testing.T) {
	if os.Getenv(pollersMode) == "" {
		t.Skip("counts descriptors: runs within TestPolled, where fewer tests do")
	}
	u := startServer(t)
	d := polledDialer(t, Options{})
	count := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	before := count()
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			for j := range 5 {
				h := newRecorder()
				target := rt.Target{URL: u.JoinPath("/ws"), Protocol: rt.WebSocket}
				if (i+j)%2 == 0 {
					target = rt.Target{URL: u.JoinPath("/socket.io/"), Protocol: rt.SocketIO}
				}
				c, err := d.Dial(t.Context(), &rt.DialRequest{Target: target}, h)
				if err != nil {
					t.Errorf("dial: %v", err)
					return
				}
				if !isPolled(t, c) {
					t.Error("no poller reads the connection")
				}
				if (i+j)%3 == 0 {
					c.Abort()
				}
				_ = c.Close()
				if len(h.closes()) != 1 {
					t.Errorf("closed %d times", len(h.closes()))
				}
			}
		})
	}
	wg.Wait()
	for end := time.Now().Add(10 * time.Second); count() > before && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	if n := count(); n > before {
		t.Errorf("%d descriptors are open, %d before", n, before)
	}
	p := &d.pollers[0]
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.epoll != nil || p.count != 0 {
		t.Errorf("the poller has %d connections left, epoll set %v", p.count, p.epoll)
	}
}

// TestPolledMessages checks messages that come in pieces, together, longer than
// the buffer and in fragments.
func TestPolledMessages(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("long ", 20_000)
	frames := [][]byte{
		wsFrame(0x81, "a"), wsFrame(0x81, "b"), wsFrame(0x81, long),
		wsFrame(0x01, "one "), wsFrame(0x89, "ping"), wsFrame(0x80, "message"),
		wsFrame(0x81, strings.Repeat("x", 16<<10-4)), wsFrame(0x81, ""),
	}
	want := []string{"", "a", "b", long, "ping", "one message", strings.Repeat("x", 16<<10-4), ""}
	for _, piece := range []int{1 << 20, 4096, 1000, 7} {
		t.Run(fmt.Sprint(piece), func(t *testing.T) {
			t.Parallel()
			all := bytes.Join(frames, nil)
			if piece == 7 { // a write for each takes long enough without the long ones
				all = bytes.Join(append(frames[:2:2], frames[3:6]...), nil)
			}
			u := serve(t, wsScript(func(c *websocket.Conn) {
				for rest := all; len(rest) > 0; {
					n := min(piece, len(rest))
					_, _ = c.NetConn().Write(rest[:n])
					rest = rest[n:]
				}
				drain(c)
			}))
			rec := newRecorder()
			target := targetOf("websocket", u)
			target.Framing = rt.FramingRaw
			c, err := polledDialer(t, Options{}).Dial(t.Context(), &rt.DialRequest{Target: target}, rec)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			want := want
			if piece == 7 {
				want = []string{"", "a", "b", "ping", "one message"}
			}
			rec.wait(t, "all messages", func() bool { return len(rec.msgs) >= len(want) })
			for i, n := range rec.notes() {
				if n.Body != want[i] {
					t.Errorf("message %d has %d bytes, want %d", i, len(n.Body), len(want[i]))
				}
			}
			if _, room, ok := c.(rt.Backlog).Unread(); room <= 0 || !ok {
				t.Error("nobody knows what is unread")
			}
			if !isPolled(t, c) {
				t.Error("the connection was handed over for messages that need not wait")
			}
		})
	}
}

// TestHandoverOfAFullSocket sends to a peer that does not read until the socket is
// full: what had to wait arrives whole and in order.
func TestHandoverOfAFullSocket(t *testing.T) {
	t.Parallel()
	const messages = 400
	text := strings.Repeat("m", 50_000)
	read := make(chan struct{})
	got := make(chan int, 1)
	u := serve(t, wsScript(func(c *websocket.Conn) {
		<-read
		n := 0
		for ; n < messages; n++ {
			if hear(c) != fmt.Sprint(n, text) {
				break
			}
		}
		got <- n
		drain(c)
	}))
	target := targetOf("websocket", u)
	target.Framing = rt.FramingRaw
	c, err := polledDialer(t, Options{}).Dial(t.Context(), &rt.DialRequest{Target: target}, newRecorder())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	sent := make(chan error, 1)
	go func() {
		for i := range messages {
			if err := c.Send(context.Background(), &rt.Outgoing{Body: fmt.Append(nil, i, text), AckID: rt.NoAck}); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	for end := time.Now().Add(10 * time.Second); isPolled(t, c); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the connection was not handed over, though its socket is full")
		}
	}
	close(read)
	if n := <-got; n != messages {
		t.Errorf("message %d is not what was sent", n)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

// TestHandoverOfAPong has the peer ask for pongs and not read them, until one of
// them has to wait. The messages behind the ping are heard all the same, because
// a goroutine of the connection's own waits.
func TestHandoverOfAPong(t *testing.T) {
	t.Parallel()
	const pings = 60_000
	read, over := make(chan struct{}), make(chan int, 1)
	u := serve(t, wsScript(func(c *websocket.Conn) {
		wrote := make(chan struct{})
		go func() {
			defer close(wrote)
			batch := bytes.Repeat(wsFrame(0x89, strings.Repeat("p", 120)), 100)
			for range pings / 100 {
				_, _ = c.NetConn().Write(batch)
			}
			say(c, `{"event":"after"}`)
		}()
		pongs := 0
		c.SetPongHandler(func(s string) error {
			if s == strings.Repeat("p", 120) {
				pongs++
			}
			return nil
		})
		<-read
		drain(c)
		<-wrote
		over <- pongs
	}))
	rec := newRecorder()
	c, err := polledDialer(t, Options{}).Dial(t.Context(), &rt.DialRequest{Target: targetOf("websocket", u)}, rec)
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); isPolled(t, c); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the connection was not handed over, though its socket is full")
		}
	}
	close(read)
	rec.wait(t, "the message behind the pings", func() bool { return rec.find("after") != nil })
	_ = c.Close()
	if n := <-over; n != pings {
		t.Errorf("the peer has %d pongs, want %d", n, pings)
	}
}

// TestPolledPeerThatFallsSilent checks that a lost heartbeat ends the connection.
func TestPolledPeerThatFallsSilent(t *testing.T) {
	t.Parallel()
	u := serve(t, sioScriptWith(50*time.Millisecond, 50*time.Millisecond, func(c *websocket.Conn) {
		for {
			if _, _, err := c.ReadMessage(); err != nil {
				return
			}
		}
	}))
	rec := newRecorder()
	c, err := polledDialer(t, Options{}).Dial(t.Context(), &rt.DialRequest{Target: targetOf("socketio", u)}, rec)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if end := rec.waitClose(t); end.By != rt.ByNetwork || end.Reason != reasonPingTimeout {
		t.Errorf("ended with %+v", end)
	}
}
