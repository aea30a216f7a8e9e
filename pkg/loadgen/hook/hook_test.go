package hook_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/hook"
)

// TestMain is a hook process as well: what it does is in an argument.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "hook" {
		behave(os.Args[2])
		return
	}
	goleak.VerifyTestMain(m)
}

func behave(how string) {
	in := bufio.NewScanner(os.Stdin)
	var held []string
	switch how {
	case "deaf":
		time.Sleep(time.Hour)
	}
	for in.Scan() {
		var r struct {
			ID   int             `json:"id"`
			With json.RawMessage `json:"with"`
		}
		if err := json.Unmarshal(in.Bytes(), &r); err != nil {
			panic(err)
		}
		switch how {
		case "plain": // line by line, without ids
			fmt.Printf("{\"ok\":true,\"set\":{\"echo\":%s}}\n", r.With)
		case "backwards": // two at a time, the second first
			held = append(held, fmt.Sprintf(`{"id":%d,"ok":true,"set":{"echo":%s}}`, r.ID, r.With))
			if len(held) == 2 {
				fmt.Println(held[1])
				fmt.Println(held[0])
				held = nil
			}
		case "crash":
			fmt.Fprintln(os.Stderr, "Traceback:\n  cannot sign with sesame")
			os.Exit(3)
		case "chatty":
			fmt.Println("ready to go")
		case "slow first": // answers the first request when the second comes
			if held = append(held, string(r.With)); len(held) == 2 {
				fmt.Printf("{\"ok\":true,\"n\":%s}\n{\"ok\":true,\"n\":%s}\n", held[0], held[1])
			}
		case "endless":
			for {
				os.Stdout.WriteString(strings.Repeat("x", 1<<16))
			}
		}
	}
}

func start(t *testing.T, how string, calls int) *hook.Process {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := hook.Start(hook.Options{Argv: []string{exe, "hook", how}, MaxCalls: calls})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestCallsAreAnsweredByTheirOwn(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		how          string
		calls, slots int
	}{{"plain", 200, 8}, {"backwards", 200, 2}} {
		t.Run(tt.how, func(t *testing.T) {
			t.Parallel()
			p := start(t, tt.how, tt.slots)
			var wg sync.WaitGroup
			for i := range tt.calls {
				wg.Go(func() {
					a, err := p.Call(within(t, time.Minute), fmt.Appendf(nil, `{"with":%d}`, i))
					if err != nil || !strings.Contains(string(a), fmt.Sprintf(`"echo":%d}`, i)) {
						t.Errorf("call %d: %s, %v", i, a, err)
					}
				})
			}
			wg.Wait()
		})
	}
}

func TestBadProcesses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ how, want string }{
		{"crash", "exit status 3: Traceback: cannot sign with sesame"},
		{"chatty", `wrote "ready to go" to stdout, want a JSON object in each line`},
		{"endless", "an answer is longer than 1 MiB"},
	} {
		t.Run(tt.how, func(t *testing.T) {
			t.Parallel()
			p := start(t, tt.how, 0)
			for range 2 { // and it stays broken
				a, err := p.Call(within(t, time.Minute), []byte(`{}`))
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got %s, %v, want %s", a, err, tt.want)
				}
			}
		})
	}
}

func TestDeadlines(t *testing.T) {
	t.Parallel()
	t.Run("no answer", func(t *testing.T) {
		t.Parallel()
		p := start(t, "slow first", 0)
		if _, err := p.Call(within(t, 50*time.Millisecond), []byte(`{"with":1}`)); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
		// The late answer of the first is not taken for that of the second.
		a, err := p.Call(within(t, time.Minute), []byte(`{"with":2}`))
		if err != nil || !strings.Contains(string(a), `"n":2`) {
			t.Errorf("got %s, %v", a, err)
		}
	})
	t.Run("it reads nothing", func(t *testing.T) {
		t.Parallel()
		p := start(t, "deaf", 0)
		long := fmt.Appendf(nil, `{"with":"%s"}`, strings.Repeat("x", 1<<20))
		if _, err := p.Call(within(t, 200*time.Millisecond), long); err == nil || !strings.Contains(err.Error(), "does not read") {
			t.Errorf("got %v", err)
		}
		if _, err := p.Call(within(t, time.Minute), []byte(`{}`)); err == nil {
			t.Error("a process that was killed answers")
		}
	})
}

// What a hook has started ends with it.
func TestCloseEndsTheProcessGroup(t *testing.T) {
	t.Parallel()
	p, err := hook.Start(hook.Options{Argv: []string{`sleep 1000 & read line; echo "{\"pid\": $!}"; wait`}, Shell: true})
	if err != nil {
		t.Fatal(err)
	}
	a, err := p.Call(within(t, time.Minute), []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	var said struct{ PID int }
	if err := json.Unmarshal(a, &said); err != nil || said.PID == 0 {
		t.Fatalf("%s: %v", a, err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", said.PID))
		if dead := err != nil || strings.Contains(string(stat), ") Z "); dead {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the child of the hook still runs")
		}
	}
}

func TestStartErrors(t *testing.T) {
	t.Parallel()
	for _, argv := range [][]string{nil, {""}, {"/no/such/program"}} {
		if p, err := hook.Start(hook.Options{Argv: argv}); err == nil {
			p.Close()
			t.Errorf("%q was started", argv)
		}
	}
	if _, err := start(t, "plain", 0).Call(t.Context(), []byte("no object")); err == nil {
		t.Error("a request that is no object was sent")
	}
}
