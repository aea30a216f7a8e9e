package loadgen

import (
	"context"
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

// faultScenario is a publisher and eight subscribers, with faults.
func faultScenario(faults string) string {
	return `
version: 1
name: faults
targets:
  pod-a: { url: "http://pod-a:3000", protocol: socketio }
clients:
  readers:
    count: 8
    flow:
      - { emit: join, args: [lobby], ack: { within: 2s } }
      - { barrier: ready }
      - { on: message, at: $.text, until: end }
  writer:
    flow:
      - { barrier: ready }
      - { emit: say, args: [lobby, "{{marker}}"], rate: 10/s, for: 10s, ack: { within: 1s } }
verify:
  lobby: { from: writer, to: readers, guarantee: exactlyOnce, within: 1s }
faults:
` + faults
}

// fakeDriver does in memory what faults need of the system, and keeps a log of
// it with the times.
type fakeDriver struct {
	start   time.Time
	execErr error
	undoErr error
	touches int

	mu      sync.Mutex
	log     []string
	proxies []*fakeProxy
}

func newFakeDriver() *fakeDriver { return &fakeDriver{start: time.Now(), touches: 1} }

func (d *fakeDriver) note(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.log = append(d.log, fmt.Sprintf("%v ", time.Since(d.start).Round(10*time.Millisecond))+fmt.Sprintf(format, args...))
}

func (d *fakeDriver) Exec(_ context.Context, f *ExecFault) (string, FaultUndo, error) {
	d.note("exec %s", f.Command)
	if f.Undo == "" {
		return "done it", nil, d.execErr
	}
	return "done it", d.undo("undo " + f.Undo), d.execErr
}

func (d *fakeDriver) undo(what string) FaultUndo {
	return func(ctx context.Context) error {
		d.note("%s", what)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return d.undoErr
	}
}

func (d *fakeDriver) Kill(_ context.Context, v Victim, f *KillFault) (FaultUndo, error) {
	name := "redis"
	if v.Target != nil {
		name = v.Target.Name
	}
	d.note("%s %s", f.Signal, name)
	if f.Restart || f.Signal == "STOP" {
		return d.undo("revive " + name), d.execErr
	}
	return nil, d.execErr
}

func (d *fakeDriver) Proxy(addr string) (FaultProxy, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := &fakeProxy{d: d, addr: addr, n: len(d.proxies)}
	d.proxies = append(d.proxies, p)
	return p, nil
}

type fakeProxy struct {
	d    *fakeDriver
	addr string
	n    int
}

func (p *fakeProxy) Addr() string { return fmt.Sprintf("127.0.0.1:%d", 9000+p.n) }
func (p *fakeProxy) Set(t Toxics) { p.d.note("%s: %s", p.addr, t) }
func (p *fakeProxy) Touched() int { return p.d.touches }
func (p *fakeProxy) Close() error {
	p.d.note("%s: closed", p.addr)
	return nil
}

func wantLog(t *testing.T, d *fakeDriver, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, d.log); diff != "" {
		t.Errorf("what the driver did (-want +got)\n%s", diff)
	}
}

// faultCheck is the status of a fault's check and what it found.
func faultCheck(t *testing.T, r *Report, name string) string {
	t.Helper()
	for _, c := range r.Checks {
		if c.Kind == "fault" && c.Name == name {
			return string(c.Status) + ": " + c.Got
		}
	}
	t.Fatalf("no check of fault %q", name)
	return ""
}

// hits lists the clients whose connections were broken.
func (s *fakeServer) hits() []int {
	var out []int
	for _, c := range s.conns {
		if c.broken != "" {
			out = append(out, int(c.h.(*client).id))
		}
	}
	slices.Sort(out)
	return out
}

