package server_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/server"
)

// noTea is a validator that refuses payloads with "tea".
type noTea struct{ bad string }

func (v noTea) Compile(d server.Declaration) (func([]byte) error, error) {
	if d.Event == v.bad {
		return nil, errors.New("no such schema")
	}
	return func(payload []byte) error {
		if bytes.Contains(payload, []byte("tea")) || string(payload) == "null" {
			return &server.PayloadError{Event: d.Event, Pointer: "/item", Problem: "no tea"}
		}
		return nil
	}, nil
}

// lockedLog is a log that is read while it is written to.
type lockedLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

const refused = `{"ok":false,"error":{"code":"invalid_payload","message":"event \"order\": /item: no tea","pointer":"/item"}}`

func orders(s *server.Server) {
	n := s.Of("/")
	n.On("raw", func(context.Context, *server.Conn, *server.Event) (server.Reply, error) {
		return server.Reply{Args: []byte(`"raw"`)}, nil
	})
	server.Handle(n, "order", func(_ context.Context, _ *server.Conn, o order) (receipt, error) { return receipt{true, o.Count}, nil })
}

func TestPayloadsOfDeclaredEventsAreChecked(t *testing.T) {
	t.Parallel()
	c := start(t, server.Options{Payloads: noTea{}}, orders).joined(t, "/")
	c.send(`421["order",{"item":"tea"}]`, `422["order",{"item":"rum","count":2}]`, `423["raw","tea"]`, `424["order"]`)
	c.is(`431[`+refused+`]`, `432[{"ok":true,"total":2}]`, `433["raw"]`, `434[`+refused+`]`)
}

// TestPayloadsOfOnAny: Accepts has them checked, whatever comes first, also in
// the namespaces of a family; the interceptors see the refusal.
func TestPayloadsOfOnAny(t *testing.T) {
	t.Parallel()
	answer := func(_ context.Context, _ *server.Conn, e *server.Event) (server.Reply, error) {
		return server.Reply{Args: []byte(`"` + e.Name + `"`)}, nil
	}
	var mu sync.Mutex
	var seen []string
	look := func(next server.RawHandler) server.RawHandler {
		return func(ctx context.Context, c *server.Conn, e *server.Event) (server.Reply, error) {
			r, err := next(ctx, c, e)
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, fmt.Sprint(e.Name, " ", err != nil))
			return r, err
		}
	}
	g := start(t, server.Options{Payloads: noTea{}}, func(s *server.Server) {
		s.Of("/before").Accepts("order", "", nil, "").OnAny(answer)
		s.Of("/after").OnAny(answer).Accepts("order", "", nil, "").Wrap(look)
		s.OfGlob("/org-*").Accepts("order", "", nil, "").OnAny(answer)
	})
	for _, ns := range []string{"/before", "/after", "/org-7"} {
		c := g.joined(t, ns)
		c.send(`42`+ns+`,1["order",{"item":"tea"}]`, `42`+ns+`,2["order",{"item":"rum"}]`, `42`+ns+`,3["other","tea"]`)
		c.is(`43`+ns+`,1[`+refused+`]`, `43`+ns+`,2["order"]`, `43`+ns+`,3["other"]`)
	}
	mu.Lock()
	defer mu.Unlock()
	if diff := cmp.Diff([]string{"order true", "order false", "other false"}, seen); diff != "" {
		t.Errorf("interceptors (-want +got)\n%s", diff)
	}
}

func TestPayloadsThatOnlyWarn(t *testing.T) {
	t.Parallel()
	var log lockedLog
	o := server.Options{Payloads: noTea{}, PayloadsWarn: true, Logger: slog.New(slog.NewTextHandler(&log, nil))}
	c := start(t, o, orders).joined(t, "/")
	c.send(`421["order",{"item":"tea","count":3}]`)
	c.is(`431[{"ok":true,"total":3}]`)
	if !strings.Contains(log.String(), "payload breaks the contract") || !strings.Contains(log.String(), "event=order") {
		t.Errorf("log: %s", log.String())
	}
}

func TestStartFailsForADeclarationThatDoesNotCompile(t *testing.T) {
	t.Parallel()
	s, err := server.New(server.Options{Payloads: noTea{bad: "order"}})
	if err != nil {
		t.Fatal(err)
	}
	orders(s)
	if err := s.Start(t.Context()); err == nil || !strings.Contains(err.Error(), `event "order" in namespace "/": no such schema`) {
		t.Errorf("Start: %v", err)
	}
}

