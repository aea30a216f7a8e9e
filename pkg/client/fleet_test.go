package client

import (
	"bufio"
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// startServer runs the scripted server in a process of its own.
func startServer(t testing.TB, env ...string) *url.URL {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), append(env, serverMode+"=1")...)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse("http://" + strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// counting is the least a handler can do.
type counting struct{ messages, closes atomic.Int64 }

func (c *counting) OnMessage(*rt.Message) { c.messages.Add(1) }
func (c *counting) OnClose(rt.CloseInfo)  { c.closes.Add(1) }

// fleetSize is the number of connections; RTK_FLEET sets it for measurements.
func fleetSize() int {
	if n, err := strconv.Atoi(os.Getenv("RTK_FLEET")); err == nil {
		return n
	}
	return 1000
}

// TestIdleMemory holds an idle connection to its price in resident memory, with
// the server in another process. It is not parallel, because it measures the
// whole process.
func TestIdleMemory(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("a measurement")
	}
	cases := []struct {
		name  string
		proto rt.Protocol
		path  string
		limit int // bytes a connection
	}{
		{"websocket", rt.WebSocket, "/ws", 8 << 10},
		{"socket.io", rt.SocketIO, "/socket.io/", 12 << 10},
		{"sse", rt.SSE, "/events", 8 << 10},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			u := startServer(t)
			u.Path = tc.path
			target := rt.Target{URL: u, Protocol: tc.proto, Framing: rt.FramingNest}
			d := New(Options{})
			defer d.Close()
			h := &counting{}
			dialFleet(t, d, target, h, 50)() // warm up what is there once
			before := resident(t)
			n := fleetSize()
			closeAll := dialFleet(t, d, target, h, n)
			time.Sleep(200 * time.Millisecond)
			per := (resident(t) - before) / n
			var ms runtime.MemStats
			runtime.ReadMemStats(&ms)
			t.Logf("%d connections: %d bytes resident each (heap in use %d MB, stacks %d MB)", n, per, ms.HeapInuse>>20, ms.StackInuse>>20)
			limit := tc.limit
			if n < 5000 {
				limit += limit / 4 // what is there once weighs more
			}
			if per > limit {
				t.Errorf("an idle connection takes %d bytes, want at most %d", per, limit)
			}
			closeAll()
		})
	}
}

// dialFleet opens n connections, 32 at a time, and returns what closes them.
func dialFleet(t testing.TB, d *Dialer, target rt.Target, h rt.Handler, n int) (closeAll func()) {
	t.Helper()
	conns := make([]rt.Conn, n)
	each := func(f func(i int)) {
		var wg sync.WaitGroup
		slots := make(chan struct{}, 32)
		for i := range n {
			slots <- struct{}{}
			wg.Go(func() { f(i); <-slots })
		}
		wg.Wait()
	}
	each(func(i int) {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		local := fmt.Sprintf("127.0.%d.1", 1+i%4)
		c, err := d.Dial(ctx, &rt.DialRequest{Target: target, LocalAddr: local}, h)
		if err != nil {
			t.Errorf("dial %d: %v", i, err)
			return
		}
		conns[i] = c
	})
	return func() {
		each(func(i int) {
			if conns[i] != nil {
				_ = conns[i].Close()
			}
		})
	}
}

// resident returns the resident memory of this process in bytes, after what is
// not needed was given back.
func resident(t testing.TB) int {
	t.Helper()
	runtime.GC()
	debug.FreeOSMemory()
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip("needs /proc")
	}
	pages, err := strconv.Atoi(strings.Fields(string(b))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}