func TestDropConnections(t *testing.T) {
	t.Parallel()
	var hit [2][]int
	for i := range hit {
		synctest.Test(t, func(t *testing.T) {
			s := &fakeServer{delay: time.Millisecond}
			r := bench(t, s, faultScenario(`  - { at: 3s, name: flap, do: dropConnections, clients: readers, share: 25%, how: fin }`))
			wantBroken(t, r)
			wantVerdict(t, r, Pass)
			if got := faultCheck(t, r, "flap"); got != "pass: 1 time, 2 of 8 connections" {
				t.Error(got)
			}
			// What was published later is not expected of those who are gone.
			if v := r.Verify[0]; v.Lost != 0 || v.Expected < 6*100 || v.Expected > 6*100+2*31 {
				t.Errorf("expected %d, lost %d", v.Expected, v.Lost)
			}
			if g := r.Groups[0]; g.Disconnected != 0 {
				t.Errorf("%d disconnects are held against the server", g.Disconnected)
			}
			f := r.Faults[0]
			if len(f.Events) != 1 || f.Events[0].Hit != 2 || f.Events[0].Of != 8 || f.Events[0].Start != 3*time.Second || f.Events[0].End != 3*time.Second {
				t.Errorf("%+v", f)
			}
			hit[i] = s.hits()
		})
	}
	if len(hit[0]) != 2 || !slices.Equal(hit[0], hit[1]) {
		t.Errorf("the same seed broke %v, then %v", hit[0], hit[1])
	}
}

func TestDropRepeats(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &fakeServer{delay: time.Millisecond}
		r := bench(t, s, faultScenario(`  - { at: 1s, every: 2s, times: 3, do: dropConnections, clients: readers, share: 25% }`))
		wantVerdict(t, r, Pass)
		var starts []time.Duration
		for _, ev := range r.Faults[0].Events {
			starts = append(starts, ev.Start)
		}
		if d := cmp.Diff([]time.Duration{time.Second, 3 * time.Second, 5 * time.Second}, starts); d != "" {
			t.Errorf("(-want +got)\n%s", d)
		}
		// 2 of 8, 2 of 6, 1 of 4.
		if got := faultCheck(t, r, "dropConnections"); got != "pass: 3 times, 5 of 18 connections" {
			t.Error(got)
		}
	})
}

// TestDropAndReturn breaks all connections of clients that come back.
func TestDropAndReturn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &fakeServer{delay: time.Millisecond}
		p := plan(t, faultScenario(`  - { at: 3s, name: flap, do: dropConnections, how: reset }`))
		for _, g := range p.Scenario.Groups {
			g.Reconnect = &Reconnect{Policy: ReconnectFixed, Delay: 500 * time.Millisecond}
		}
		r, err := Run(t.Context(), p, Options{Dialer: s})
		if err != nil {
			t.Fatal(err)
		}
		wantBroken(t, r)
		wantVerdict(t, r, Pass)
		if got := faultCheck(t, r, "flap"); got != "pass: 1 time, 9 of 9 connections" {
			t.Error(got)
		}
		if n := len(s.conns); n != 18 {
			t.Errorf("%d connections in all, want each client's twice", n)
		}
		if v := r.Verify[0]; v.Lost != 0 || v.Expected < 8*80 || v.Expected > 8*96 {
			t.Errorf("expected %d, lost %d", v.Expected, v.Lost)
		}
	})
}

// TestBlackhole leaves connections in silence: what a writer sends into it is
// not the server's loss, nor is what readers don't hear.
func TestBlackhole(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &fakeServer{delay: time.Millisecond}
		r := bench(t, s, faultScenario(`  - { at: 3s, name: hole, do: dropConnections, how: blackhole, for: 4s }`))
		wantBroken(t, r)
		if v := r.Verify[0]; v.Lost != 0 || v.Expected > 8*30 {
			t.Errorf("expected %d, lost %d", v.Expected, v.Lost)
		}
		if m := metric(t, r, AckTimeouts, LabelEvent, "say"); m.Count != 0 {
			t.Errorf("%d acks are held against the server", m.Count)
		}
		if ev := r.Faults[0].Events[0]; ev.End-ev.Start != 4*time.Second || ev.Hit != 9 {
			t.Errorf("%+v", ev)
		}
		for _, c := range s.conns {
			if c.broken != " blackhole reset" {
				t.Errorf("a connection was broken by%s", c.broken)
			}
		}
	})
}

