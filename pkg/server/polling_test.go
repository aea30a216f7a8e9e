package server_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/server"
)

// poller is a long polling client.
type poller struct {
	t      testing.TB
	g      *gateway
	target string
}

func (g *gateway) poller(t testing.TB) *poller {
	t.Helper()
	const target = "/socket.io/?EIO=4&transport=polling"
	status, body := g.http(t, "GET", target, "")
	if status != 200 || !strings.HasPrefix(body, `0{"sid":"`) {
		t.Fatalf("handshake: %d %s", status, body)
	}
	sid, _, _ := strings.Cut(body[len(`0{"sid":"`):], `"`)
	return &poller{t, g, target + "&sid=" + sid}
}

func (p *poller) get() (int, string) { return p.g.http(p.t, "GET", p.target, "") }

func (p *poller) is(want string) {
	p.t.Helper()
	if status, body := p.get(); status != 200 || body != want {
		p.t.Fatalf("GET: %d %.300q, want %q", status, body, want)
	}
}

func (p *poller) post(body string) {
	p.t.Helper()
	if status, answer := p.g.http(p.t, "POST", p.target, body); status != 200 || answer != "ok" {
		p.t.Fatalf("POST %.60s: %d %s", body, status, answer)
	}
}

func (p *poller) join() (sid string) {
	p.t.Helper()
	p.post("40")
	_, body := p.get()
	sid, _, ok := strings.Cut(strings.TrimPrefix(body, `40{"sid":"`), `"`)
	if !ok {
		p.t.Fatalf("CONNECT: %s", body)
	}
	return sid
}

// gone wants the session to be forgotten.
func (p *poller) gone() {
	p.t.Helper()
	eventually(p.t, "the session ends", func() bool {
		status, _ := p.get()
		return status == 400
	})
}

func echoGateway(s *server.Server) {
	s.Of("/").On("echo", func(_ context.Context, c *server.Conn, e *server.Event) (server.Reply, error) {
		return server.Reply{Args: e.Args, Attachments: e.Attachments}, nil
	})
}

