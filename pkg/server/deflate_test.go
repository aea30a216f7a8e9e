package server_test

import (
	"bufio"
	"bytes"
	"compress/flate"
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/realtime-toolkit/rtk/pkg/server"
)

// deflated is what a client may send for data, with rsv1 set.
func deflated(t *testing.T, data []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w, _ := flate.NewWriter(&buf, flate.BestCompression)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	_ = w.Flush()
	return buf.Bytes()[:buf.Len()-4]
}

// clientFrame is a final masked frame; the mask is 0.
func clientFrame(head byte, payload []byte) []byte {
	b := []byte{head, 0x80 | 127}
	b = binary.BigEndian.AppendUint64(b, uint64(len(payload)))
	return append(append(b, 0, 0, 0, 0), payload...)
}

// wire opens a WebSocket with an offer of compression.
func (g *gateway) wire(t *testing.T, target string) (*client, *http.Response) {
	t.Helper()
	d := g.dialer
	d.EnableCompression = true
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ws, res, err := d.DialContext(ctx, "ws://"+g.host+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ws.Close() })
	return &client{t: t, ws: ws}, res
}

// counting counts what a client reads from its socket.
type counting struct {
	net.Conn
	n *int
}

func (c counting) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	*c.n += n
	return n, err
}

func TestCompression(t *testing.T) {
	t.Parallel()
	g := start(t, server.Options{Compression: server.Compression{Threshold: 200}, MaxPayload: 100_000}, echoGateway)
	long := strings.Repeat("hello ", 2000)
	t.Run("negotiated", func(t *testing.T) {
		t.Parallel()
		_, res := g.wire(t, sioTarget)
		if got := res.Header.Get("Sec-WebSocket-Extensions"); got != "permessage-deflate; server_no_context_takeover; client_no_context_takeover" {
			t.Errorf("extensions %q", got)
		}
	})
	t.Run("an offer that it can't keep to is declined", func(t *testing.T) {
		t.Parallel()
		nc, err := net.Dial("tcp", g.host)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		_, _ = io.WriteString(nc, "GET "+sioTarget+" HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"+
			"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9\r\n\r\n")
		res, err := http.ReadResponse(bufio.NewReader(nc), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := res.Header.Get("Sec-WebSocket-Extensions"); res.StatusCode != http.StatusSwitchingProtocols || got != "" {
			t.Errorf("%s, extensions %q", res.Status, got)
		}
	})
	t.Run("both ways, large and small, text and binary", func(t *testing.T) {
		t.Parallel()
		read := 0
		g := *g
		g.dialer.NetDialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
			return counting{c, &read}, err
		}
		c, _ := g.wire(t, sioTarget)
		c.want("0{")
		sid := c.join("/")
		c.send(`421["echo","`+long+`"]`, `422["echo","short"]`)
		c.is(`431["`+long+`"]`, `432["short"]`)
		_ = g.Of("/").Emit("m", long, []byte(long))
		c.is(`451-["m","` + long + `",{"_placeholder":true,"num":0}]`)
		if _, b, err := c.ws.ReadMessage(); err != nil || string(b) != long {
			t.Fatalf("%d bytes, %v", len(b), err)
		}
		_ = g.Of("/").Conn(sid).Emit("m", long)
		c.is(`42["m","` + long + `"]`)
		if read > len(long) {
			t.Errorf("%d bytes for four messages of %d", read, len(long))
		}
		_ = g.Of("/").To(sid).Compress(false).Emit("m", long)
		c.is(`42["m","` + long + `"]`)
		if read < len(long) {
			t.Errorf("%d bytes: deflated against its wish", read)
		}
	})
	t.Run("plain WebSocket", func(t *testing.T) {
		t.Parallel()
		c, _ := g.wire(t, "/ws")
		c.send(`{"event":"echo","data":"` + long + `","id":1}`)
		c.is(`{"event":"ack","id":1,"data":"` + long + `"}`)
	})
	t.Run("after an upgrade", func(t *testing.T) {
		t.Parallel()
		p := g.poller(t)
		p.join()
		c, _ := g.wire(t, strings.Replace(p.target, "polling", "websocket", 1))
		c.send("2probe")
		c.is("3probe")
		c.send("5", `421["echo","`+long+`"]`)
		c.is(`431["` + long + `"]`)
	})
	joined := func(t *testing.T) *client {
		c, _ := g.wire(t, sioTarget)
		c.want("0{")
		c.join("/")
		return c
	}
	t.Run("a bomb is cut off", func(t *testing.T) {
		t.Parallel()
		bomb := deflated(t, make([]byte, 64<<20))
		if len(bomb) > 100_000 {
			t.Fatalf("%d bytes of a bomb", len(bomb))
		}
		var before, after runtime.MemStats
		c := joined(t)
		runtime.ReadMemStats(&before)
		if _, err := c.ws.NetConn().Write(clientFrame(0xc1, bomb)); err != nil {
			t.Fatal(err)
		}
		c.closed(1009)
		runtime.ReadMemStats(&after)
		if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 32<<20 {
			t.Errorf("the heap has grown by %d MiB", grown>>20)
		}
	})
	t.Run("a message that inflates to nothing is cut off", func(t *testing.T) {
		t.Parallel()
		c := joined(t)
		empty := bytes.Repeat([]byte{0, 0, 0, 0xff, 0xff}, 30_000)
		if _, err := c.ws.NetConn().Write(clientFrame(0xc1, empty)); err != nil {
			t.Fatal(err)
		}
		c.closed(1009)
	})
	t.Run("bytes that are no deflate data", func(t *testing.T) {
		t.Parallel()
		c := joined(t)
		if _, err := c.ws.NetConn().Write(clientFrame(0xc1, []byte("\xff\xff\xff\xff"))); err != nil {
			t.Fatal(err)
		}
		c.closed(1007)
	})
	t.Run("deflated without having asked", func(t *testing.T) {
		t.Parallel()
		c := g.joined(t, "/")
		if _, err := c.ws.NetConn().Write(clientFrame(0xc1, deflated(t, []byte(`42["x"]`)))); err != nil {
			t.Fatal(err)
		}
		c.closed(1002)
	})
}

func TestCompressionOff(t *testing.T) {
	t.Parallel()
	g := start(t, server.Options{}, echoGateway)
	if _, res := g.wire(t, sioTarget); res.Header.Get("Sec-WebSocket-Extensions") != "" {
		t.Error("on by default")
	}
}
