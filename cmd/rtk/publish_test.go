package main

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/internal/rttest"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster/redis"
)

// hearer is a pod that passes on what it hears.
type hearer struct{ heard chan string }

func (hearer) HasRoom(_, _ string) bool                     { return true }
func (hearer) Answer(*cluster.Query, func(*cluster.Answer)) {}
func (h hearer) Execute(c *cluster.Command)                 { h.heard <- c.Op.String() + " " + string(c.Args) }

func (h hearer) Deliver(b *cluster.Broadcast) {
	h.heard <- b.Namespace + " " + strings.Join(b.Rooms, ",") + "-" + strings.Join(b.Except, ",") + " " + string(b.Args)
}

// publish runs rtk publish and returns its exit code and standard error.
func publish(t *testing.T, stdin string, args ...string) (code int, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	env := &Env{
		Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: &errs,
		LookupEnv: func(string) (string, bool) { return "", false },
		Notify:    func() (<-chan os.Signal, func()) { return nil, func() {} },
	}
	code = run(t.Context(), env, append([]string{"publish"}, args...))
	return code, errs.String()
}

// TestPublish reaches a pod of each adapter.
func TestPublish(t *testing.T) {
	t.Parallel()
	url := rttest.Redis(t)
	for _, adapter := range adapterNames {
		t.Run(adapter, func(t *testing.T) {
			b, err := redis.New(redis.Options{URL: url, Adapter: redis.Adapter(adapter), Prefix: adapter, Stream: adapter})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				ctx, cancel := context.WithTimeout(context.Background(), time.Second)
				defer cancel()
				_ = b.Close(ctx)
			}()
			h := hearer{make(chan string, 10)}
			if err := b.AddNamespace("/chat"); err != nil {
				t.Fatal(err)
			}
			if err := b.Start(t.Context(), h); err != nil {
				t.Fatal(err)
			}
			if w, ok := b.(cluster.RoomWatcher); ok {
				w.RoomChanged("/chat", "lobby")
			}
			flags := []string{"--redis", url, "--redis-prefix", adapter, "--redis-adapter", adapter}
			if adapter == string(redis.Streams) {
				flags = append(flags, "--redis-stream", adapter)
			}
			for _, tt := range []struct {
				stdin string
				args  []string
				want  string
			}{
				{"", []string{"-n", "/chat", "-r", "lobby", "--except", "x", "message", `{"text":"hi"}`, "1"}, `/chat lobby-x ["message",{"text":"hi"},1]`},
				{"1 [2]\n\"3\"\n", []string{"-n", "chat", "numbers", "0", "-", "null"}, `/chat - ["numbers",0,1,[2],"3",null]`},
				{"", []string{"-n", "/chat", "--server-side", "clear", `"users"`}, `serverSideEmit ["clear","users"]`},
			} {
				var got string
				// A subscription to the room may not be in force at first.
				for deadline := time.Now().Add(20 * time.Second); got == ""; {
					code, stderr := publish(t, tt.stdin, append(flags, tt.args...)...)
					if code != 0 || !strings.Contains(stderr, "published to 1 server") {
						t.Fatalf("%v: exit code %d: %s", tt.args, code, stderr)
					}
					select {
					case got = <-h.heard:
					case <-time.After(time.Second):
						if time.Now().After(deadline) {
							t.Fatalf("%v: nothing heard in 20 s", tt.args)
						}
					}
				}
				if got != tt.want {
					t.Errorf("%v:\n got %s\nwant %s", tt.args, got, tt.want)
				}
			}
			code, stderr := publish(t, "", append(flags, "-n", "/none", "message")...)
			if code != 0 || !strings.Contains(stderr, "no server with adapter "+adapter) {
				t.Errorf("to nobody: exit code %d: %s", code, stderr)
			}
		})
	}
}
