package e2e

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/internal/rttest"
)

// balancer is a TCP balancer over pods: connections go to the first whose
// /readyz says that it takes clients, as it was at the last look.
type balancer struct {
	ln   net.Listener
	pods []*rttest.Gateway
	to   atomic.Int32
	stop chan struct{}
	wg   sync.WaitGroup
}

func balance(t *testing.T, pods ...*rttest.Gateway) *balancer {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &balancer{ln: ln, pods: pods, stop: make(chan struct{})}
	b.wg.Go(b.look)
	b.wg.Go(b.accept)
	t.Cleanup(func() {
		close(b.stop)
		b.ln.Close()
		b.wg.Wait()
	})
	return b
}

func (b *balancer) url() string { return "http://" + b.ln.Addr().String() }

func (b *balancer) look() {
	client := http.Client{Timeout: time.Second}
	for {
		for i, p := range b.pods {
			res, err := client.Get(p.Admin + "/readyz")
			if err != nil {
				continue
			}
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				b.to.Store(int32(i))
				break
			}
		}
		select {
		case <-b.stop:
			client.CloseIdleConnections()
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (b *balancer) accept() {
	for {
		in, err := b.ln.Accept()
		if err != nil {
			return
		}
		pod := strings.TrimPrefix(b.pods[b.to.Load()].URL, "http://")
		b.wg.Go(func() {
			defer in.Close()
			out, err := net.Dial("tcp", pod)
			if err != nil {
				return
			}
			defer out.Close()
			var both sync.WaitGroup
			copyTo := func(dst, src net.Conn) {
				_, _ = io.Copy(dst, src)
				_ = dst.(*net.TCPConn).CloseWrite()
			}
			both.Go(func() { copyTo(out, in) })
			both.Go(func() { copyTo(in, out) })
			ended := make(chan struct{})
			go func() { both.Wait(); close(ended) }()
			select {
			case <-ended:
			case <-b.stop:
				in.Close()
				out.Close()
				<-ended
			}
		})
	}
}

// When a pod gets SIGTERM, socket.io-client goes on at the other pod, and every
// message that was acked has been delivered.
func TestSocketIOClientOutlivesItsPod(t *testing.T) {
	for _, transport := range []string{"websocket", "polling"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			redis := rttest.Redis(t)
			binary := rttest.Binary(t, true)
			// A poll that comes to the other pod goes on to the one that drains.
			pod := func() *rttest.Gateway {
				address := freeAddress(t)
				return rttest.Serve(t, binary, []string{"RTK_PEER_SECRET=" + testSecret}, "--redis", redis, "--drain-delay", "1s", "--drain", "10s",
					"--listen", address, "--advertise", "http://"+address)
			}
			a, other := pod(), pod()
			b := balance(t, a, other)
			p := rttest.Node(t, "drain-client.js", b.url(), other.URL, transport, "500")
			stopped := false
			for {
				var o struct {
					Sent, Acked, Connects int
					Failed                string
					Missing, Reasons      []string
					Done                  bool
				}
				line := p.Line(t, 60*time.Second)
				if err := json.Unmarshal([]byte(line), &o); err != nil || o.Failed != "" {
					t.Fatalf("the client said %q", line)
				}
				if o.Sent >= 100 && !stopped {
					stopped = true
					if err := a.Signal(syscall.SIGTERM); err != nil {
						t.Fatal(err)
					}
				}
				if !o.Done {
					continue
				}
				if o.Acked != 500 || len(o.Missing) > 0 || o.Connects < 2 {
					t.Errorf("acked %d of 500, connects %d, missing %v, reasons %v", o.Acked, o.Connects, o.Missing, o.Reasons)
				}
				for _, r := range o.Reasons {
					// Not "io server disconnect", after which a client stays away.
					if r != "transport close" {
						t.Errorf("disconnected for %q", r)
					}
				}
				break
			}
			if code := a.Wait(t, 20*time.Second); code != 0 {
				t.Errorf("the pod that was stopped: exit code %d\n%s", code, a.Stderr())
			}
		})
	}
}
