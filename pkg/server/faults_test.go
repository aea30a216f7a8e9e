package server_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/server/throttle"
)

func TestAuthFaults(t *testing.T) {
	t.Parallel()
	t.Run("off lets anybody in", func(t *testing.T) {
		t.Parallel()
		g := start(t, withAuth(t, server.Options{Faults: &server.Faults{AuthOff: true}}), nil)
		g.joined(t, "/")
		if c, refused := g.ws(t, "/ws?token=garbage", nil); c == nil {
			t.Error(refused.Status)
		}
	})
	t.Run("late lets in and disconnects later", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			g := startPipe(t, withAuth(t, server.Options{Faults: &server.Faults{AuthLate: true}}), nil)
			sio := g.joined(t, "/")
			plain, _ := g.ws(t, "/ws", nil)
			begin := time.Now()
			for _, c := range []*client{sio, plain} {
				if m, err := readLate(c, time.Minute); err == nil {
					t.Errorf("got %q, want the end", m)
				}
			}
			if after := time.Since(begin); after < server.AuthLateAfter || after > server.AuthLateAfter+200*time.Millisecond {
				t.Errorf("closed after %v, want %v", after, server.AuthLateAfter)
			}
		})
	})
	for name, f := range map[string]server.Faults{"silent": {AuthSilent: true}, "linger": {AuthLinger: true}} {
		t.Run(name+" keeps a refused client", func(t *testing.T) {
			t.Parallel()
			g := start(t, withAuth(t, server.Options{Faults: &f}), nil)
			c := g.sio(t)
			c.send("40")
			c.is(`44{"message":"unauthorized","data":{"code":"token_missing"}}`)
			if f.AuthSilent {
				c.is(`42["message",{"leak":true}]`)
			}
			c.silent(50 * time.Millisecond)
			if plain, refused := g.ws(t, "/ws", nil); plain != nil || refused.StatusCode != http.StatusUnauthorized {
				t.Error("a plain WebSocket was let in")
			}
		})
	}
	t.Run("leak sends an event before the refusal", func(t *testing.T) {
		t.Parallel()
		g := start(t, withAuth(t, server.Options{Faults: &server.Faults{AuthLeak: true}}), nil)
		c := g.sio(t)
		c.send("40")
		want := []string{`42["message",{"leak":true}]`, `44{"message":"unauthorized","data":{"code":"token_missing"}}`}
		if diff := cmp.Diff(want, c.closed(0)); diff != "" {
			t.Error(diff)
		}
		plain, refused := g.ws(t, "/ws", nil)
		if plain == nil {
			t.Fatal(refused.Status)
		}
		if diff := cmp.Diff([]string{`{"event":"message","data":{"leak":true}}`}, plain.closed(1008)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestThrottleFaults(t *testing.T) {
	t.Parallel()
	limit := throttle.Limit{Rate: 1, Burst: 2}
	for _, tc := range []struct {
		name   string
		faults server.Faults
		passed int
	}{
		{"off", server.Faults{ThrottleOff: true}, 30},
		{"late", server.Faults{ThrottleLate: true}, 20},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := startPipe(t, server.Options{Throttle: limit, Faults: &tc.faults}, echoGateway)
				c := g.joined(t, "/")
				passed := 0
				for i := range 30 {
					c.send(fmt.Sprintf(`42%d["echo"]`, i))
					if c.next() == fmt.Sprintf(`43%d[]`, i) {
						passed++
					}
				}
				if passed != tc.passed {
					t.Errorf("%d passed, want %d", passed, tc.passed)
				}
			})
		})
	}
}

