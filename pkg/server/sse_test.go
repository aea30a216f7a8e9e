package server_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/auth"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/server/stats"
	"github.com/realtime-toolkit/rtk/pkg/wire/sse"
)

const sseSecret = "0123456789abcdef0123456789abcdef"

// sseModes are the ways in which a stream travels.
var sseModes = []string{"http1", "h2c", "http1 over TLS", "http2 over TLS"}

// sseGateway is a gateway with the topics' namespace behind a real listener.
type sseGateway struct {
	*server.Server
	url    string
	addr   string
	client *http.Client
}

func startSSE(t *testing.T, mode string, opts server.Options) *sseGateway {
	t.Helper()
	s, err := server.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	s.Of(server.EventsNamespace)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	h := httptest.NewUnstartedServer(s)
	var protocols http.Protocols
	switch mode {
	case "http1", "http1 over TLS":
		protocols.SetHTTP1(true)
	case "h2c":
		protocols.SetUnencryptedHTTP2(true)
	case "http2 over TLS":
		protocols.SetHTTP2(true)
		h.EnableHTTP2 = true
	}
	server := protocols
	server.SetHTTP1(true)
	h.Config.Protocols = &server
	if strings.HasSuffix(mode, "TLS") {
		h.StartTLS()
	} else {
		h.Start()
	}
	transport := &http.Transport{Protocols: &protocols, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		transport.CloseIdleConnections()
		h.Close()
	})
	return &sseGateway{s, h.URL, h.Listener.Addr().String(), &http.Client{Transport: transport}}
}

// get sends a request and returns the response, whose body the test closes.
func (g *sseGateway) get(ctx context.Context, t *testing.T, method, path string, header ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, g.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := g.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// follow opens a stream and returns what is parsed from it; the channel closes
// with the stream. It returns when the stream is a member of its topics.
func (g *sseGateway) follow(ctx context.Context, t *testing.T, path string, header ...string) <-chan sse.Message {
	t.Helper()
	res := g.get(ctx, t, http.MethodGet, path, header...)
	if res.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		t.Fatalf("GET %s: %d %s", path, res.StatusCode, body)
	}
	out := make(chan sse.Message, 10_000)
	go func() {
		defer close(out)
		defer res.Body.Close()
		var p sse.Parser
		buf := make([]byte, 4096)
		for {
			n, err := res.Body.Read(buf)
			if e := p.Feed(buf[:n], func(m *sse.Message) error {
				c := *m
				c.Data = append([]byte(nil), m.Data...)
				out <- c
				return nil
			}); e != nil || err != nil {
				return
			}
		}
	}()
	return out
}

func await(t *testing.T, in <-chan sse.Message, kind sse.Kind) sse.Message {
	t.Helper()
	timeout := time.After(5 * time.Second)
	for {
		select {
		case m, ok := <-in:
			if !ok {
				t.Fatal("the stream ended")
			}
			if m.Kind == kind {
				return m
			}
		case <-timeout:
			t.Fatal("nothing for 5 s")
		}
	}
}

func awaitEnd(t *testing.T, in <-chan sse.Message) {
	t.Helper()
	timeout := time.After(5 * time.Second)
	for {
		select {
		case _, ok := <-in:
			if !ok {
				return
			}
		case <-timeout:
			t.Fatal("the stream goes on after 5 s")
		}
	}
}

// eventually waits until the statistics are as wanted.
func (g *sseGateway) eventually(t *testing.T, what string, ok func(p stats.Pod) bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		p := g.Stats()
		if ok(p) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not so after 5 s: %s; statistics: %+v", what, p)
		}
	}
}

func eachMode(t *testing.T, f func(t *testing.T, mode string)) {
	for _, mode := range sseModes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			f(t, mode)
		})
	}
}

func TestSSEDelivers(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, mode string) {
		g := startSSE(t, mode, server.Options{})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		one := g.follow(ctx, t, "/events?topic=a")
		both := g.follow(ctx, t, "/events?topic=a&topic=b")
		if m := await(t, one, sse.KindRetry); m.Retry != server.DefaultSSERetry {
			t.Errorf("retry %v, want %v", m.Retry, server.DefaultSSERetry)
		}
		g.eventually(t, "two streams", func(p stats.Pod) bool { return p.Clients.SSE == 2 })

		if err := g.Topic("b").Emit("only-b", 1); err != nil {
			t.Fatal(err)
		}
		if err := g.Topic("a").Emit("price", map[string]any{"text": "<é>\n"}); err != nil {
			t.Fatal(err)
		}
		if m := await(t, both, sse.KindEvent); m.Type != "only-b" || string(m.Data) != "1" {
			t.Errorf("first event of a and b: %q %s", m.Type, m.Data)
		}
		m, n := await(t, one, sse.KindEvent), await(t, both, sse.KindEvent)
		if m.Type != "price" || string(m.Data) != `{"text":"<é>\n"}` {
			t.Errorf("event %q %s", m.Type, m.Data)
		}
		if m.ID == "" || m.ID != n.ID {
			t.Errorf("ids %q and %q of one event", m.ID, n.ID)
		}
		cancel()
		g.eventually(t, "no stream is left", func(p stats.Pod) bool { return p.Clients.SSE == 0 && p.Rooms == 0 })
	})
}