func TestFaultsThatHitNobody(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, fault, want, detail string }{
		{"a share below one", `{ at: 1s, name: f, do: dropConnections, clients: readers, share: 1% }`, "fail: hit nobody", "1% of 8 connections is less than one"},
		{"nobody is there", `{ at: 1us, name: f, do: dropConnections }`, "fail: hit nobody", "no client was connected"},
		{"the run is over", `{ at: 15s, name: f, do: dropConnections }`, "fail: never happened", "due after 15s"},
		{"a quiet proxy", `{ at: 1s, name: f, proxy: { target: pod-a, slowClose: 1s, for: 1s } }`, "fail: hit nobody", "nothing of 9 connections"},
		{"nobody at the pod", `{ at: 1us, name: f, kill: pod-a }`, "fail: hit nobody", "no client was connected"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := newFakeDriver()
				d.touches = 0
				r := bench(t, &fakeServer{delay: time.Millisecond}, faultScenario("  - "+tc.fault), func(o *Options) { o.Faults = d })
				wantVerdict(t, r, Fail)
				if got := faultCheck(t, r, "f"); got != tc.want {
					t.Errorf("got %q, want %q", got, tc.want)
				}
				for _, c := range r.Checks {
					if c.Kind == "fault" && !strings.Contains(c.Detail, tc.detail) {
						t.Errorf("detail %q does not say %q", c.Detail, tc.detail)
					}
				}
			})
		})
	}
}

func TestExec(t *testing.T) {
	t.Parallel()
	const f = `  - { at: 2s, name: f, exec: stop it, undo: start it, for: 3s }`
	const open = `  - { at: 2s, name: f, exec: stop it, undo: start it }`
	failed := errors.New("exit status 1: no such container")
	for _, tc := range []struct {
		name, fault   string
		execErr, undo error
		interrupt     time.Duration
		verdict       Verdict
		check         string
		log           []string
	}{
		{name: "for a while", fault: f, verdict: Pass, check: "pass: 1 time", log: []string{"2s exec stop it", "5s undo start it"}},
		{name: "until the end", fault: open, verdict: Pass, check: "pass: 1 time", log: []string{"2s exec stop it", "9.92s undo start it"}},
		{name: "interrupted", fault: f, interrupt: 3 * time.Second, verdict: Interrupted, check: "pass: 1 time", log: []string{"2s exec stop it", "3s undo start it"}},
		{name: "without undo", fault: `  - { at: 2s, name: f, exec: stop it }`, verdict: Pass, check: "pass: 1 time", log: []string{"2s exec stop it"}},
		{name: "the command fails", fault: f, execErr: failed, verdict: Inconclusive, check: "inconclusive: 1 time", log: []string{"2s exec stop it", "5s undo start it"}},
		{name: "the undo fails", fault: f, undo: failed, verdict: Inconclusive, check: "inconclusive: 1 time", log: []string{"2s exec stop it", "5s undo start it"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := newFakeDriver()
				d.execErr, d.undoErr = tc.execErr, tc.undo
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if tc.interrupt > 0 {
					time.AfterFunc(tc.interrupt, cancel)
				}
				r := benchContext(ctx, t, &fakeServer{delay: time.Millisecond}, faultScenario(tc.fault), func(o *Options) { o.Faults = d })
				wantVerdict(t, r, tc.verdict)
				if got := faultCheck(t, r, "f"); got != tc.check {
					t.Errorf("got %q, want %q", got, tc.check)
				}
				wantLog(t, d, tc.log...)
				ev := r.Faults[0].Events[0]
				if tc.execErr != nil && ev.Error != failed.Error() || ev.Output != "done it" {
					t.Errorf("%+v", ev)
				}
				if tc.undo != nil && ev.Undo != failed.Error() {
					t.Errorf("%+v", ev)
				}
			})
		})
	}
}

