package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"

	"github.com/realtime-toolkit/rtk/pkg/server"
)

const patience = 10 * time.Second

// start serves a gateway whose namespace /ns belongs to svc.
func start(t *testing.T, o Options, svc Func, routes ...Route) (b *Binding, url string) {
	t.Helper()
	return startWith(t, server.Options{}, o, svc, routes...)
}

func startWith(t *testing.T, so server.Options, o Options, svc Func, routes ...Route) (b *Binding, url string) {
	t.Helper()
	so.Logger = slog.New(slog.DiscardHandler)
	s, err := server.New(so)
	if err != nil {
		t.Fatal(err)
	}
	if len(routes) == 0 {
		routes = []Route{{Namespace: "/ns", Events: "*", Hooks: Hooks, To: &Target{Name: "svc", Service: svc}}}
	}
	o.Logger, o.PodID = slog.New(slog.DiscardHandler), "pod"
	if b, err = Bind(s, routes, o); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(s)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := b.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
		h.Close()
	})
	return b, "ws" + strings.TrimPrefix(h.URL, "http")
}

// client is a Socket.IO client in /ns.
type client struct {
	t  *testing.T
	ws *websocket.Conn
}

func dial(t *testing.T, url string) *client {
	t.Helper()
	ws, res, err := websocket.DefaultDialer.DialContext(t.Context(), url+"/socket.io/?EIO=4&transport=websocket", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	t.Cleanup(func() { ws.Close() })
	_ = ws.SetReadDeadline(time.Now().Add(patience))
	c := &client{t, ws}
	c.read()
	return c
}

func join(t *testing.T, url string) *client {
	t.Helper()
	c := dial(t, url)
	c.send(`40/ns,`)
	c.want(`40/ns,{"sid"`)
	return c
}

func (c *client) send(f string) {
	c.t.Helper()
	if err := c.ws.WriteMessage(websocket.TextMessage, []byte(f)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) read() string {
	c.t.Helper()
	_, b, err := c.ws.ReadMessage()
	if err != nil {
		c.t.Fatal(err)
	}
	return string(b)
}

func (c *client) want(prefix string) string {
	c.t.Helper()
	f := c.read()
	if !strings.HasPrefix(f, prefix) {
		c.t.Fatalf("got %s, want %s…", f, prefix)
	}
	return f
}

// TestAnswers is what clients get of each kind of answer.
func TestAnswers(t *testing.T) {
	t.Parallel()
	_, url := start(t, Options{}, func(_ context.Context, c *Call) (*Answer, error) {
		if c.Hook == HookConnect && string(c.Data.Auth) == `{"no":1}` {
			return &Answer{Reject: &Refusal{"not_you", "go away"}}, nil
		}
		if c.Hook != HookEvent {
			return nil, nil
		}
		switch c.Data.Event {
		case "args":
			return &Answer{Ack: c.Data.Args}, nil
		case "join":
			return &Answer{Join: []string{"room"}, Emit: []Emit{{Event: "new", Data: json.RawMessage("1"), Rooms: []string{"room"}}}}, nil
		case "leave":
			return &Answer{Leave: []string{"room"}, Emit: []Emit{{Event: "left", Rooms: []string{"room"}}}, Ack: json.RawMessage("true")}, nil
		case "others":
			return &Answer{Emit: []Emit{{Event: "hi", All: true, Except: []string{c.Data.Connection.ID}}}}, nil
		case "self":
			return &Answer{Emit: []Emit{{Event: "you", Data: json.RawMessage(`"x"`)}}}, nil
		case "reject":
			return &Answer{Reject: &Refusal{"sold_out", "none left"}, Join: []string{"room"}}, nil
		case "coded":
			return nil, server.Errorf("no_item", "which?")
		case "fail":
			return nil, errors.New("secret")
		case "panic":
			panic("secret")
		case "down":
			return nil, Unavailable(errors.New("secret"))
		case "bye":
			return &Answer{Ack: json.RawMessage("1"), Disconnect: true}, nil
		}
		return nil, nil
	})

	refused := dial(t, url)
	refused.send(`40/ns,{"no":1}`)
	refused.want(`44/ns,{"message":"go away","data":{"code":"not_you"}}`)

	a, b := join(t, url), join(t, url)
	for _, tc := range []struct{ send, want string }{
		{`42/ns,1["args",1,{"a":2}]`, `43/ns,1[[1,{"a":2}]]`},
		{`42/ns,1["reject"]`, `43/ns,1[{"ok":false,"error":{"code":"sold_out","message":"none left"}}]`},
		{`42/ns,["reject"]`, `42/ns,["exception",{"ok":false,"error":{"code":"sold_out","message":"none left"}}]`},
		{`42/ns,1["coded"]`, `43/ns,1[{"ok":false,"error":{"code":"no_item","message":"which?"}}]`},
		{`42/ns,1["fail"]`, `43/ns,1[{"ok":false,"error":{"code":"internal","message":"Internal server error"}}]`},
		{`42/ns,1["panic"]`, `43/ns,1[{"ok":false,"error":{"code":"internal","message":"Internal server error"}}]`},
		{`42/ns,1["down"]`, `43/ns,1[{"ok":false,"error":{"code":"unavailable","message":"the service does not answer: try again later"}}]`},
		{`42/ns,1["nothing"]`, `43/ns,1[]`},
		{`42/ns,1["self"]`, `42/ns,["you","x"]`},
		{``, `43/ns,1[]`},
		{`42/ns,1["join"]`, `42/ns,["new",1]`},
		{``, `43/ns,1[]`},
		{`42/ns,1["leave"]`, `43/ns,1[true]`},
	} {
		if tc.send != "" {
			a.send(tc.send)
		}
		if got := a.read(); got != tc.want {
			t.Errorf("%s: got %s, want %s", tc.send, got, tc.want)
		}
	}
	a.send(`42/ns,1["others"]`)
	a.want(`43/ns,1[]`)
	b.want(`42/ns,["hi"]`)
	b.send(`42/ns,1["bye"]`)
	b.want(`43/ns,1[1]`)
	b.want(`41/ns,`)
}

// TestHooks is the story of one connection as its service hears it: every part
// once, in order.
func TestHooks(t *testing.T) {
	t.Parallel()
	told := make(chan string, 10)
	_, url := start(t, Options{}, func(_ context.Context, c *Call) (*Answer, error) {
		d := c.Data
		told <- fmt.Sprint(c.Hook, " ", d.Event, d.Room, d.Reason)
		if d.Event == "in" {
			return &Answer{Join: []string{"r"}}, nil
		}
		if d.Event == "out" {
			return &Answer{Leave: []string{"r"}}, nil
		}
		return nil, nil
	})
	c := join(t, url)
	c.send(`42/ns,1["in"]`)
	c.want("43/ns,1")
	c.send(`42/ns,2["out"]`)
	c.want("43/ns,2")
	c.send(`41/ns,`)
	var got []string
	for range 6 {
		select {
		case s := <-told:
			got = append(got, s)
		case <-time.After(patience):
			t.Fatalf("only %q", got)
		}
	}
	want := []string{"connect ", "event in", "join r", "event out", "leave r", "disconnect client namespace disconnect"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

// A client that comes back to its session is asked about again, and known.
func TestRecovered(t *testing.T) {
	t.Parallel()
	told := make(chan bool, 10)
	_, url := startWith(t, server.Options{Recovery: time.Minute}, Options{}, func(_ context.Context, c *Call) (*Answer, error) {
		if c.Hook == HookConnect {
			told <- c.Data.Recovered
		}
		return nil, nil
	})
	c := dial(t, url)
	c.send(`40/ns,`)
	var first struct{ SID, PID string }
	f := c.want(`40/ns,{"sid"`)
	if err := json.Unmarshal([]byte(strings.TrimPrefix(f, "40/ns,")), &first); err != nil || first.PID == "" {
		t.Fatalf("%s: %v", f, err)
	}
	c.send(`42/ns,1["e"]`)
	c.want(`43/ns,1`)
	_ = c.ws.Close()
	if <-told {
		t.Error("the first connect counts as recovered")
	}
	deadline := time.Now().Add(patience)
	for {
		again := dial(t, url)
		again.send(`40/ns,{"pid":"` + first.PID + `"}`)
		again.want(`40/ns,{"sid"`)
		if <-told {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("not recovered")
		}
		_ = again.ws.Close()
	}
}

// TestSlowService holds one connection up: its events stay in order and are
// bounded, its heartbeat is answered, and another connection notices nothing.
func TestSlowService(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	var mu sync.Mutex
	var order []string
	b, url := start(t, Options{QueueCalls: 3}, func(ctx context.Context, c *Call) (*Answer, error) {
		if c.Hook != HookEvent {
			return nil, nil
		}
		if c.Data.Event == "slow" {
			select {
			case <-release:
			case <-ctx.Done():
			}
		}
		mu.Lock()
		defer mu.Unlock()
		order = append(order, string(c.Data.Args))
		return &Answer{Ack: c.Data.Args}, nil
	})
	a, other := join(t, url), join(t, url)
	for i := range 5 {
		a.send(fmt.Sprintf(`42/ns,%d["slow",%d]`, i, i))
	}
	a.want(`43/ns,4[{"ok":false,"error":{"code":"busy"`) // one is under way, three wait
	a.send(`42/ns,["slow"]`)
	a.want(`42/ns,["exception",{"ok":false,"error":{"code":"busy"`)
	a.send("40/nowhere,") // the read loop is free
	a.want("44/nowhere,")
	other.send(`42/ns,9["fast"]`)
	other.want("43/ns,9")
	close(release)
	for i := range 4 {
		a.want(fmt.Sprintf(`43/ns,%d[[%d]]`, i, i))
	}
	mu.Lock()
	defer mu.Unlock()
	if d := cmp.Diff([]string{"[]", "[0]", "[1]", "[2]", "[3]"}, order); d != "" {
		t.Errorf("order (-want +got)\n%s", d)
	}
	st := b.Stats()[0]
	if st.Refused != 2 || st.Calls != 7 {
		t.Errorf("stats %+v, want 2 refused of 7 calls", st)
	}
}

// TestLanes cost nothing when they are idle.
func TestLanes(t *testing.T) {
	t.Parallel()
	b, url := start(t, Options{}, func(context.Context, *Call) (*Answer, error) { return nil, nil })
	c := join(t, url)
	for i := range 100 {
		c.send(fmt.Sprintf(`42/ns,%d["e"]`, i))
		c.want(fmt.Sprintf(`43/ns,%d[]`, i))
	}
	deadline := time.Now().Add(patience)
	for {
		b.mu.Lock()
		n := len(b.lanes)
		b.mu.Unlock()
		if n == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d lanes are left", n)
		}
		time.Sleep(time.Millisecond)
	}
}

// TestRoutes: the first route that matches takes an event, every one that names
// a hook gets it, and what nobody takes is unknown.
func TestRoutes(t *testing.T) {
	t.Parallel()
	named := func(name string) *Target {
		return &Target{Name: name, Service: Func(func(context.Context, *Call) (*Answer, error) {
			return &Answer{Ack: json.RawMessage(`"` + name + `"`), Emit: []Emit{{Event: name}}}, nil
		})}
	}
	_, url := start(t, Options{}, nil,
		Route{Namespace: "/ns", Events: "order.*", Hooks: []Hook{HookConnect}, To: named("a")},
		Route{Namespace: "/ns", Events: "order.x", To: named("b")},
		Route{Namespace: "/ns", Events: "*.y", Hooks: []Hook{HookConnect}, To: named("c")},
	)
	c := join(t, url)
	c.want(`42/ns,["a"]`)
	c.want(`42/ns,["c"]`)
	for _, tc := range []struct{ event, want string }{{"order.x", "a"}, {"cart.y", "c"}} {
		c.send(`42/ns,1["` + tc.event + `"]`)
		c.want(`42/ns,["` + tc.want + `"]`)
		c.want(`43/ns,1["` + tc.want + `"]`)
	}
	c.send(`42/ns,["cart.z"]`) // no answer to what nobody takes and nobody waits for
	c.send(`42/ns,1["cart.z"]`)
	c.want(`43/ns,1[{"ok":false,"error":{"code":"unknown_event"`)
}

func TestMatchEvent(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		pattern, name string
		want          bool
	}{
		{"*", "", true},
		{"*", "x", true},
		{"a", "a", true},
		{"a", "ab", false},
		{"", "", true},
		{"order.*", "order.", true},
		{"order.*", "order.a.b", true},
		{"order.*", "order", false},
		{"*.done", "a.done", true},
		{"*.done", "a.done.b", false},
		{"a*b*c", "abc", true},
		{"a*b*c", "aXbYc", true},
		{"a*b*c", "ac", false},
		{"a*bc*c", "abc", false},
		{"a**", "a", true},
		{"*ab", "aab", true},
		{"a*a", "a", false},
	} {
		if got := matchEvent(tc.pattern, tc.name); got != tc.want {
			t.Errorf("matchEvent(%q, %q) = %v, want %v", tc.pattern, tc.name, got, tc.want)
		}
	}
}

func TestBindErrors(t *testing.T) {
	t.Parallel()
	f := &Target{Service: Func(func(context.Context, *Call) (*Answer, error) { return nil, nil })}
	for _, tc := range []struct {
		name  string
		route Route
		o     Options
		want  string
	}{
		{"namespace", Route{Namespace: "x", Events: "*", To: f}, Options{}, "begin with /"},
		{"no service", Route{Namespace: "/", Events: "*"}, Options{}, "no service"},
		{"nothing", Route{Namespace: "/", To: f}, Options{}, "neither"},
		{"hook", Route{Namespace: "/", Hooks: []Hook{"conect"}, To: f}, Options{}, `unknown hook "conect"`},
		{"event hook", Route{Namespace: "/", Hooks: []Hook{HookEvent}, To: f}, Options{}, "pattern"},
		{"window", Route{Namespace: "/", Events: "*", To: &Target{Service: f.Service, Window: -1}}, Options{}, "window"},
		{"queue", Route{Namespace: "/", Events: "*", To: f}, Options{QueueCalls: -1}, "QueueCalls"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s, err := server.New(server.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Bind(s, []Route{tc.route}, tc.o); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q in it", err, tc.want)
			}
		})
	}
}

// The token that the gateway has verified stays with it.
func TestPayload(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		in       string
		verified bool
		want     string
	}{
		{`{"token":"t","a":1}`, true, `{"a":1}`},
		{`{"token":"t","a":1}`, false, `{"token":"t","a":1}`},
		{`[`, true, ``},
	} {
		if got := payload([]byte(tc.in), tc.verified); string(got) != tc.want {
			t.Errorf("payload(%s, %v) = %s, want %s", tc.in, tc.verified, got, tc.want)
		}
	}
}

func FuzzParseAnswer(f *testing.F) {
	for _, s := range []string{`{}`, `{"ack":[1],"emit":[{"event":"e","rooms":["a"]}]}`, `{"reject":{"code":"x"}}`, `{"emit":[{"event":"e","all":true,"except":["c"]}]}`, ``} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := ParseAnswer(b)
		if err == nil && a.check() != nil {
			t.Errorf("%q: an answer that does not pass its own check", b)
		}
	})
}

func FuzzDecodeCloudEvent(f *testing.F) {
	b, err := EncodeCloudEvent(&Call{ID: "1", Hook: HookJoin, Pod: "a b", Data: Data{Namespace: "/", Room: "r"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := DecodeCloudEvent(b)
		if err != nil {
			return
		}
		again, err := EncodeCloudEvent(c)
		if err != nil {
			return // a year that RFC 3339 does not have
		}
		d, err := DecodeCloudEvent(again)
		if err != nil || d.ID != c.ID || d.Hook != c.Hook || d.Pod != c.Pod {
			t.Errorf("%q came back as %+v, %v", b, d, err)
		}
	})
}