func TestSSEKeepsOrderUnderLoad(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, mode string) {
		const events = 2000
		g := startSSE(t, mode, server.Options{QueueMessages: events + 10})
		in := g.follow(t.Context(), t, "/events?topic=a")
		for i := range events {
			if err := g.Topic("a").Emit("n", i); err != nil {
				t.Fatal(err)
			}
		}
		for i := range events {
			if m := await(t, in, sse.KindEvent); string(m.Data) != fmt.Sprint(i) {
				t.Fatalf("event %d is %s", i, m.Data)
			}
		}
	})
}

// The bytes of HTTP/1.1, because proxies and curl read them: no length, no
// chunks, and the connection ends with the stream.
func TestSSEOnTheWire(t *testing.T) {
	t.Parallel()
	g := startSSE(t, "http1", server.Options{})
	nc, err := net.Dial("tcp", g.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_, _ = io.WriteString(nc, "GET /events?topic=a HTTP/1.1\r\nHost: x\r\n\r\n")
	_ = nc.SetReadDeadline(time.Now().Add(5 * time.Second))
	r := bufio.NewReader(nc)
	var head []string
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if line == "\r\n" {
			break
		}
		if !strings.HasPrefix(line, "Date: ") {
			head = append(head, strings.TrimSuffix(line, "\r\n"))
		}
	}
	want := "HTTP/1.1 200 OK|Cache-Control: no-cache, no-store, no-transform|Connection: close|Content-Type: text/event-stream|X-Accel-Buffering: no|X-Content-Type-Options: nosniff"
	if got := strings.Join(head, "|"); got != want {
		t.Errorf("head\n%s\nwant\n%s", got, want)
	}
	if line, _ := r.ReadString('\n'); line != "retry: 3000\n" {
		t.Errorf("first line of the body %q", line)
	}
}

func TestSSEEndsWithItsToken(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, mode string) {
		verifier, err := auth.New(auth.Options{Secret: []byte(sseSecret), Leeway: -1})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(verifier.Close)
		g := startSSE(t, mode, server.Options{Auth: verifier})
		in := g.follow(t.Context(), t, "/events?topic=a", "Authorization", "Bearer "+mint(t, 2*time.Second))
		awaitEnd(t, in)
		g.eventually(t, "counted as expired", func(p stats.Pod) bool {
			return p.Clients.SSE == 0 && p.Connections.ClosedByReason["token expired"] == 1
		})
	})
}

func TestSSEHeartbeat(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, mode string) {
		g := startSSE(t, mode, server.Options{SSEHeartbeat: 20 * time.Millisecond})
		in := g.follow(t.Context(), t, "/events?topic=a")
		for range 3 {
			await(t, in, sse.KindComment)
		}
		if n := g.Stats().Traffic.MessagesOut; n != 0 {
			t.Errorf("heartbeats count as %d messages", n)
		}
	})
}

func TestSSEEndsWithShutdown(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, mode string) {
		g := startSSE(t, mode, server.Options{})
		in := g.follow(t.Context(), t, "/events?topic=a")
		g.eventually(t, "one stream", func(p stats.Pod) bool { return p.Clients.SSE == 1 })
		for i := range 100 {
			if err := g.Topic("a").Emit("last", i); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := g.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		for i := range 100 { // the queue is written out before
			if m := await(t, in, sse.KindEvent); string(m.Data) != fmt.Sprint(i) {
				t.Fatalf("event %d is %s", i, m.Data)
			}
		}
		awaitEnd(t, in)
	})
}

