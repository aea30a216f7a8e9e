package server_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/realtime-toolkit/rtk/pkg/server"
)

// BenchmarkFanout broadcasts to 1,000 clients on loopback and waits until they
// have it all. "allocs/delivery" is the server's and the readers' together.
func BenchmarkFanout(b *testing.B) {
	const recipients = 1000
	g := start(b, server.Options{QueueMessages: 1 << 20, QueueBytes: 1 << 30}, roomGateway)
	payload := json.RawMessage(fmt.Sprintf("%q", strings.Repeat("x", 126)))
	end := make(chan struct{}, recipients)
	for range recipients {
		c := g.joined(b, "/").in("r")
		nc := c.ws.NetConn()
		go func() {
			buf := make([]byte, 64<<10)
			for {
				n, err := nc.Read(buf)
				if err != nil {
					return
				}
				if n >= 3 && buf[n-3] == 'E' { // …"E"]
					end <- struct{}{}
				}
			}
		}()
	}
	room := g.Of("/").To("r")
	b.ReportAllocs()
	for b.Loop() {
		for range 100 {
			if err := room.Emit("m", payload); err != nil {
				b.Fatal(err)
			}
		}
		_ = room.Emit("m", "E")
		for range recipients {
			<-end
		}
	}
	b.ReportMetric(float64(b.N)*101*recipients/b.Elapsed().Seconds(), "deliveries/s")
}

// BenchmarkAck is one client's round trip.
func BenchmarkAck(b *testing.B) {
	g := start(b, server.Options{}, echoGateway)
	c := g.joined(b, "/")
	b.ReportAllocs()
	for b.Loop() {
		c.send(`421["echo",{"a":1}]`)
		c.is(`431[{"a":1}]`)
	}
}

// BenchmarkEmitAck broadcasts to 1,000 clients on loopback and waits until all
// have acknowledged; beside it, one EmitAck for each of them. Allocations are the
// server's and the clients' together.
func BenchmarkEmitAck(b *testing.B) {
	const clients = 1000
	g := start(b, server.Options{}, nil)
	n := g.Of("/")
	var conns []*server.Conn
	for range clients {
		c := g.sio(b)
		conns = append(conns, n.Conn(c.join("/")))
		c.answers("1")
	}
	b.Run("broadcast", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if replies, err := n.EmitAck(b.Context(), "ask"); len(replies) != clients || err != nil {
				b.Fatal(len(replies), err)
			}
		}
	})
	b.Run("each", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var wg sync.WaitGroup
			for _, c := range conns {
				wg.Add(1)
				if err := c.EmitAckFunc(func(server.Reply, error) { wg.Done() }, "ask"); err != nil {
					b.Fatal(err)
				}
			}
			wg.Wait()
		}
	})
}