func TestDeliveryFaults(t *testing.T) {
	t.Parallel()
	const messages = 2000
	type tally struct{ missing, repeated, swapped bool }
	for _, tc := range []struct {
		name   string
		faults server.Faults
		want   tally
	}{
		{"none", server.Faults{Seed: 1}, tally{}},
		{"drop", server.Faults{Drop: 0.05, Seed: 1}, tally{missing: true}},
		{"dup", server.Faults{Dup: 0.05, Seed: 1}, tally{repeated: true}},
		{"reorder", server.Faults{Reorder: 0.05, Seed: 1}, tally{swapped: true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			g := start(t, server.Options{Faults: &tc.faults, QueueMessages: 1 << 14}, nil)
			c := g.sio(t)
			conn := g.Of("/").Conn(c.join("/"))
			for i := range messages {
				_ = g.Of("/").Emit("m", i)
			}
			_ = conn.Emit("end") // unicast is not disturbed
			var got tally
			seen := make([]int, messages)
			last := -1
			for m := c.next(); m != `42["end"]`; m = c.next() {
				var i int
				if _, err := fmt.Sscanf(m, `42["m",%d]`, &i); err != nil {
					t.Fatal(m)
				}
				got.swapped = got.swapped || i < last
				last = max(last, i)
				seen[i]++
			}
			for _, n := range seen[:messages-8] { // the last may be held back for successors
				got.missing = got.missing || n == 0
				got.repeated = got.repeated || n > 1
			}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(tally{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestDeliveryDefects checks the defects that do something to a message or its
// recipient rather than to the order of messages.
func TestDeliveryDefects(t *testing.T) {
	t.Parallel()
	const text = "rtk1.run.0.17.m1n2o3p4"
	t.Run("corrupt changes one character", func(t *testing.T) {
		t.Parallel()
		g := start(t, server.Options{Faults: &server.Faults{Corrupt: 1, Seed: 1}}, nil)
		c := g.sio(t)
		c.join("/")
		_ = g.Of("/").Emit("message", map[string]any{"n": 1234567890123, "text": text})
		got := c.next()
		want := fmt.Sprintf(`42["message",{"n":1234567890123,"text":%q}]`, text)
		differ := 0
		for i := range min(len(got), len(want)) {
			if got[i] != want[i] {
				differ++
			}
		}
		if len(got) != len(want) || differ != 1 || !strings.Contains(got, `"n":1234567890123`) {
			t.Errorf("got %s of %s", got, want)
		}
	})
	t.Run("leak tells an outsider", func(t *testing.T) {
		t.Parallel()
		g := start(t, server.Options{Faults: &server.Faults{Leak: 1, Seed: 1}}, roomGateway)
		in, outside := g.joined(t, "/").in("r"), g.joined(t, "/")
		_ = g.Of("/").To("r").Emit("m", 1)
		in.is(`42["m",1]`)
		outside.is(`42["m",1]`)
		_ = g.Of("/").Emit("all") // everybody is meant, nobody gets it twice
		in.is(`42["all"]`)
		outside.is(`42["all"]`)
		outside.silent(20 * time.Millisecond)
	})
	t.Run("zombie hears nothing but what is for it alone", func(t *testing.T) {
		t.Parallel()
		g := start(t, server.Options{Faults: &server.Faults{Zombie: 1, Seed: 1}}, nil)
		c := g.sio(t)
		conn := g.Of("/").Conn(c.join("/"))
		_ = g.Of("/").Emit("m", 1)
		_ = conn.Emit("alone")
		c.is(`42["alone"]`)
	})
	t.Run("late keeps the order", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			g := startPipe(t, server.Options{Faults: &server.Faults{Late: 2 * time.Second}}, nil)
			c := g.joined(t, "/")
			begin := time.Now()
			for i := range 3 {
				_ = g.Of("/").Emit("m", i)
			}
			for i := range 3 {
				m, err := readLate(c, time.Minute)
				if err != nil || m != fmt.Sprintf(`42["m",%d]`, i) || time.Since(begin) != 2*time.Second {
					t.Errorf("got %s, %v after %v", m, err, time.Since(begin))
				}
			}
		})
	})
}

// backplane joins the pods of a test.
type backplane struct {
	sink  cluster.Sink
	peers []*backplane
}

func (b *backplane) Start(_ context.Context, sink cluster.Sink) error { b.sink = sink; return nil }
func (b *backplane) AddNamespace(string) error                        { return nil }
func (b *backplane) RemoveNamespace(string)                           {}
func (b *backplane) Status() cluster.Status                           { return cluster.Status{Kind: "test", Connected: true} }
func (b *backplane) Close(context.Context) error                      { return nil }
func (b *backplane) Send(*cluster.Command)                            {}
func (b *backplane) Servers(context.Context, string) (int, error)     { return 1, nil }
func (b *backplane) Ask(context.Context, *cluster.Query, func(*cluster.Answer)) error {
	return nil
}

func (b *backplane) Publish(m *cluster.Broadcast) {
	for _, p := range b.peers {
		p.sink.Deliver(m)
	}
}

func TestCluster(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		faults  *server.Faults
		crosses bool
	}{
		{"healthy", nil, true},
		{"crosspod=off", &server.Faults{CrossPodOff: true}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var a, b backplane
			a.peers, b.peers = []*backplane{&b}, []*backplane{&a}
			one := start(t, server.Options{Backplane: &a, Faults: tc.faults}, roomGateway)
			two := start(t, server.Options{Backplane: &b}, roomGateway)
			here, there, outside := one.joined(t, "/").in("r"), two.joined(t, "/").in("r"), two.joined(t, "/")
			_ = one.Of("/").To("r").Emit("m", 1)
			here.is(`42["m",1]`)
			_ = two.Of("/").To("r").Local().Emit("local")
			_ = one.Publish("/", []string{"r"}, nil, "p", []byte(`{"x":1},2`))
			here.is(`42["p",{"x":1},2]`)
			if tc.crosses {
				there.is(`42["m",1]`, `42["local"]`, `42["p",{"x":1},2]`)
			} else {
				there.is(`42["local"]`)
				there.silent(20 * time.Millisecond)
			}
			outside.silent(20 * time.Millisecond)
			if !one.HasRoom("/", "r") || one.HasRoom("/", "s") || one.HasRoom("/nope", "r") {
				t.Error("HasRoom is wrong")
			}
		})
	}
}

func TestShutdown(t *testing.T) {
	t.Parallel()
	t.Run("tells everybody and flushes", func(t *testing.T) {
		t.Parallel()
		reasons := make(chan string, 3)
		g := start(t, server.Options{}, func(s *server.Server) {
			s.Of("/").OnDisconnect(func(_ *server.Conn, reason string) { reasons <- reason })
		})
		sio := g.joined(t, "/")
		plain, _ := g.ws(t, "/ws", nil)
		p := g.poller(t)
		p.join()
		eventually(t, "all are there", func() bool { return g.Of("/").Conns() == 3 })
		for i := range 100 {
			_ = g.Of("/").Emit("m", i)
		}
		done := make(chan error, 1)
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			done <- g.Shutdown(ctx)
		}()
		if before := sio.closed(1012); len(before) != 100 {
			t.Errorf("%d messages before the end, want 100", len(before))
		}
		plain.closed(1012)
		if status, _ := g.http(t, "GET", "/socket.io/?EIO=4&transport=polling", ""); status != 503 {
			t.Errorf("a new client got %d, want 503", status)
		}
		if ready, reason := g.Ready(); ready || reason == "" {
			t.Error("still ready")
		}
		status, body := p.get()
		if status == 200 && body[len(body)-1] != '1' { // it got the messages before its turn came
			status, body = p.get()
		}
		if status != 200 || body[len(body)-1] != '1' {
			t.Errorf("GET: %d %q, want a close packet at the end", status, body)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		for range 3 {
			select {
			case r := <-reasons:
				if r != "server shutting down" {
					t.Errorf("reason %q", r)
				}
			case <-time.After(patience):
				t.Fatal("no OnDisconnect")
			}
		}
		if n := g.Stats().Clients.Total; n != 0 {
			t.Errorf("%d clients left", n)
		}
	})
	t.Run("cuts off who does not answer", func(t *testing.T) {
		t.Parallel()
		g := start(t, server.Options{CloseTimeout: time.Hour}, nil)
		g.joined(t, "/") // does not read
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if err := g.Shutdown(ctx); err == nil {
			t.Error("no error")
		}
	})
	t.Run("not started", func(t *testing.T) {
		t.Parallel()
		s, err := server.New(server.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestGarbage throws nonsense at the port and wants a bystander to notice
// nothing.
func TestGarbage(t *testing.T) {
	t.Parallel()
	g := start(t, server.Options{}, echoGateway)
	bystander := g.joined(t, "/")
	garbage := [][]byte{
		{0},
		[]byte("\r\n\r\n"), []byte("GET / HTTP/9.9\r\n\r\n"), []byte("GET /socket.io/ HTTP/1.1\r\n"),
		[]byte("POST /socket.io/?EIO=4&transport=polling&sid= HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n"),
		[]byte("GET " + sioTarget + " HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
		[]byte("GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n"), []byte("GET /socket.io/?%zz HTTP/1.1\r\nHost: x\r\n\r\n"),
	}
	handshake := "GET " + sioTarget + " HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	for _, frame := range []string{
		"\x81\x01x", // unmasked
		"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff",                 // length beyond 2^63
		"\x81\xff\x00\x00\x00\xff\xff\xff\xff\xff\x00\x00\x00\x00", // 1 TB announced
		"\xf1\x80\x00\x00\x00\x00",                                 // reserved bits
		"\x09\x80\x00\x00\x00\x00",                                 // fragmented control frame
		"\x80\x80\x00\x00\x00\x00",                                 // continuation of nothing
		"\x81\x80\x00\x00\x00\x00",                                 // empty text
		"\x88\x81\x00\x00\x00\x00x",                                // close frame of one byte
	} {
		garbage = append(garbage, []byte(handshake+frame))
	}
	for i, b := range garbage {
		nc, err := g.dialer.NetDialContext(t.Context(), "tcp", g.host)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = nc.Write(b)
		bystander.send(fmt.Sprintf(`42%d["echo"]`, i))
		bystander.is(fmt.Sprintf(`43%d[]`, i))
		_ = nc.Close()
	}
	eventually(t, "only the bystander is left", func() bool { return g.Stats().Clients.Total == 1 })
}

// TestEarlyFrames sends frames together with the handshake request, as a client
// may that does not wait for the answer.
func TestEarlyFrames(t *testing.T) {
	t.Parallel()
	g := start(t, server.Options{}, echoGateway)
	nc, err := g.dialer.NetDialContext(t.Context(), "tcp", g.host)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	request := "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	text := `{"event":"echo","data":"early"}`
	masked := append([]byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}, text...)
	if _, err := nc.Write(append([]byte(request), masked...)); err != nil {
		t.Fatal(err)
	}
	_ = nc.SetReadDeadline(time.Now().Add(patience))
	var got []byte
	buf := make([]byte, 1024)
	for !bytes.HasSuffix(got, []byte("\x81\x07\"early\"")) {
		n, err := nc.Read(buf)
		if got = append(got, buf[:n]...); err != nil {
			t.Fatalf("%q, %v", got, err)
		}
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		opts server.Options
	}{
		{"negative duration", server.Options{PingInterval: -1}},
		{"duration without a unit", server.Options{PingTimeout: 20}},
		{"negative count", server.Options{QueueBytes: -1}},
		{"relative path", server.Options{WSPath: "ws"}},
		{"origin without a scheme", server.Options{Origins: []string{"app.example"}}},
		{"probability beyond 1", server.Options{Faults: &server.Faults{Dup: 2}}},
		{"throttle beyond reason", server.Options{Throttle: throttle.Limit{Rate: 1e12}}},
		{"nothing to serve", server.Options{SocketIOPath: "-", WSPath: "-", EventsPath: "-"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if _, err := server.New(tc.opts); err == nil {
				t.Error("accepted")
			}
		})
	}
}
