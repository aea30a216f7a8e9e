package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/redis/rueidis"

	"github.com/realtime-toolkit/rtk/internal/rttest"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/server/service"
	"github.com/realtime-toolkit/rtk/pkg/server/service/streams"
)

// servePod starts a pod of `rtk serve args…` in this process, so that a test
// also has its gateway.
func servePod(t *testing.T, environ map[string]string, args ...string) (*pod, *served) {
	t.Helper()
	var stderr syncBuffer
	env := &Env{
		Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: &stderr,
		LookupEnv: func(name string) (string, bool) { v, ok := environ[name]; return v, ok },
	}
	var p *pod
	cmd := newServeCmdWith(env, func(ctx context.Context, f *serveFlags) (err error) {
		p, err = startPod(ctx, env, f, slog.New(slog.NewTextHandler(&stderr, nil)))
		return err
	})
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(append([]string{"--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"}, args...))
	if err := cmd.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := p.shutdown(ctx); err != nil {
			t.Errorf("stop the pod: %v", err)
		}
		if t.Failed() {
			t.Logf("the pod's log:\n%s", stderr.String())
		}
	})
	s := &served{
		t: t, stdout: &syncBuffer{}, stderr: &stderr,
		public: "http://" + p.listeners[0].Addr().String(), admin: "http://" + p.adminListeners[0].Addr().String(),
	}
	s.untilReady(true)
	return p, s
}

