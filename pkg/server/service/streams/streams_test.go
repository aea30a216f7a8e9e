package streams

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/rueidis"

	"github.com/realtime-toolkit/rtk/internal/rttest"
	"github.com/realtime-toolkit/rtk/pkg/server/service"
)

const patience = 20 * time.Second

var quiet = slog.New(slog.DiscardHandler)

func newBus(t *testing.T, url string, o Options) *Bus {
	t.Helper()
	o.URL, o.Stream, o.PodID, o.Logger = url, "jobs", "pod", quiet
	if o.Deadline == 0 {
		o.Deadline = patience
	}
	b, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// runWorker runs a worker until the returned function is called.
func runWorker(t *testing.T, url string, o WorkerOptions, f service.Func) (stop func()) {
	t.Helper()
	o.URL, o.Stream, o.Logger = url, "jobs", quiet
	w, err := NewWorker(o, f)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("worker: %v", err)
			}
		case <-time.After(patience):
			t.Error("the worker does not end")
		}
	})
	t.Cleanup(stop)
	return stop
}

// redis is a client for looking at what is there.
func redis(t *testing.T, url string) func(cmd ...string) rueidis.RedisResult {
	t.Helper()
	opt, dialer, err := clientOption(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := rueidis.NewClient(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); dialer.Close() })
	return func(cmd ...string) rueidis.RedisResult {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		return c.Do(ctx, c.B().Arbitrary(cmd...).Build())
	}
}

func call(id string) *service.Call {
	return &service.Call{ID: id, Hook: service.HookEvent, Time: time.Unix(1767096277, 0).UTC(), Pod: "pod", Data: service.Data{
		Namespace: "/jobs", Connection: service.Connection{ID: "c1"}, Event: "e", Args: json.RawMessage(`["<é>"]`), Attachments: [][]byte{{0, 255}},
	}}
}

func code(err error) string {
	var coded interface{ ErrorCode() string }
	if errors.As(err, &coded) {
		return coded.ErrorCode()
	}
	return ""
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not in %v", what, patience)
		}
	}
}

// TestCommands goes there and back many times at once, and leaves nothing.
func TestCommands(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]func(testing.TB) string{
		"one server":        rttest.Redis,
		"Cluster":           func(t testing.TB) string { return rttest.NewRedisCluster(t, 3, false).URL() },
		"node of a Cluster": func(t testing.TB) string { return rttest.NewRedisCluster(t, 3, false).Nodes[0].URL() },
		"Sentinels":         func(t testing.TB) string { return rttest.NewRedisSentinels(t).URL() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testCommands(t, url(t))
		})
	}
}

func testCommands(t *testing.T, url string) {
	t.Helper()
	b := newBus(t, url, Options{})
	for range 2 {
		runWorker(t, url, WorkerOptions{}, func(_ context.Context, c *service.Call) (*service.Answer, error) {
			if d := cmp.Diff(call(c.ID), c); d != "" {
				t.Errorf("call (-want +got)\n%s", d)
			}
			switch {
			case strings.HasPrefix(c.ID, "refuse"):
				return nil, &service.Refusal{Code: "no", Message: "never"}
			case strings.HasPrefix(c.ID, "reject"):
				return &service.Answer{Reject: &service.Refusal{Code: "no"}}, nil
			case strings.HasPrefix(c.ID, "nothing"):
				return nil, nil
			}
			return &service.Answer{Ack: json.RawMessage(`"` + c.ID + `"`), Join: []string{"r"}}, nil
		})
	}
	var group sync.WaitGroup
	for i := range 200 {
		group.Go(func() {
			id := fmt.Sprint([]string{"ack", "refuse", "reject", "nothing"}[i%4], i)
			a, err := b.Call(context.Background(), call(id))
			switch i % 4 {
			case 0:
				want := &service.Answer{Ack: json.RawMessage(`"` + id + `"`), Join: []string{"r"}}
				if d := cmp.Diff(want, a); err != nil || d != "" {
					t.Errorf("%s: %v (-want +got)\n%s", id, err, d)
				}
			case 1:
				if code(err) != "no" || err.Error() != "never" {
					t.Errorf("%s: error %v", id, err)
				}
			case 2:
				if err != nil || a.Reject == nil || a.Reject.Code != "no" {
					t.Errorf("%s: %+v, %v", id, a, err)
				}
			case 3:
				if d := cmp.Diff(&service.Answer{}, a); err != nil || d != "" {
					t.Errorf("%s: %v (-want +got)\n%s", id, err, d)
				}
			}
		})
	}
	group.Wait()
	do := redis(t, url)
	if n, err := do("XLEN", "jobs").AsInt64(); n != 0 || err != nil {
		t.Errorf("%d commands are left, %v", n, err)
	}
	eventually(t, "the answers are trimmed", func() bool {
		n, err := do("XLEN", b.reply).AsInt64()
		return err == nil && n <= 1
	})
	b.Close()
	if n, err := do("EXISTS", b.reply).AsInt64(); n != 0 || err != nil {
		t.Errorf("the reply stream is left: %d, %v", n, err)
	}
}