func TestPolling(t *testing.T) {
	t.Parallel()
	g := start(t, server.Options{CloseTimeout: 50 * time.Millisecond}, echoGateway)
	t.Run("several packets in a payload", func(t *testing.T) {
		t.Parallel()
		p := g.poller(t)
		p.join()
		p.post("420[\"echo\",1]\x1e421[\"echo\",2]\x1e3")
		p.is("430[1]\x1e431[2]")
	})
	t.Run("binary is base64", func(t *testing.T) {
		t.Parallel()
		p := g.poller(t)
		p.join()
		p.post("451-5[\"echo\",{\"_placeholder\":true,\"num\":0}]\x1eb" + base64.StdEncoding.EncodeToString([]byte{1, 2, 3}))
		p.is("461-5[{\"_placeholder\":true,\"num\":0}]\x1ebAQID")
	})
	t.Run("a GET waits for a message", func(t *testing.T) {
		t.Parallel()
		p := g.poller(t)
		sid := p.join()
		time.AfterFunc(20*time.Millisecond, func() { _ = g.Of("/").To(sid).Emit("m", 1) })
		p.is(`42["m",1]`)
	})
	t.Run("headers", func(t *testing.T) {
		t.Parallel()
		p := g.poller(t)
		p.post("40")
		resp, _ := g.request(t, "GET", p.target, "", nil)
		got := map[string]string{}
		for _, k := range []string{"Content-Type", "Cache-Control"} {
			got[k] = resp.Header.Get(k)
		}
		want := map[string]string{"Content-Type": "text/plain; charset=UTF-8", "Cache-Control": "no-store"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("two GETs at a time end the session", func(t *testing.T) {
		t.Parallel()
		p := g.poller(t)
		p.join()
		first := make(chan string, 1)
		go func() {
			status, body := p.get()
			first <- fmt.Sprint(status, body)
		}()
		time.Sleep(20 * time.Millisecond)
		if status, _ := p.get(); status != 400 {
			t.Errorf("second GET: %d, want 400", status)
		}
		if got := <-first; got != "2001" {
			t.Errorf("first GET: %s, want 200 and a close packet", got)
		}
		p.gone()
	})
	t.Run("two POSTs at a time end the session", func(t *testing.T) {
		t.Parallel()
		p := g.poller(t)
		p.join()
		body, pipe := newSlowBody("42[\"echo\"")
		req, _ := http.NewRequest(http.MethodPost, "http://"+g.host+p.target, body)
		done := make(chan struct{})
		go func() {
			defer close(done)
			if resp, err := g.client.Do(req); err == nil {
				resp.Body.Close()
			}
		}()
		time.Sleep(20 * time.Millisecond)
		if status, _ := g.http(t, "POST", p.target, "3"); status != 400 {
			t.Errorf("second POST: %d, want 400", status)
		}
		pipe()
		<-done
		p.gone()
	})
	t.Run("a GET that is hung up ends the session", func(t *testing.T) {
		t.Parallel()
		p := g.poller(t)
		p.join()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+g.host+p.target, nil)
		if resp, err := g.client.Do(req); err == nil {
			resp.Body.Close()
			t.Fatal("answered")
		}
		p.gone()
	})
	for _, tc := range []struct{ name, body string }{
		{"unknown type", "abc"},
		{"empty record", "420[\"echo\"]\x1e"},
		{"no body", ""},
		{"bad base64", "451-[\"echo\"]\x1eb!!!!"},
		{"not UTF-8", "42[\"echo\",\"\xff\"]"},
		{"too many packets", strings.Repeat("3\x1e", 10_001)},
	} {
		t.Run("bad payload: "+tc.name, func(t *testing.T) {
			t.Parallel()
			p := g.poller(t)
			p.join()
			if status, _ := g.http(t, "POST", p.target, tc.body); status != 400 {
				t.Errorf("got %d, want 400", status)
			}
			p.gone()
		})
	}
	t.Run("payload beyond MaxPayload", func(t *testing.T) {
		t.Parallel()
		p := g.poller(t)
		p.join()
		if status, _ := g.http(t, "POST", p.target, strings.Repeat("a", server.DefaultMaxPayload+1)); status != 413 {
			t.Errorf("got %d, want 413", status)
		}
		p.post("420[\"echo\",\"" + strings.Repeat("a", server.DefaultMaxPayload-20) + "\"]")
		if status, body := p.get(); status != 200 || len(body) != server.DefaultMaxPayload-12-6+8+1 && !strings.HasPrefix(body, `430["aaa`) {
			t.Errorf("got %d with %d bytes", status, len(body))
		}
	})
	t.Run("close packet", func(t *testing.T) {
		t.Parallel()
		p := g.poller(t)
		p.join()
		_, _ = g.http(t, "POST", p.target, "1")
		p.gone()
	})
	t.Run("PUT on a session", func(t *testing.T) {
		t.Parallel()
		p := g.poller(t)
		if status, _ := g.http(t, "PUT", p.target, "3"); status != 400 {
			t.Errorf("got %d, want 400", status)
		}
	})
	t.Run("preflight", func(t *testing.T) {
		t.Parallel()
		g := start(t, server.Options{Origins: []string{"https://app.example"}}, nil)
		resp, _ := g.request(t, "OPTIONS", "/socket.io/?EIO=4&transport=polling", "", http.Header{
			"Origin": {"https://app.example"}, "Access-Control-Request-Method": {"POST"}, "Access-Control-Request-Headers": {"x-a, content-type"},
		})
		got := []string{
			fmt.Sprint(resp.StatusCode), resp.Header.Get("Access-Control-Allow-Origin"), resp.Header.Get("Access-Control-Allow-Methods"),
			resp.Header.Get("Access-Control-Allow-Headers"), resp.Header.Get("Access-Control-Allow-Credentials"),
		}
		if diff := cmp.Diff([]string{"204", "https://app.example", "GET, POST, OPTIONS", "x-a, content-type", "true"}, got); diff != "" {
			t.Error(diff)
		}
	})
}

// newSlowBody is a request body that stays unfinished until finish is called.
func newSlowBody(begin string) (body *slowBody, finish func()) {
	ch := make(chan struct{})
	return &slowBody{begin: strings.NewReader(begin), done: ch}, func() { close(ch) }
}

type slowBody struct {
	begin *strings.Reader
	done  chan struct{}
}

func (b *slowBody) Read(p []byte) (int, error) {
	if b.begin.Len() == 0 {
		<-b.done
	}
	return b.begin.Read(p)
}

func TestPollingHeartbeat(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := startPipe(t, server.Options{PingInterval: 3 * time.Second, PingTimeout: 2 * time.Second}, nil)
		p := g.poller(t)
		p.join()
		for range 3 {
			begin := time.Now()
			p.is("2")
			if after := time.Since(begin); after < 2900*time.Millisecond || after > 3100*time.Millisecond {
				t.Fatalf("ping after %v, want 3s", after)
			}
			p.post("3")
		}
		p.is("2")
		begin := time.Now()
		p.is("1")
		if after := time.Since(begin); after < 2*time.Second || after > 2100*time.Millisecond {
			t.Errorf("closed after %v, want 2s", after)
		}
		p.gone()
		synctest.Wait() // what has ended the session counts it last
		if got := g.Stats().Connections.ClosedByReason["ping timeout"]; got != 1 {
			t.Errorf("%d ping timeouts, want 1", got)
		}
	})
}