func TestKill(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newFakeDriver()
		s := &fakeServer{delay: time.Millisecond}
		// The pod's end closes the readers' connections, two seconds later.
		time.AfterFunc(5*time.Second, func() {
			for _, c := range s.conns {
				if c.says == 0 {
					c.hangUp(rt.CloseInfo{By: rt.ByNetwork, Reason: "reset"}, 0)
				}
			}
		})
		r := bench(t, s, faultScenario(`  - { at: 3s, name: f, kill: pod-a, signal: TERM, restart: true, for: 4s }`), func(o *Options) { o.Faults = d })
		wantLog(t, d, "3s TERM pod-a", "7s revive pod-a")
		if got := faultCheck(t, r, "f"); got != "pass: 1 time, 9 of 9 connections" {
			t.Error(got)
		}
		if g := r.Groups[0]; g.Disconnected != 0 {
			t.Errorf("%d disconnects are held against the server", g.Disconnected)
		}
		wantBroken(t, r)
	})
}

func TestProxy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newFakeDriver()
		s := &fakeServer{delay: time.Millisecond}
		r := bench(t, s, faultScenario(`
  - { at: 2s, name: slow, proxy: { target: pod-a, latency: 200ms, jitter: 50ms, for: 4s } }
  - { at: 4s, name: narrow, proxy: { target: pod-a, bandwidth: 64KiB/s, latency: 1s } }
`), func(o *Options) { o.Faults = d })
		wantVerdict(t, r, Pass)
		wantLog(t, d,
			"2s pod-a:3000: latency 200ms ± 50ms",
			"4s pod-a:3000: latency 1.2s ± 50ms, bandwidth 64 KiB/s",
			"6s pod-a:3000: latency 1s, bandwidth 64 KiB/s",
			"9.92s pod-a:3000: ", // the end of the run
			"11.92s pod-a:3000: closed")
		for _, c := range s.conns {
			if c.via != "127.0.0.1:9000" {
				t.Errorf("a connection went by way of %q", c.via)
			}
		}
		if got := faultCheck(t, r, "slow"); got != "pass: 1 time, 1 of 9 connections" {
			t.Error(got)
		}
	})
}

func TestFaultsNeedADriver(t *testing.T) {
	t.Parallel()
	_, err := Run(t.Context(), plan(t, faultScenario(`  - { at: 1s, kill: redis }`)), Options{Dialer: &fakeServer{}})
	if rt.KindOf(err) != rt.KindUsage || !strings.Contains(err.Error(), "no driver of faults") {
		t.Errorf("got %v", err)
	}
}

// TestFaultAfterTheEnd is refused before anything runs.
func TestFaultAfterTheEnd(t *testing.T) {
	t.Parallel()
	s, diags := Parse("test.yaml", []byte(faultScenario(`  - { at: 10m, name: late, do: dropConnections }`)), nil)
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	_, err := Compile(s, CompileOptions{})
	if lint := s.CheckFaults(); lint == nil || lint.Error() != err.Error() {
		t.Errorf("lint says %v, a run %v", lint, err)
	}
	if err == nil || !strings.Contains(err.Error(), "fault late never happens: it is due after 10m0s") {
		t.Errorf("got %v", err)
	}
	if s, _ := Parse("test.yaml", []byte(faultScenario(`  - { at: 1s, kill: pod-7 }`)), nil); s.CheckFaults() != nil {
		t.Error("lint wants to know gateways that a run may start")
	}
	p := plan(t, faultScenario(`  - { at: 15s, name: late, do: dropConnections }`))
	if len(p.Warnings) != 1 || !strings.Contains(p.Warnings[0], "fault late is due after 15s") {
		t.Errorf("warnings %q", p.Warnings)
	}
}
