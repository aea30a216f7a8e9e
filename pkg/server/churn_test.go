package server_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server"
)

// TestChurn lets clients of all kinds come and go, orderly and not, under
// broadcasts, and wants nothing to be left of them.
func TestChurn(t *testing.T) {
	t.Parallel()
	g := start(t, server.Options{CloseTimeout: 100 * time.Millisecond}, func(s *server.Server) {
		roomGateway(s)
		s.Of("/").OnConnect(func(_ context.Context, c *server.Conn) error { return c.Join("r") })
	})
	stop := make(chan struct{})
	var publisher, clients sync.WaitGroup
	publisher.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				_ = g.Of("/").To("r", "s").Emit("m", i, strings.Repeat("x", i%3000))
				time.Sleep(100 * time.Microsecond)
			}
		}
	})
	for i := range 24 {
		clients.Go(func() {
			rng := mathrand.New(mathrand.NewPCG(7, uint64(i)))
			for range 8 {
				switch rng.IntN(3) {
				case 0:
					c := g.sio(t)
					c.send("40", `42["join","s"]`)
					for range rng.IntN(20) {
						_, _ = c.read()
					}
					if rng.IntN(2) == 0 {
						c.send("41")
					}
					_ = c.ws.Close()
				case 1:
					c, _ := g.ws(t, "/ws", nil)
					for range rng.IntN(20) {
						_, _ = c.read()
					}
					_ = c.ws.NetConn().Close()
				case 2:
					p := g.poller(t)
					p.post("40")
					p.get()
					if rng.IntN(2) == 0 {
						if c, _ := g.ws(t, strings.Replace(p.target, "polling", "websocket", 1), nil); c != nil {
							c.send("2probe")
							_, _ = c.read()
							c.send("5")
							_, _ = c.read()
							_ = c.ws.Close()
						}
					}
					_, _ = g.http(t, "POST", p.target, "1")
				}
			}
		})
	}
	clients.Wait()
	close(stop)
	publisher.Wait()
	eventually(t, "everybody is gone", func() bool {
		st := g.Stats()
		return st.Clients.Total == 0 && st.Rooms == 0 && g.Of("/").Conns() == 0 &&
			st.Connections.Opened == st.Connections.Closed && st.Queues.Messages == 0 && st.Queues.Bytes == 0
	})
}

// TestTLSOrder is TestOrder over TLS, where every write is a drain goroutine's.
func TestTLSOrder(t *testing.T) {
	t.Parallel()
	const messages = 500
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		return (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}).DialContext(ctx, network, addr)
	}
	g := serve(t, tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}}), dial, server.Options{QueueMessages: 1 << 14}, echoGateway)
	var readers sync.WaitGroup
	for range 4 {
		c := g.joined(t, "/")
		readers.Go(func() {
			for i := range messages {
				if m, err := c.read(); err != nil || m != fmt.Sprintf(`42["m",%d]`, i) {
					t.Errorf("message %d: got %.40s, %v", i, m, err)
					return
				}
			}
		})
	}
	for i := range messages {
		_ = g.Of("/").Emit("m", i)
	}
	readers.Wait()
}

func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
