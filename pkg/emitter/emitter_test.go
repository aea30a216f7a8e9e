package emitter_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/realtime-toolkit/rtk/internal/rttest"
	"github.com/realtime-toolkit/rtk/pkg/emitter"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster/redis"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pod tells what reaches it, in order.
type pod struct {
	redis.Options
	told chan string
}

func (*pod) HasRoom(_, _ string) bool                     { return true }
func (*pod) Answer(*cluster.Query, func(*cluster.Answer)) {}
func (p *pod) tell(format string, a ...any)               { p.told <- fmt.Sprintf(format, a...) }

func (p *pod) Deliver(b *cluster.Broadcast) {
	p.tell("%s %v-%v %s %x volatile %v compress %v%v", b.Namespace, b.Rooms, b.Except, b.Args, b.Attachments, b.Volatile, b.Compress, b.NoCompress)
}

func (p *pod) Execute(c *cluster.Command) {
	p.tell("%s %s %v-%v %v %v %s %x", c.Namespace, c.Op, c.Rooms, c.Except, c.Targets, c.Close, c.Args, c.Attachments)
}

func (p *pod) next(t *testing.T) string {
	t.Helper()
	select {
	case s := <-p.told:
		return s
	case <-time.After(15 * time.Second):
		t.Fatal("nothing reaches the pod in 15 s")
		return ""
	}
}