// TestWorkerKilled kills a worker process in the middle of a command. Another
// takes the command over, once, and the caller gets its answer.
func TestWorkerKilled(t *testing.T) {
	t.Parallel()
	url := rttest.Redis(t)
	b := newBus(t, url, Options{})
	victim := exec.Command(os.Args[0])
	victim.Env = append(os.Environ(), workerURL+"="+url)
	out, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	answered := make(chan error, 1)
	go func() {
		a, err := b.Call(context.Background(), call("C1"))
		if err == nil && string(a.Ack) != `"done"` {
			err = fmt.Errorf("ack %s", a.Ack)
		}
		answered <- err
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	_ = victim.Process.Kill()
	_ = victim.Wait()
	if err != nil || line != "took C1\n" {
		t.Fatalf("the worker says %q, %v", line, err)
	}
	var runs atomic.Int64
	for range 2 {
		runWorker(t, url, WorkerOptions{ClaimAfter: 200 * time.Millisecond}, func(_ context.Context, c *service.Call) (*service.Answer, error) {
			runs.Add(1)
			time.Sleep(500 * time.Millisecond) // longer than ClaimAfter: it must not be taken away
			return &service.Answer{Ack: json.RawMessage(`"done"`)}, nil
		})
	}
	if err := <-answered; err != nil {
		t.Error(err)
	}
	if n := runs.Load(); n != 1 {
		t.Errorf("delivered %d times more, want once", n)
	}
	do := redis(t, url)
	if n, err := do("XLEN", "jobs").AsInt64(); n != 0 || err != nil {
		t.Errorf("%d commands are left, %v", n, err)
	}
}

// TestDeadLetter is a command that no worker can do: after so many deliveries it
// is put aside with its story, and its caller is told.
func TestDeadLetter(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, reason string
		f            service.Func
	}{
		{"error", "can't", func(context.Context, *service.Call) (*service.Answer, error) { return nil, errors.New("can't") }},
		{"panic", "panic: ouch", func(context.Context, *service.Call) (*service.Answer, error) { panic("ouch") }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			url := rttest.Redis(t)
			b := newBus(t, url, Options{})
			var runs atomic.Int64
			runWorker(t, url, WorkerOptions{ClaimAfter: 100 * time.Millisecond, MaxDeliveries: 3}, func(ctx context.Context, c *service.Call) (*service.Answer, error) {
				if c.ID == "good" {
					return nil, nil
				}
				runs.Add(1)
				return tc.f(ctx, c)
			})
			if _, err := b.Call(t.Context(), call("bad")); code(err) != service.CodeUnavailable {
				t.Errorf("error %v, want unavailable", err)
			}
			if n := runs.Load(); n != 3 {
				t.Errorf("%d deliveries, want 3", n)
			}
			if _, err := b.Call(t.Context(), call("good")); err != nil {
				t.Errorf("the next command: %v", err)
			}
			entries, err := redis(t, url)("XRANGE", "{jobs}:dead", "-", "+").AsXRange()
			if err != nil || len(entries) != 1 {
				t.Fatalf("%d dead letters, %v; want 1", len(entries), err)
			}
			f := entries[0].FieldValues
			c, err := service.DecodeCloudEvent([]byte(f["call"]))
			if err != nil || c.ID != "bad" || f["deliveries"] != "3" || f["reason"] != tc.reason || f["entry"] == "" {
				t.Errorf("dead letter %v, %v", f, err)
			}
		})
	}
}

// What is no command is put aside at once, and the worker goes on.
func TestNonsenseOnTheStream(t *testing.T) {
	t.Parallel()
	url := rttest.Redis(t)
	do := redis(t, url)
	for _, fields := range [][]string{{"a", "b"}, {"call", "{"}, {"call", `{"specversion":"1.0","id":"x","type":"other"}`}} {
		if err := do(append([]string{"XADD", "jobs", "*"}, fields...)...).Error(); err != nil {
			t.Fatal(err)
		}
	}
	runWorker(t, url, WorkerOptions{}, func(context.Context, *service.Call) (*service.Answer, error) { return nil, nil })
	eventually(t, "three dead letters", func() bool {
		n, err := do("XLEN", "{jobs}:dead").AsInt64()
		return err == nil && n == 3
	})
	if _, err := newBus(t, url, Options{}).Call(t.Context(), call("good")); err != nil {
		t.Error(err)
	}
}