// A session that is ended while its client has stopped polling for the upgrade
// says why over the socket; a refusal would be lost otherwise.
func TestEndDuringUpgrade(t *testing.T) {
	t.Parallel()
	g := start(t, server.Options{CloseTimeout: 10 * time.Second}, echoGateway)
	p := g.poller(t)
	sid := p.join()
	c, refused := g.ws(t, strings.Replace(p.target, "polling", "websocket", 1), nil)
	if c == nil {
		t.Fatalf("upgrade refused: %s", refused.Status)
	}
	c.send("2probe")
	c.is("3probe")
	g.Of("/").Conn(sid).Disconnect(true)
	c.send("5")
	c.is("41")
	c.closed(0)
}

func TestUpgrade(t *testing.T) {
	t.Parallel()
	g := start(t, server.Options{CloseTimeout: 50 * time.Millisecond, UpgradeTimeout: 200 * time.Millisecond}, echoGateway)
	probe := func(t *testing.T, p *poller) *client {
		t.Helper()
		c, refused := g.ws(t, strings.Replace(p.target, "polling", "websocket", 1), nil)
		if c == nil {
			t.Fatalf("upgrade refused: %s", refused.Status)
		}
		c.send("2probe")
		c.is("3probe")
		return c
	}
	t.Run("messages go on over the socket", func(t *testing.T) {
		t.Parallel()
		p := g.poller(t)
		sid := p.join()
		c := probe(t, p)
		c.send("5")
		c.send(`421["echo","ws"]`)
		c.is(`431["ws"]`)
		if tr := g.Of("/").Conn(sid).Transport(); tr != "websocket" {
			t.Errorf("transport %s", tr)
		}
		if status, _ := p.get(); status != 400 {
			t.Errorf("GET after the upgrade: %d, want 400", status)
		}
		if status, _ := g.http(t, "POST", p.target, "3"); status != 400 {
			t.Errorf("POST after the upgrade: %d, want 400", status)
		}
		second, refused := g.ws(t, strings.Replace(p.target, "polling", "websocket", 1), nil)
		if second == nil {
			t.Fatalf("second upgrade: %s, want a handshake and a close", refused.Status)
		}
		second.closed(0)
		c.send(`422["echo"]`)
		c.is(`432[]`)
	})
	t.Run("a waiting GET is released", func(t *testing.T) {
		t.Parallel()
		p := g.poller(t)
		p.join()
		got := make(chan string, 1)
		go func() {
			_, body := p.get()
			got <- body
		}()
		time.Sleep(20 * time.Millisecond)
		c := probe(t, p)
		if body := <-got; body != "6" {
			t.Errorf("GET: %q, want a noop", body)
		}
		begin := time.Now()
		p.is("6") // a client that polls on is not kept waiting
		if waited := time.Since(begin); waited > time.Second {
			t.Errorf("GET during the upgrade waited %v", waited)
		}
		c.send("5", `421["echo"]`)
		c.is(`431[]`)
	})
	t.Run("messages sent meanwhile go by the old transport", func(t *testing.T) {
		t.Parallel()
		p := g.poller(t)
		sid := p.join()
		c := probe(t, p)
		_ = g.Of("/").To(sid).Emit("m", 1)
		p.is(`42["m",1]`)
		_ = g.Of("/").To(sid).Emit("m", 2)
		c.send("5")
		c.is(`42["m",2]`)
	})
	for _, tc := range []struct {
		name  string
		probe []string
	}{
		{"no probe", nil},
		{"another message first", []string{"2hello"}},
		{"no upgrade packet", []string{"2probe"}},
		{"something else for the upgrade packet", []string{"2probe", "4x"}},
	} {
		t.Run("failed: "+tc.name, func(t *testing.T) {
			t.Parallel()
			p := g.poller(t)
			sid := p.join()
			c, _ := g.ws(t, strings.Replace(p.target, "polling", "websocket", 1), nil)
			c.send(tc.probe...)
			c.closed(0)
			_ = g.Of("/").To(sid).Emit("m", 1)
			if _, body := p.get(); body == "6" {
				_, body = p.get()
				if body != `42["m",1]` {
					t.Errorf("GET: %s", body)
				}
			}
			again := probe(t, p)
			again.send("5", `421["echo"]`)
			again.is(`431[]`)
		})
	}
	t.Run("unknown sid", func(t *testing.T) {
		t.Parallel()
		if c, refused := g.ws(t, sioTarget+"&sid=nope", nil); c != nil || refused.StatusCode != http.StatusBadRequest {
			t.Error("let in")
		}
	})
}