// start starts a pod and waits until it is counted.
func start(t *testing.T, o redis.Options, e *emitter.Emitter) *pod {
	t.Helper()
	b, err := redis.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = b.Close(ctx)
	})
	p := &pod{told: make(chan string, 100)}
	for _, ns := range []string{"/", "/chat"} {
		if err := b.AddNamespace(ns); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Start(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if w, ok := b.(cluster.RoomWatcher); ok {
		w.RoomChanged("/chat", "r1")
		w.RoomChanged("/", "r1")
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		s := b.Status()
		n, err := e.Of("chat").Servers(t.Context())
		if s.Connected && n == 1 && err == nil {
			return p
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d servers, %v, status %+v", n, err, s)
		}
	}
}

func open(t *testing.T, o redis.Options) *emitter.Emitter {
	t.Helper()
	e, err := emitter.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// TestEmitter sends everything to a pod of each adapter.
func TestEmitter(t *testing.T) {
	t.Parallel()
	key := []byte("a key of enough bytes")
	for name, o := range map[string]redis.Options{
		"classic":              {},
		"classic signed":       {SignKey: key, SignRequired: true},
		"classic room by room": {RoomSubscriptions: true},
		"sharded":              {Adapter: redis.Sharded},
		"sharded static":       {Adapter: redis.Sharded, ShardedMode: redis.Static},
		"streams":              {Adapter: redis.Streams},
		"streams sharded":      {Adapter: redis.Streams, StreamSharded: true, StreamCount: 3},
		"streams signed":       {Adapter: redis.Streams, SignKey: key, SignRequired: true},
		"sharded signed":       {Adapter: redis.Sharded, SignKey: key, SignRequired: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o.URL = rttest.Redis(t)
			e := open(t, o)
			p := start(t, o, e)
			ctx := t.Context()
			chat := e.Of("/chat")
			for _, tt := range []struct {
				name string
				send func() error
				want string
			}{
				{"to all", func() error { return e.Emit(ctx, "ev", 1, "<é>", nil, true) }, `/ []-[] ["ev",1,"<é>",null,true] [] volatile false compress falsefalse`},
				{"to a room", func() error { return chat.To("r1").Emit(ctx, "ev", map[string]int{"a": 1}) }, `/chat [r1]-[] ["ev",{"a":1}] [] volatile false compress falsefalse`},
				{
					"to rooms", func() error {
						return chat.To("r1", "r2").To("r1").Except("r3", "r3").Volatile().Compress(false).Emit(ctx, "ev", json.RawMessage(`{"b": [2]}`))
					},
					`/chat [r1 r2]-[r3] ["ev",{"b":[2]}] [] volatile true compress falsetrue`,
				},
				{"binary", func() error { return e.Compress(true).Emit(ctx, "bin", []byte{1, 2}) }, `/ []-[] ["bin",{"_placeholder":true,"num":0}] [0102] volatile false compress truefalse`},
				{"join", func() error { return e.To("r1").Except("r2").SocketsJoin(ctx, "a", "b") }, "/ socketsJoin [r1]-[r2] [a b] false  []"},
				{"leave", func() error { return chat.SocketsLeave(ctx, "a") }, "/chat socketsLeave []-[] [a] false  []"},
				{"disconnect", func() error { return e.To("r1").DisconnectSockets(ctx, true) }, "/ disconnectSockets [r1]-[] [] true  []"},
				{"server-side emit", func() error { return chat.ServerSideEmit(ctx, "hello", 1) }, `/chat serverSideEmit []-[] [] false ["hello",1] []`},
			} {
				if err := tt.send(); err != nil {
					t.Fatalf("%s: %v", tt.name, err)
				}
				// JSON passes as it is written, MessagePack doesn't keep spaces.
				if got := strings.ReplaceAll(p.next(t), `{"b": [2]}`, `{"b":[2]}`); got != tt.want {
					t.Errorf("%s:\n got %s\nwant %s", tt.name, got, tt.want)
				}
			}
		})
	}
}

// TestEmitterBytes holds what is published against npm's emitter on the same
// Redis.
func TestEmitterBytes(t *testing.T) {
	t.Parallel()
	server := rttest.NewRedisServer(t)
	heard := listen(t, server)
	e := open(t, redis.Options{URL: server.URL()})
	ctx := t.Context()
	chat := e.Of("/chat")
	for _, send := range []func() error{
		func() error { return e.Emit(ctx, "ev", 1, "é") },
		func() error { return chat.To("r1").Except("z").Volatile().Emit(ctx, "hi", 1) },
		func() error { return chat.To("r1", "r2").Volatile().Compress(false).Emit(ctx, "hi", []byte{1}) },
		func() error { return chat.To("r1").SocketsJoin(ctx, "q") },
		func() error { return e.Except("r2").SocketsLeave(ctx, "q", "p") },
		func() error { return e.DisconnectSockets(ctx, false) },
		func() error { return e.ServerSideEmit(ctx, "hello", 1) },
	} {
		if err := send(); err != nil {
			t.Fatal(err)
		}
	}
	var ours []string
	for range 7 {
		ours = append(ours, heard.next(t))
	}
	node := rttest.NodeEnv(t, []string{"REDIS=" + server.URL()}, "emitter.js")
	node.Line(t, 30*time.Second)
	var theirs []string
	for range 7 {
		theirs = append(theirs, heard.next(t))
	}
	if diff := cmp.Diff(theirs, ours); diff != "" {
		t.Errorf("published (-npm +ours):\n%s", diff)
	}
}

func TestEmitterRefuses(t *testing.T) {
	t.Parallel()
	e := open(t, redis.Options{URL: "redis://:s3cret@127.0.0.1:1"})
	ctx := t.Context()
	for name, tt := range map[string]struct {
		err  error
		want error
	}{
		"a reserved name":       {e.Emit(ctx, "disconnect"), emitter.ErrReservedEvent},
		"reserved for servers":  {e.ServerSideEmit(ctx, "connect_error"), emitter.ErrReservedEvent},
		"a Redis that is away":  {e.Emit(ctx, "ev"), redis.ErrUnreachable},
		"a command to nowhere":  {e.SocketsJoin(ctx, "a"), redis.ErrUnreachable},
		"counting without them": {func() error { _, err := e.Servers(ctx); return err }(), redis.ErrUnreachable},
	} {
		if !errors.Is(tt.err, tt.want) {
			t.Errorf("%s: %v, want %v", name, tt.err, tt.want)
		}
		if strings.Contains(fmt.Sprint(tt.err), "s3cret") {
			t.Errorf("%s: the error tells the password: %v", name, tt.err)
		}
	}
	if err := e.Emit(ctx, "ev", func() {}); err == nil {
		t.Error("a function was sent")
	}
	if err := e.Emit(ctx, "ev", json.RawMessage("{")); err == nil {
		t.Error("broken JSON was sent")
	}
	if err := e.Of("/a*").Emit(ctx, "ev"); err == nil || !strings.Contains(err.Error(), "glob") {
		t.Errorf("namespace with a glob character: %v", err)
	}
	if _, err := emitter.New(redis.Options{}); !errors.Is(err, redis.ErrOptions) {
		t.Errorf("New without a URL: %v, want ErrOptions", err)
	}
}

// TestEmitterGivesUp has a Redis that takes the connection and says nothing.
func TestEmitterGivesUp(t *testing.T) {
	t.Parallel()
	server := rttest.NewRedisServer(t)
	e := open(t, redis.Options{URL: server.URL()})
	if err := e.Emit(t.Context(), "ev"); err != nil {
		t.Fatal(err)
	}
	stopped, err := os.FindProcess(server.PID())
	if err != nil {
		t.Fatal(err)
	}
	if err := stopped.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stopped.Signal(syscall.SIGCONT) }()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := e.Emit(ctx, "ev"); !errors.Is(err, redis.ErrUnreachable) || time.Since(began) > 5*time.Second {
		t.Errorf("Emit = %v after %s, want an error after 200ms", err, time.Since(began))
	}
}

// listener hears all that is published.
type listener struct{ r *bufio.Reader }

// listen returns once the subscription is in force.
func listen(t *testing.T, server *rttest.RedisServer) *listener {
	t.Helper()
	conn, err := net.Dial("tcp", server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(conn, "PSUBSCRIBE *\r\n"); err != nil {
		t.Fatal(err)
	}
	l := &listener{bufio.NewReader(conn)}
	for range 6 { // *3 $10 psubscribe $1 * :1
		l.line(t)
	}
	return l
}

// next returns channel and payload of the next message.
func (l *listener) next(t *testing.T) string {
	t.Helper()
	for range 5 { // *4 $8 pmessage $1 *
		l.line(t)
	}
	return l.text(t) + " " + l.text(t)
}

func (l *listener) text(t *testing.T) string {
	t.Helper()
	var n int
	if _, err := fmt.Sscanf(l.line(t), "$%d", &n); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, n+2)
	if _, err := io.ReadFull(l.r, b); err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

func (l *listener) line(t *testing.T) string {
	t.Helper()
	line, err := l.r.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return line
}