// TestNobodyWorks: calls time out, then the stream is full; nothing is trimmed,
// and a worker that comes late does all of it.
func TestNobodyWorks(t *testing.T) {
	t.Parallel()
	url := rttest.Redis(t)
	b := newBus(t, url, Options{Deadline: 100 * time.Millisecond, MaxLen: 3})
	for i := range 5 {
		want := service.CodeTimeout
		if i >= 3 {
			want = service.CodeBusy
		}
		if _, err := b.Call(t.Context(), call(fmt.Sprint(i))); code(err) != want {
			t.Errorf("call %d: %v, want %s", i, err, want)
		}
	}
	done := make(chan string, 10)
	runWorker(t, url, WorkerOptions{Concurrency: 1}, func(_ context.Context, c *service.Call) (*service.Answer, error) {
		done <- c.ID
		return nil, nil
	})
	for i := range 3 {
		select {
		case id := <-done:
			if id != fmt.Sprint(i) {
				t.Errorf("command %s, want %d", id, i)
			}
		case <-time.After(patience):
			t.Fatal("a command is lost")
		}
	}
}

func TestPendingBound(t *testing.T) {
	t.Parallel()
	url := rttest.Redis(t)
	b := newBus(t, url, Options{Pending: 1, Deadline: patience})
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() {
		_, err := b.Call(ctx, call("1"))
		first <- err
	}()
	eventually(t, "the first waits", func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return len(b.pending) == 1
	})
	if _, err := b.Call(t.Context(), call("2")); code(err) != service.CodeBusy {
		t.Errorf("the second: %v, want busy", err)
	}
	cancel()
	<-first
	if len(b.pending) != 0 {
		t.Error("a call that has ended still waits")
	}
}

// TestOutage: while Redis is away calls fail at once, afterwards all is well
// again, though Redis has forgotten the group.
func TestOutage(t *testing.T) {
	t.Parallel()
	server := rttest.NewRedisServer(t)
	b := newBus(t, server.URL(), Options{Deadline: 2 * time.Second})
	runWorker(t, server.URL(), WorkerOptions{}, func(context.Context, *service.Call) (*service.Answer, error) { return nil, nil })
	if _, err := b.Call(t.Context(), call("1")); err != nil {
		t.Fatal(err)
	}
	server.Stop()
	if _, err := b.Call(t.Context(), call("2")); code(err) == "" {
		t.Errorf("without redis: %v", err)
	}
	server.Start()
	eventually(t, "calls work again", func() bool {
		_, err := b.Call(t.Context(), call("3"))
		return err == nil
	})
}

func TestOptions(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	for _, url := range []string{"", "http://:" + secret + "@h", "redis://:" + secret + "@", "redis://:%zz" + secret + "@h", "redis://h/" + secret} {
		if _, err := New(Options{URL: url, Stream: "s"}); !errors.Is(err, ErrOptions) || strings.Contains(err.Error(), secret) {
			t.Errorf("New with %q: %v", url, err)
		}
		if _, err := NewWorker(WorkerOptions{URL: url, Stream: "s"}, nil); !errors.Is(err, ErrOptions) || strings.Contains(err.Error(), secret) {
			t.Errorf("NewWorker with %q: %v", url, err)
		}
	}
	if _, err := New(Options{URL: "redis://h"}); !errors.Is(err, ErrOptions) {
		t.Errorf("no stream: %v", err)
	}
	if _, err := NewWorker(WorkerOptions{URL: "redis://h", Stream: "s", ClaimAfter: 1}, nil); !errors.Is(err, ErrOptions) {
		t.Errorf("claim after 1ns: %v", err)
	}
	server := rttest.NewRedisServer(t, "--requirepass", "right")
	url := strings.Replace(server.URL(), "redis://", "redis://:"+secret+"@", 1)
	if _, err := New(Options{URL: url, Stream: "s", Logger: quiet}); err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("wrong password: %v", err)
	}
	w, err := NewWorker(WorkerOptions{URL: url, Stream: "s", Logger: quiet}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Run(t.Context()); err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("a worker with a wrong password: %v", err)
	}
}