// A reader that stops is cut off, and the others lose nothing.
func TestSSESlowReader(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, mode string) {
		g := startSSE(t, mode, server.Options{QueueBytes: 256 << 10, QueueMessages: 1000})
		// Another client, because HTTP/2 would put both on one connection.
		other := &http.Client{Transport: g.client.Transport.(*http.Transport).Clone()}
		defer other.CloseIdleConnections()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.url+"/events?topic=a", nil)
		if err != nil {
			t.Fatal(err)
		}
		stuck, err := other.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer stuck.Body.Close()
		good := g.follow(t.Context(), t, "/events?topic=a")
		g.eventually(t, "two streams", func(p stats.Pod) bool { return p.Clients.SSE == 2 })

		data := strings.Repeat("x", 32<<10)
		sent := 0
		for g.Stats().Queues.SlowConsumers == 0 {
			if err := g.Topic("a").Emit("big", data); err != nil {
				t.Fatal(err)
			}
			await(t, good, sse.KindEvent)
			if sent++; sent > 2000 {
				t.Fatal("64 MB and nobody is too slow")
			}
		}
		g.eventually(t, "one stream is left", func(p stats.Pod) bool {
			return p.Clients.SSE == 1 && p.Connections.ClosedByReason["slow consumer"] == 1
		})
		if err := g.Topic("a").Emit("after", 1); err != nil {
			t.Fatal(err)
		}
		if m := await(t, good, sse.KindEvent); m.Type != "after" {
			t.Errorf("the good reader got %q", m.Type)
		}
	})
}

// A topic is one topic on all pods, and what is sent locally stays.
func TestSSECrossesPods(t *testing.T) {
	t.Parallel()
	hub := cluster.NewHub()
	a := startSSE(t, "http1", server.Options{Backplane: hub.Backplane()})
	b := startSSE(t, "h2c", server.Options{Backplane: hub.Backplane()})
	onA, onB := a.follow(t.Context(), t, "/events?topic=x"), b.follow(t.Context(), t, "/events?topic=x")
	b.eventually(t, "one stream", func(p stats.Pod) bool { return p.Clients.SSE == 1 })
	if err := a.Of(server.EventsNamespace).Local().To("x").Emit("local"); err != nil {
		t.Fatal(err)
	}
	if err := a.Publish(server.EventsNamespace, []string{"x"}, nil, "everywhere", []byte(`{"n":1}`)); err != nil {
		t.Fatal(err)
	}
	if m := await(t, onA, sse.KindEvent); m.Type != "local" || string(m.Data) != "null" {
		t.Errorf("the own pod got %q %s first", m.Type, m.Data)
	}
	for name, in := range map[string]<-chan sse.Message{"own": onA, "other": onB} {
		if m := await(t, in, sse.KindEvent); m.Type != "everywhere" || string(m.Data) != `{"n":1}` {
			t.Errorf("the %s pod got %q %s", name, m.Type, m.Data)
		}
	}
}

// What an event stream can't carry is put into words: several arguments are an
// array, binary ones base64.
func TestSSEArguments(t *testing.T) {
	t.Parallel()
	g := startSSE(t, "http1", server.Options{})
	in := g.follow(t.Context(), t, "/events?topic=a")
	tests := []struct {
		name string
		args []any
		want string
	}{
		{"none", nil, `null`},
		{"several", []any{1, "two"}, `[1,"two"]`},
		{"binary", []any{[]byte{1, 2, 3}}, `"AQID"`},
		{"line ends in JSON white space", []any{json.RawMessage("{\n\"a\":\r\n1\r}")}, "{\n\"a\":\n1\n}"},
		{"field names in a string", []any{"id: 5\nevent: evil\n\n"}, `"id: 5\nevent: evil\n\n"`},
	}
	for _, tt := range tests {
		if err := g.Topic("a").Emit("line\nid: 7", tt.args...); err != nil {
			t.Fatal(err)
		}
		if m := await(t, in, sse.KindEvent); string(m.Data) != tt.want || m.Type != "lineid: 7" || m.ID == "7" {
			t.Errorf("%s: %q %q, want %q", tt.name, m.Type, m.Data, tt.want)
		}
	}
}

func BenchmarkSSEFanOut(b *testing.B) {
	s, err := server.New(server.Options{QueueMessages: 1 << 20, QueueBytes: 1 << 30})
	if err != nil {
		b.Fatal(err)
	}
	if err := s.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	h := httptest.NewServer(s)
	const streams = 100
	var got sync.WaitGroup
	for range streams {
		nc, err := net.Dial("tcp", h.Listener.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		got.Go(func() {
			_, _ = io.Copy(io.Discard, nc)
			nc.Close()
		})
		fmt.Fprint(nc, "GET /events?topic=a HTTP/1.1\r\nHost: x\r\n\r\n")
	}
	for s.Stats().Clients.SSE < streams {
		time.Sleep(time.Millisecond)
	}
	topic, args := s.Topic("a"), []byte(`{"text":"`+strings.Repeat("x", 100)+`"}`)
	b.ReportAllocs()
	for b.Loop() {
		if err := topic.EmitRaw("message", args); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	if err := s.Shutdown(b.Context()); err != nil {
		b.Fatal(err)
	}
	got.Wait()
	h.Close()
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/streams, "ns/delivery")
}
