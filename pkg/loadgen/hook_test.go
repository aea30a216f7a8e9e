package loadgen

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// fakeHooks answers in memory.
type fakeHooks struct {
	answer func(ctx context.Context, request []byte) (string, error)
	err    error

	mu       sync.Mutex
	started  []HookCommand
	requests []string
	closed   int
}

func (h *fakeHooks) Start(c HookCommand) (Hook, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.started = append(h.started, c)
	return fakeHook{h}, h.err
}

type fakeHook struct{ *fakeHooks }

func (h fakeHook) Call(ctx context.Context, request []byte) ([]byte, error) {
	h.mu.Lock()
	h.requests = append(h.requests, string(request))
	h.mu.Unlock()
	a, err := h.answer(ctx, request)
	return []byte(a), err
}

func (h fakeHook) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed++
	return nil
}

const signing = head + `
clients:
  a:
    count: 2
    flow:
      - { expect: challenge, within: 1s }
      - { exec: [node, sign.mjs], with: { user: "u{{client.index}}" }, sets: [signature, n], within: 2s, as: sign }
      - { emit: echo, argsJSON: '["{{vars.signature}}", {{vars.n}}, {{vars.signature}}]' }
      - { expect: echoed, match: { $.x: { exists: false } }, within: 1s }
`

// challenging is a server that sends a challenge and keeps what comes back.
func challenging() (*fakeServer, func() []string) {
	var mu sync.Mutex
	var got []string
	s := &fakeServer{delay: time.Millisecond}
	s.dial = func(_ *rt.DialRequest, c *fakeConn) error {
		c.event("challenge", `{"nonce":"n1"}`, time.Millisecond)
		return nil
	}
	s.send = func(_ *fakeConn, m *rt.Outgoing) error {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, string(m.Body))
		return nil
	}
	return s, func() []string { mu.Lock(); defer mu.Unlock(); return got }
}

// A hook gets to know the client, the event before it and what the step sends
// along; what it sets is in the messages after it.
func TestExecSetsVariables(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, got := challenging()
		h := &fakeHooks{answer: func(_ context.Context, request []byte) (string, error) {
			time.Sleep(10 * time.Millisecond)
			var r struct {
				Event struct {
					Data struct{ Nonce string }
				}
				With struct{ User string }
			}
			if err := json.Unmarshal(request, &r); err != nil {
				return "", err
			}
			return fmt.Sprintf(`{"ok":true,"set":{"signature":"%s\"%s","n":7}}`, r.Event.Data.Nonce, r.With.User), nil
		}}
		r := bench(t, s, strings.Replace(signing, "count: 2", "count: 1", 1), func(o *Options) { o.Hooks = h })
		wantBroken(t, r)
		if diff := cmp.Diff([]string{`"n1\"u0",7,"n1\"u0"`}, got()); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]HookCommand{{Argv: []string{"node", "sign.mjs"}, Dir: "."}}, h.started); diff != "" {
			t.Error(diff)
		}
		want := `{"client":{"index":0,"group":"a","target":"api"},"run":"run1","step":"sign","event":{"name":"challenge","data":{"nonce":"n1"}},"with":{"user":"u0"}}`
		if diff := cmp.Diff([]string{want}, h.requests); diff != "" {
			t.Error(diff)
		}
		if h.closed != 1 {
			t.Errorf("closed %d times", h.closed)
		}
	})
}

// Whatever a hook does wrong fails the step, and with it the run.
func TestExecFailures(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, answer, want string }{
		{"says no", `{"ok":false,"error":"no key"}`, "sign: no key"},
		{"no without a reason", `{"ok":false}`, "sign: the hook said no"},
		{"no ok", `{"set":{}}`, "sign: the answer lacks ok"},
		{"no object", `[1]`, "sign: the answer [1] is no JSON object with ok"},
		{"sets too little", `{"ok":true,"set":{"signature":"x"}}`, "sign: the answer does not set n"},
		{"crashes", "", "sign: node: exit status 3: Traceback"},
		{"never answers", "never", "sign: no answer within 2s"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, got := challenging()
				h := &fakeHooks{answer: func(ctx context.Context, _ []byte) (string, error) {
					switch tt.answer {
					case "":
						return "", errors.New("node: exit status 3: Traceback")
					case "never":
						<-ctx.Done()
						return "", ctx.Err()
					}
					return tt.answer, nil
				}}
				r := bench(t, s, signing, func(o *Options) { o.Hooks = h })
				wantVerdict(t, r, Fail)
				wantBroken(t, r, "fail step a: sign: 0 of 2 clients", "fail step a: emit echo: never reached", "fail step a: expect echoed: never reached")
				if len(got()) != 0 {
					t.Error("the flow went on")
				}
				if len(r.Errors) != 1 || r.Errors[0].Text != tt.want {
					t.Errorf("errors are %v, want %s", r.Errors, tt.want)
				}
				if h.closed != 1 {
					t.Errorf("closed %d times", h.closed)
				}
			})
		})
	}
}

// A client that is lost while a hook thinks comes back, repeats its way in with
// what hooks have set, and goes on with the answer.
func TestExecAcrossReconnect(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const src = head + `
clients:
  a:
    count: 2
    reconnect: { policy: immediate }
    flow:
      - { exec: [room], sets: [room] }
      - { emit: join, args: ["{{vars.room}}"], ack: {} }
      - barrier: ready
      - { exec: [slow], sets: [word], as: slow }
      - { emit: echo, args: ["{{vars.word}}"], ack: {} }
`
		var mu sync.Mutex
		var got []string
		s := &fakeServer{delay: time.Millisecond}
		s.send = func(c *fakeConn, m *rt.Outgoing) error {
			mu.Lock()
			defer mu.Unlock()
			if got = append(got, m.Event+" "+string(m.Body)); len(got) == 2 {
				c.hangUp(rt.CloseInfo{By: rt.ByNetwork, Reason: "reset"}, 300*time.Millisecond)
			}
			return nil
		}
		h := &fakeHooks{answer: func(_ context.Context, request []byte) (string, error) {
			if strings.Contains(string(request), `"step":"slow"`) {
				time.Sleep(2 * time.Second)
			}
			return `{"ok":true,"set":{"room":"r1","word":"w1"}}`, nil
		}}
		r := bench(t, s, src, func(o *Options) { o.Hooks = h })
		slices.Sort(got)
		if diff := cmp.Diff([]string{`echo "w1"`, `echo "w1"`, `join "r1"`, `join "r1"`, `join "r1"`}, got); diff != "" {
			t.Errorf("%s\n%v", diff, broken(r))
		}
		if len(h.started) != 2 || h.closed != 2 {
			t.Errorf("%d processes were started and %d closed", len(h.started), h.closed)
		}
	})
}

func TestExecThatCannotStart(t *testing.T) {
	t.Parallel()
	p := plan(t, signing)
	if _, err := Run(t.Context(), p, Options{Dialer: &fakeServer{}}); err == nil || rt.KindOf(err) != rt.KindUsage {
		t.Errorf("without hooks: %v", err)
	}
	h := &fakeHooks{err: errors.New("start node: no such file")}
	_, err := Run(t.Context(), p, Options{Dialer: &fakeServer{}, Hooks: h})
	if err == nil || rt.KindOf(err) != rt.KindUsage || !strings.Contains(err.Error(), "test.yaml:11:17: exec: start node: no such file") {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff(1, len(p.Scenario.Commands())); diff != "" {
		t.Error(diff)
	}
}