// printedACL is what `rtk serve args… --print-redis-acl` prints.
func printedACL(t *testing.T, environ map[string]string, args ...string) string {
	t.Helper()
	var out, stderr bytes.Buffer
	env := &Env{
		Stdin: strings.NewReader(""), Stdout: &out, Stderr: &stderr,
		LookupEnv: func(name string) (string, bool) { v, ok := environ[name]; return v, ok },
		Notify:    newEnv().Notify,
	}
	cmd := newServeCmd(env)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(append(args, "--print-redis-acl"))
	if err := cmd.ExecuteContext(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	return out.String()
}

// closedRedis is a redis-server that nobody may use but an operator, whose client
// it returns.
func closedRedis(t *testing.T) (*rttest.RedisServer, rueidis.Client) {
	t.Helper()
	s := rttest.NewRedisServer(t)
	client := func(url string) rueidis.Client {
		option, err := rueidis.ParseURL(url)
		if err != nil {
			t.Fatal(err)
		}
		option.DisableCache = true
		c, err := rueidis.NewClient(option)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	first := client(s.URL())
	defer first.Close()
	for _, line := range []string{"ACL SETUSER operator on >operator ~* &* +@all", "ACL SETUSER default off"} {
		if err := first.Do(t.Context(), first.B().Arbitrary(strings.Fields(line)...).Build()).Error(); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	operator := client("redis://operator:operator@" + s.Addr())
	t.Cleanup(operator.Close)
	return s, operator
}

// denials are the refusals that Redis has logged, each as "reason object".
func denials(t *testing.T, c rueidis.Client) (list []string) {
	t.Helper()
	entries, err := c.Do(t.Context(), c.B().Arbitrary("ACL", "LOG").Build()).ToArray()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		m, err := e.AsMap()
		if err != nil {
			t.Fatal(err)
		}
		reason, object := m["reason"], m["object"]
		r, _ := reason.ToString()
		o, _ := object.ToString()
		list = append(list, r+" "+o)
	}
	return list
}

// A cluster that uses everything gets along with the rights that are printed for
// it.
func TestPrintedRightsSuffice(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		args []string
	}{
		{"classic", nil},
		{"classic, room by room, answers on own channels", []string{"--redis-subscribe", "rooms", "--redis-specific-responses"}},
		{"sharded", []string{"--redis-adapter", "sharded"}},
		{"sharded, all rooms", []string{"--redis-adapter", "sharded", "--redis-sharded-mode", "dynamic-private"}},
		{"streams", []string{"--redis-adapter", "streams"}},
		{"streams with recovery, several streams, sharded pub/sub", []string{
			"--redis-adapter", "streams", "--redis-stream", "a*b", "--redis-stream-count", "3", "--redis-stream-sharded", "--recovery", "2m", "--redis-prefix", "app",
		}},
		{"classic on another prefix", []string{"--redis-prefix", "app"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			redisServer, operator := closedRedis(t)
			url := "redis://pod:pod@" + redisServer.Addr()
			environ := map[string]string{"RTK_REDIS": url, "RTK_PEER_SECRET": goodSecret, "RTK_JWT_SECRET": goodSecret, "REDIS_URL": url}
			args := append([]string{
				"--advertise", "http://127.0.0.1:9", "--throttle-limit", "ip.messages=1000/s", "--throttle-shared", "--history", "*",
				"-f", configFile(t, `
services:
  jobs: {kind: streams, redis: "${REDIS_URL}", stream: "rtk:jobs", deadline: 10s}
routes:
  - {namespace: /jobs, events: "*", hooks: [connect, disconnect], service: jobs}
`),
			}, tt.args...)
			line := strings.Fields(printedACL(t, environ, args...))
			if err := operator.Do(t.Context(), operator.B().Arbitrary(append(line, ">pod")...).Build()).Error(); err != nil {
				t.Fatalf("%v: %v", line, err)
			}
			worker(t, "redis://operator:operator@"+redisServer.Addr())
			defer func() { // also when something did not work
				if list := denials(t, operator); len(list) > 0 {
					t.Errorf("Redis refused:\n%s\nto a user with\n%s", strings.Join(list, "\n"), strings.Join(line, " "))
				}
			}()
			exercise(t, environ, args)
		})
	}
}

// worker answers the commands of the jobs.
func worker(t *testing.T, url string) {
	t.Helper()
	w, err := streams.NewWorker(streams.WorkerOptions{URL: url, Stream: "rtk:jobs"}, service.Func(func(_ context.Context, c *service.Call) (*service.Answer, error) {
		return &service.Answer{Ack: c.Data.Args}, nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// exercise runs two pods and has them do all that they do over Redis.
func exercise(t *testing.T, environ map[string]string, args []string) {
	t.Helper()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"sub": "ana", "exp": time.Now().Add(time.Hour).Unix()}).SignedString([]byte(goodSecret))
	if err != nil {
		t.Fatal(err)
	}
	auth := `{"token":"` + token + `"}`
	a, served := servePod(t, environ, args...)
	b, _ := servePod(t, environ, args...)
	c, heard, err := dialServed(t, served, "/chat", auth)
	if err != nil {
		t.Fatal(err)
	}
	emit(t, c, 1, "join", `{"room":"lobby"}`)
	heard.until(t, "ack 1 ")
	chat := b.gateway.Of("/chat")
	if err := chat.ServerSideEmit("hello"); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for _, ask := range []struct {
		name string
		fn   func() (int, error)
		want int
	}{
		{"fetchSockets", func() (int, error) { l, err := chat.FetchSockets(ctx); return len(l), err }, 1},
		{"allRooms", func() (int, error) { l, err := chat.AllRooms(ctx); return len(l), err }, 2},
	} {
		if n, err := ask.fn(); err != nil || n != ask.want {
			t.Errorf("%s: %d, %v, want %d", ask.name, n, err, ask.want)
		}
	}
	short, done := context.WithTimeout(ctx, 200*time.Millisecond)
	defer done()
	if _, err := a.gateway.Of("/chat").ServerSideEmitAck(short, "hello"); !errors.Is(err, cluster.ErrPartial) { // nobody handles it
		t.Errorf("server-side emit with an ack: %v", err)
	}
	acked := make(chan error, 1)
	go func() {
		_, err := chat.Timeout(200*time.Millisecond).EmitAck(ctx, "question")
		acked <- err
	}()
	heard.until(t, "ack ") // how an event that wants one is noted
	// A pod that hears room by room may not hear the room yet.
	for deadline := time.Now().Add(10 * time.Second); !heard.has("news "); {
		if time.Now().After(deadline) {
			t.Fatal("news of the other pod did not come")
		}
		if err := chat.To("lobby").EmitRaw("news", []byte(`1`)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	chat.SocketsJoin("second")
	chat.SocketsLeave("lobby")
	jobs, heardJobs, err := dialServed(t, served, "/jobs", auth)
	if err != nil {
		t.Fatal(err)
	}
	emit(t, jobs, 2, "resize", `{"n":1}`)
	heardJobs.until(t, "ack 2 ")
	chat.DisconnectSockets(true)
	<-acked
}

// has takes what there is and reports whether an entry that begins with prefix was
// among it.
func (h heard) has(prefix string) bool {
	for {
		select {
		case got := <-h:
			if strings.HasPrefix(got, prefix) {
				return true
			}
		default:
			return false
		}
	}
}

// until skips what comes before an entry that begins with prefix.
func (h heard) until(t *testing.T, prefix string) {
	t.Helper()
	timeout := time.After(10 * time.Second)
	for {
		select {
		case got := <-h:
			if strings.HasPrefix(got, prefix) {
				return
			}
		case <-timeout:
			t.Fatalf("%s… did not come", prefix)
		}
	}
}
