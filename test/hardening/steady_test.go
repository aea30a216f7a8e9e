package hardening

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/realtime-toolkit/rtk/internal/rttest"
)

// Bounds for the client of good behaviour. They are wide, because tests share
// their processors with others: what is looked for are seconds.
const (
	maxP99    = 500 * time.Millisecond
	patience  = 20 * time.Second
	enough    = 100 // round trips, for a p99 that means something
	sioTarget = "/socket.io/?EIO=4&transport=websocket"
)

// victim is a gateway with a client of good behaviour on it, which sends a
// message every few milliseconds and waits for its acknowledgement.
type victim struct {
	*rttest.Gateway
	addr string
	stop chan struct{}
	done chan []time.Duration
	fail chan error
}

func attack(t *testing.T, args ...string) *victim {
	t.Helper()
	g := rttest.Serve(t, rttest.Binary(t, false), nil, append([]string{"--service", "chat,feed,echo", "--drain", "1s"}, args...)...)
	v := &victim{
		Gateway: g, addr: strings.TrimPrefix(g.URL, "http://"),
		stop: make(chan struct{}), done: make(chan []time.Duration, 1), fail: make(chan error, 1),
	}
	ws := v.join(t, "/")
	go v.steady(ws)
	return v
}

// steady measures round trips until stop.
func (v *victim) steady(ws *websocket.Conn) {
	var trips []time.Duration
	defer func() { v.done <- trips }()
	for i := 0; ; i++ {
		time.Sleep(5 * time.Millisecond)
		select {
		case <-v.stop:
			if len(trips) >= enough {
				return
			}
		default:
		}
		start := time.Now()
		if err := ws.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, `42%d["message-with-ack",1]`, i)); err != nil {
			v.fail <- err
			return
		}
		for want := fmt.Sprintf("43%d[1]", i); ; {
			_ = ws.SetReadDeadline(time.Now().Add(patience))
			_, b, err := ws.ReadMessage()
			if err != nil {
				v.fail <- err
				return
			}
			if string(b) == "2" {
				_ = ws.WriteMessage(websocket.TextMessage, []byte("3"))
			}
			if string(b) == want {
				break
			}
		}
		trips = append(trips, time.Since(start))
	}
}

// unharmed ends the measurement and judges it.
func (v *victim) unharmed(t *testing.T) {
	t.Helper()
	close(v.stop)
	trips := <-v.done
	select {
	case err := <-v.fail:
		t.Errorf("the client of good behaviour: %v", err)
	default:
	}
	if len(trips) == 0 {
		t.Fatal("the client of good behaviour got nothing")
	}
	slices.Sort(trips)
	p50, p99 := trips[len(trips)/2], trips[len(trips)*99/100]
	t.Logf("other client: %d round trips, p50 %v, p99 %v", len(trips), p50, p99)
	if p99 > maxP99 {
		t.Errorf("p99 of the other client is %v, want at most %v", p99, maxP99)
	}
	if log := v.Stderr(); strings.Contains(log, "panic") {
		t.Errorf("the gateway's log:\n%s", log)
	}
	res, err := http.Get(v.Admin + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("readyz: %s", res.Status)
	}
}

// dial opens a WebSocket.
func (v *victim) dial(t testing.TB, target string) *websocket.Conn {
	t.Helper()
	d := websocket.Dialer{HandshakeTimeout: patience}
	ws, res, err := d.Dial("ws://"+v.addr+target, nil)
	if err != nil {
		t.Fatalf("dial %s: %v", target, err)
	}
	_ = res.Body.Close()
	t.Cleanup(func() { _ = ws.Close() })
	_ = ws.SetReadDeadline(time.Now().Add(patience))
	return ws
}

// join opens a Socket.IO connection in a namespace.
func (v *victim) join(t testing.TB, ns string) *websocket.Conn {
	t.Helper()
	ws := v.dial(t, sioTarget)
	packet := "40"
	if ns != "/" {
		packet += ns + ","
	}
	write(t, ws, packet)
	for {
		_, b, err := ws.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(string(b), packet+"{") {
			return ws
		}
	}
}

func write(t testing.TB, ws *websocket.Conn, texts ...string) {
	t.Helper()
	for _, s := range texts {
		if err := ws.WriteMessage(websocket.TextMessage, []byte(s)); err != nil {
			t.Fatal(err)
		}
	}
}

// ends reads to the end of a WebSocket and returns the close code, 0 for an end
// without one.
func ends(t testing.TB, ws *websocket.Conn) int {
	t.Helper()
	for {
		_, _, err := ws.ReadMessage()
		if err == nil {
			continue
		}
		if e, ok := errors.AsType[*websocket.CloseError](err); ok {
			return e.Code
		}
		if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
			t.Fatalf("the connection is still open after %v", patience)
		}
		return 0
	}
}

// raw opens a TCP connection and writes text to it.
func (v *victim) raw(t testing.TB, text string) net.Conn {
	t.Helper()
	c, err := net.DialTimeout("tcp", v.addr, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	return c
}

// closedWithin waits for the server's end of the connection and returns what
// came before.
func closedWithin(t testing.TB, c net.Conn, d time.Duration) string {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(d))
	b, err := io.ReadAll(c)
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		t.Errorf("the connection is still open after %v; got %q", d, clip(b))
	}
	return string(b)
}

func clip(b []byte) []byte { return b[:min(len(b), 200)] }
