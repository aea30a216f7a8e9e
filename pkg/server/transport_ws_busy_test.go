package server_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/server"
)

// shortFrame is a client's frame as clients write it: the shortest length, and a
// key that changes the bytes.
func shortFrame(head byte, payload string) []byte {
	b := []byte{head}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	key := []byte{1, 0x20, 3, 0x55}
	b = append(b, key...)
	for i := range len(payload) {
		b = append(b, payload[i]^key[i%4])
	}
	return b
}

// busy is a connection that has sent so much at a stretch that it is read past
// the library.
func (g *gateway) busy(t testing.TB) (*client, net.Conn) {
	t.Helper()
	c := g.joined(t, "/")
	for i := range 12 {
		c.send(fmt.Sprintf(`42%d["echo"]`, i))
		c.is(fmt.Sprintf(`43%d[]`, i))
	}
	return c, c.ws.NetConn()
}

// TestBusyConnection is that a busy connection understands whatever a client may
// send, however it is cut into pieces.
func TestBusyConnection(t *testing.T) {
	t.Parallel()
	g := start(t, server.Options{MaxPayload: 100_000}, echoGateway)
	const text, more, last, bin, ping = 0x81, 0x01, 0x80, 0x82, 0x89
	long := strings.Repeat("0123456789", 1000)
	var stream []byte
	var want []string
	for i := range 3 {
		add := func(head byte, payload string, answers ...string) {
			stream = append(stream, shortFrame(head, payload)...)
			want = append(want, answers...)
		}
		add(text, `421["echo",1]`, `431[1]`)
		add(text, `422["echo","`+strings.Repeat("x", 150)+`"]`, `432["`+strings.Repeat("x", 150)+`"]`)
		add(ping, "pong comes")
		add(more, `423["ec`)
		add(ping, "")
		add(last, `ho",3]`, `433[3]`)
		add(text, `424["echo","`+long+`"]`, `434["`+long+`"]`)
		add(text, `451-5["echo",{"_placeholder":true,"num":0}]`)
		add(bin, "\x00\x01\x02\xff", `461-5[{"_placeholder":true,"num":0}]`, "b:\x00\x01\x02\xff")
		add(text, "3")
		add(text, `42["echo"]`)
		for k := range 40 {
			add(text, fmt.Sprintf(`42%d["echo",%d]`, 100*i+k, k), fmt.Sprintf(`43%d[%d]`, 100*i+k, k))
		}
	}
	for _, piece := range []int{1, 7, 100, 1000, 8 << 10, len(stream)} {
		t.Run(fmt.Sprintf("pieces of %d bytes", piece), func(t *testing.T) {
			t.Parallel()
			c, nc := g.busy(t)
			var pongs atomic.Int32
			c.ws.SetPongHandler(func(string) error { pongs.Add(1); return nil })
			sent := make(chan error, 1)
			go func() {
				for b := stream; len(b) > 0; b = b[min(piece, len(b)):] {
					if _, err := nc.Write(b[:min(piece, len(b))]); err != nil {
						sent <- err
						return
					}
				}
				sent <- nil
			}()
			var got []string
			for range want {
				got = append(got, c.next())
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
			if err := <-sent; err != nil {
				t.Error(err)
			}
			if n := pongs.Load(); n != 6 {
				t.Errorf("%d pongs to 6 pings", n)
			}
		})
	}
}

// TestBusyEnd is how a busy connection ends when the end comes in one piece with
// messages.
func TestBusyEnd(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		end   []byte
		close int
	}{
		{"close frame", shortFrame(0x88, "\x03\xe8"), 1000},
		{"reserved bits", shortFrame(0xf1, "x"), 1002},
		{"not masked", []byte{0x81, 1, 'x'}, 1002},
		{"message is too big", shortFrame(0x81, strings.Repeat("x", 2001)), 1009},
		{"text is not UTF-8", shortFrame(0x81, "42[\"\xff\"]"), 1007},
		{"packet that is none", shortFrame(0x81, "4x"), 1005},
		{"cut off", nil, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ended := make(chan string, 1)
			g := start(t, server.Options{MaxPayload: 2000, CloseTimeout: time.Second}, func(s *server.Server) {
				echoGateway(s)
				s.Of("/").OnDisconnect(func(_ *server.Conn, reason string) { ended <- reason })
			})
			c, nc := g.busy(t)
			b := append(shortFrame(0x81, `421["echo",1]`), shortFrame(0x81, `422["echo",2]`)...)
			if _, err := nc.Write(append(b, tt.end...)); err != nil {
				t.Fatal(err)
			}
			if tt.end == nil {
				_ = nc.(*net.TCPConn).CloseWrite()
			}
			c.is(`431[1]`, `432[2]`)
			if tt.close != 0 {
				if before := c.closed(tt.close); len(before) > 0 {
					t.Errorf("before the close frame: %q", before)
				}
			}
			_ = c.ws.Close()
			select {
			case <-ended:
			case <-time.After(patience):
				t.Error("OnDisconnect has not run")
			}
		})
	}
}

// TestReplyBehindBroadcast is that an acknowledgement keeps its place among what
// handlers emit, although it is encoded in another way.
func TestReplyBehindBroadcast(t *testing.T) {
	t.Parallel()
	g := start(t, server.Options{}, func(s *server.Server) {
		s.Of("/").On("echo", func(_ context.Context, c *server.Conn, e *server.Event) (server.Reply, error) {
			if len(e.Args) > 0 {
				if err := c.EmitRaw("before", e.Args); err != nil {
					return server.Reply{}, err
				}
			}
			return server.Reply{Args: e.Args}, nil
		})
	})
	c, nc := g.busy(t)
	var b []byte
	var want []string
	for i := range 200 {
		if i%3 == 0 { // a run of replies without anything between
			b = append(b, shortFrame(0x81, fmt.Sprintf(`42%d["echo"]`, i))...)
			want = append(want, fmt.Sprintf(`43%d[]`, i))
			continue
		}
		b = append(b, shortFrame(0x81, fmt.Sprintf(`42%d["echo",%d]`, i, i))...)
		want = append(want, fmt.Sprintf(`42["before",%d]`, i), fmt.Sprintf(`43%d[%d]`, i, i))
	}
	if _, err := nc.Write(b); err != nil {
		t.Fatal(err)
	}
	var got []string
	for range want {
		got = append(got, c.next())
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
