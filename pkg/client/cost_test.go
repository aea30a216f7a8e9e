//go:build unix

package client

import (
	"errors"
	"io"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// TestReceiveCost measures the processor time of 2,000 Socket.IO connections
// that receive 20,000 messages a second, and of as many bare readers, which
// only look at the frame headers.
func TestReceiveCost(t *testing.T) {
	if os.Getenv("RTK_FLEET") == "" {
		t.Skip("a measurement of half a minute: set RTK_FLEET")
	}
	const conns, measured = 2000, 8 * time.Second
	u := startServer(t, "TICK=1")
	cpu := func() time.Duration {
		var r syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
			t.Fatal(err)
		}
		return time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	per := func(name string, received func() int64) {
		time.Sleep(time.Second)
		c0, n0 := cpu(), received()
		time.Sleep(measured)
		c, n := cpu()-c0, received()-n0
		t.Logf("%s: %d messages, %.2f µs processor time each, %.1f %% of a core", name, n, float64(c.Microseconds())/float64(n), 100*float64(c)/float64(measured))
	}

	d := New(Options{})
	h := &counting{}
	target := rt.Target{URL: u.JoinPath("/socket.io/"), Protocol: rt.SocketIO}
	before := resident(t)
	closeAll := dialFleet(t, d, target, h, conns)
	per("client", h.messages.Load)
	t.Logf("client: %d bytes resident a connection while it receives", (resident(t)-before)/conns)
	closeAll()

	bare := &counting{}
	var wg sync.WaitGroup
	var open []*websocket.Conn
	for range conns {
		gd := websocket.Dialer{ReadBufferSize: 1024}
		c, _, err := gd.Dial("ws://"+u.Host+"/socket.io/", nil)
		if err != nil {
			t.Fatal(err)
		}
		hear(c)
		_ = c.WriteMessage(websocket.TextMessage, []byte("40"))
		hear(c)
		open = append(open, c)
		wg.Go(func() {
			buf := make([]byte, 1024)
			for {
				_, r, err := c.NextReader()
				if err != nil {
					return
				}
				for err == nil {
					_, err = r.Read(buf)
				}
				if !errors.Is(err, io.EOF) {
					return
				}
				bare.messages.Add(1)
			}
		})
	}
	per("bare reader", bare.messages.Load)
	for _, c := range open {
		_ = c.Close()
	}
	wg.Wait()
}