// TestOrderOfInterceptors is what surrounds what, in whatever order it was
// registered.
func TestOrderOfInterceptors(t *testing.T) {
	t.Parallel()
	seen := make(chan string, 10)
	note := func(name string) server.Interceptor {
		return func(next server.RawHandler) server.RawHandler {
			return func(ctx context.Context, c *server.Conn, e *server.Event) (server.Reply, error) {
				seen <- name
				return next(ctx, c, e)
			}
		}
	}
	guard := func(name string) server.EventGuard {
		return func(context.Context, *server.Conn, *server.Event) error {
			seen <- name
			return nil
		}
	}
	c := start(t, server.Options{}, func(s *server.Server) {
		n := s.Of("/").Wrap(note("first"))
		n.OnAny(func(context.Context, *server.Conn, *server.Event) (server.Reply, error) { return server.Reply{}, nil })
		server.Handle(n, "order", func(context.Context, *server.Conn, any) (bool, error) { return true, nil },
			server.WithInterceptors(note("own"), note("inner")), server.WithGuards(guard("own guard")))
		n.Wrap(note("second")).UseEvent(guard("guard"))
	}).joined(t, "/")
	for _, tc := range []struct {
		send, answer string
		want         []string
	}{
		{`421["order"]`, `431[true]`, []string{"guard", "own guard", "first", "second", "own", "inner"}},
		{`422["other"]`, `432[]`, []string{"guard", "first", "second"}},
	} {
		c.send(tc.send)
		c.is(tc.answer)
		var got []string
		for range tc.want {
			got = append(got, <-seen)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", tc.send, diff)
		}
	}
}

// TestEncodeErrorThatFails falls back to the usual error.
func TestEncodeErrorThatFails(t *testing.T) {
	t.Parallel()
	for name, encode := range map[string]func(*server.Conn, error) any{
		"panic":   func(*server.Conn, error) any { panic("secret") },
		"no JSON": func(*server.Conn, error) any { return func() {} },
	} {
		c := start(t, server.Options{EncodeError: encode}, nil).joined(t, "/")
		c.send(`421["what"]`)
		if got := c.next(); got != `431[{"ok":false,"error":{"code":"unknown_event","message":"no handler for this event"}}]` {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// TestHandleAckOnce is one acknowledgement, whatever the handler does.
func TestHandleAckOnce(t *testing.T) {
	t.Parallel()
	c := start(t, server.Options{}, func(s *server.Server) {
		server.HandleAck(s.Of("/"), "twice", func(_ context.Context, _ *server.Conn, how string, ack func(int)) error {
			ack(1)
			ack(2)
			switch how {
			case "error":
				return errors.New("late")
			case "panic":
				panic("late")
			}
			return nil
		})
		server.HandleAck(s.Of("/"), "panic", func(context.Context, *server.Conn, any, func(int)) error { panic("early") })
		server.HandleAck(s.Of("/"), "no JSON", func(_ context.Context, _ *server.Conn, _ any, ack func(any)) error {
			ack(make(chan int))
			return nil
		})
	}).joined(t, "/")
	c.send(`421["twice","ok"]`, `422["twice","error"]`, `423["twice","panic"]`, `424["panic"]`, `425["no JSON"]`)
	const internal = `[{"ok":false,"error":{"code":"internal","message":"Internal server error"}}]`
	c.is(`431[1]`, `432[1]`, `433[1]`, `434`+internal, `435`+internal)
}

func TestHooks(t *testing.T) {
	t.Parallel()
	s, err := server.New(server.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var ran []string
	note := func(name string, err error) func(context.Context) error {
		return func(context.Context) error {
			ran = append(ran, name)
			return err
		}
	}
	s.OnStart(note("start", nil))
	s.OnShutdown(note("first added", errors.New("disk is full")))
	s.OnShutdown(note("last added", nil))
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Shutdown(t.Context()); err == nil || err.Error() != "server shutdown: disk is full" {
		t.Errorf("Shutdown: %v", err)
	}
	if diff := cmp.Diff([]string{"start", "last added", "first added"}, ran); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}

	if s, err = server.New(server.Options{}); err != nil {
		t.Fatal(err)
	}
	s.OnStart(note("", errors.New("no disk")))
	if err := s.Start(t.Context()); err == nil || err.Error() != "server start: no disk" {
		t.Errorf("Start: %v", err)
	}
}

func TestContract(t *testing.T) {
	t.Parallel()
	s, err := server.New(server.Options{})
	if err != nil {
		t.Fatal(err)
	}
	n := s.Of("/shop").Emits("sold", receipt{}, "something was sold")
	server.Handle(n, "order", func(context.Context, *server.Conn, order) (server.NoAck, error) { return server.NoAck{}, nil }, server.WithDoc("orders"))
	n.Accepts("raw", nil, reflect.TypeFor[int](), "")
	n.Accepts("raw", []byte(nil), nil, "replaces the one before")
	s.EmitsTopic("prices", "price", 1.5, "")
	var got []string
	for _, d := range s.Contract() {
		who := "server"
		if d.FromClient {
			who = "client"
		}
		got = append(got, strings.Join([]string{d.Namespace, d.Topic, who, d.Event, typeName(d.Payload), typeName(d.Ack), d.Summary}, "|"))
	}
	want := []string{
		"/events|prices|server|price|float64||",
		"/shop||client|order|server_test.order||orders",
		"/shop||client|raw|[]uint8||replaces the one before",
		"/shop||server|sold|server_test.receipt||something was sold",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func typeName(s server.Shape) string {
	if s.IsZero() {
		return ""
	}
	return s.Type.String()
}