// TestUpgradeOrder upgrades under a stream of broadcasts and wants every one of
// them once and in order.
func TestUpgradeOrder(t *testing.T) {
	t.Parallel()
	g := start(t, server.Options{CloseTimeout: 50 * time.Millisecond}, echoGateway)
	for range 20 {
		p := g.poller(t)
		sid := p.join()
		stop := make(chan int, 1)
		end := make(chan struct{})
		go func() {
			for i := 0; ; i++ {
				select {
				case <-end:
					stop <- i
					return
				default:
					_ = g.Of("/").To(sid).Emit("m", i)
					time.Sleep(20 * time.Microsecond)
				}
			}
		}()
		next := 0
		take := func(m string) {
			if m == "6" {
				return
			}
			if m != fmt.Sprintf(`42["m",%d]`, next) {
				t.Fatalf("got %s, want number %d", m, next)
			}
			next++
		}
		polled := make(chan string, 1)
		poll := func() {
			go func() {
				_, body := p.get()
				polled <- body
			}()
		}
		for range 3 {
			poll()
			for m := range strings.SplitSeq(<-polled, "\x1e") {
				take(m)
			}
		}
		c, _ := g.ws(t, strings.Replace(p.target, "polling", "websocket", 1), nil)
		poll()
		c.send("2probe")
		c.is("3probe")
		for m := range strings.SplitSeq(<-polled, "\x1e") {
			take(m)
		}
		c.send("5")
		for range 50 {
			take(c.next())
		}
		close(end)
		for total := <-stop; next < total; {
			take(c.next())
		}
		_ = c.ws.Close()
	}
}
