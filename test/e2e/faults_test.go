package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/internal/rttest"
)

// faultRun is what these tests read of a run with faults.
type faultRun struct {
	Verdict string `json:"verdict"`
	Reason  string `json:"reason"`
	Targets []struct {
		URL string `json:"url"`
	} `json:"targets"`
	Faults []struct {
		Name           string `json:"name"`
		Times, Hit, Of int
		Events         []struct {
			Start       float64 `json:"start_s"`
			End         float64 `json:"end_s"`
			Undo, Error string
		}
	} `json:"faults"`
}

// scenarioFile writes a scenario to a file.
func scenarioFile(t *testing.T, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "faults.rtk.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (r *faultRun) read(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct{ Runs []faultRun }
	if err := json.Unmarshal(b, &doc); err != nil || len(doc.Runs) != 1 {
		t.Fatalf("result: %v, %d runs", err, len(doc.Runs))
	}
	*r = doc.Runs[0]
}

// until waits for something that another process does.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// connections asks a gateway how many clients it has.
func connections(t *testing.T, g *rttest.Gateway) int {
	t.Helper()
	resp, err := http.Get(g.Admin + "/stats")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var s struct{ Clients struct{ Total int } }
	if err := json.NewDecoder(resp.Body).Decode(&s); err != nil {
		t.Fatal(err)
	}
	return s.Clients.Total
}

// TestDroppedConnections asks for a quarter of the connections of each kind and
// counts with the gateway how many are gone.
func TestDroppedConnections(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"reset", "fin"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			g := rttest.Serve(t, rttest.Binary(t, false), nil)
			out := filepath.Join(t.TempDir(), "result.json")
			file := scenarioFile(t, strings.ReplaceAll(`
version: 1
targets:
  sio: { url: "URL/socket.io/", protocol: socketio, namespace: /chat }
  poll: { url: "URL/socket.io/", protocol: socketio, namespace: /chat, transports: [polling] }
  ws: { url: "URL/ws", protocol: websocket }
  sse: { url: "URL/events?topic=ticker", protocol: sse }
clients:
  sio: { count: 16, target: sio, flow: [{ wait: 6s }, { on: "*", until: end }] }
  poll: { count: 8, target: poll, flow: [{ wait: 6s }, { on: "*", until: end }] }
  ws: { count: 12, target: ws, flow: [{ wait: 6s }, { on: "*", until: end }] }
  sse: { count: 12, target: sse, flow: [{ wait: 6s }, { on: "*", until: end }] }
faults:
  - { at: 2s, name: sio, do: dropConnections, clients: sio, share: 25%, how: HOW }
  - { at: 2s, name: poll, do: dropConnections, clients: poll, share: 25%, how: HOW }
  - { at: 2s, name: ws, do: dropConnections, clients: ws, share: 25%, how: HOW }
  - { at: 2s, name: sse, do: dropConnections, clients: sse, share: 25%, how: HOW }
`, "URL", g.URL))
			b, _ := os.ReadFile(file)
			_ = os.WriteFile(file, []byte(strings.ReplaceAll(string(b), "HOW", how)), 0o600)
			p := rttest.Start(t, nil, rttest.Binary(t, false), "bench", "-q", "--report", out, file)
			until(t, "all are connected", func() bool { return connections(t, g) == 48 })
			until(t, "a quarter is gone", func() bool { return connections(t, g) == 36 })
			if code := p.Wait(t, time.Minute); code != 0 {
				t.Errorf("exit code %d\n%s", code, p.Stderr())
			}
			var r faultRun
			r.read(t, out)
			got := map[string]string{}
			for _, f := range r.Faults {
				got[f.Name] = fmt.Sprintf("%d of %d", f.Hit, f.Of)
			}
			want := map[string]string{"sio": "4 of 16", "poll": "2 of 8", "ws": "3 of 12", "sse": "3 of 12"}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
}

// podFaults breaks what rtk has started itself: the way to a pod, a pod, Redis.
const podFaults = `
version: 1
targets:
  pod: { url: "http://127.0.0.1:3000", protocol: socketio, namespace: /chat }
auth:
  member: { jwt: { alg: HS256, secret: "${JWT_SECRET}", claims: { sub: "user-{{client.index}}", aud: rtk-pods, iss: rtk-bench } } }
clients:
  readers:
    count: 8
    target: each
    auth: member
    reconnect: { policy: fixed, delay: 200ms }
    flow: [{ emit: join, args: [{ room: r }], ack: {} }, { barrier: ready }, { on: message, until: end }]
  writer:
    target: each
    auth: member
    reconnect: { policy: fixed, delay: 200ms }
    flow:
      - { emit: join, args: [{ room: r }], ack: {} }
      - { barrier: ready }
      - { emit: message, args: [{ room: r, text: "{{marker}}" }], rate: 10/s, for: 10s, ack: { within: 5s } }
verify:
  room: { from: writer, to: readers, guarantee: atMostOnce }
faults:
  - { at: 1s, name: hole, do: dropConnections, clients: readers, share: 50%, how: blackhole, for: 1s }
  - { at: 2500ms, name: lag, proxy: { target: pod-1, latency: 50ms, jitter: 10ms, for: 1s } }
  - { at: 4s, name: kill, kill: pod-1, restart: true, for: 500ms }
  - { at: 6s, name: freeze, kill: pod-0, signal: STOP, for: 500ms }
  - { at: 7500ms, name: redis, kill: redis, signal: TERM, restart: true, for: 500ms }
`

// TestPodFaults runs each fault at gateways that rtk starts, and looks that
// nothing of them is left.
func TestPodFaults(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "result.json")
	p := rttest.Start(t, []string{"JWT_SECRET=0123456789abcdef0123456789abcdef"}, rttest.Binary(t, false),
		"bench", "--progress", "none", "--report", out, scenarioFile(t, podFaults))
	code := p.Wait(t, 2*time.Minute)
	var r faultRun
	r.read(t, out)
	// The verdict is about what a cluster loses when Redis goes away; the faults
	// are this test's.
	if code != 0 && code != 99 && code != 4 {
		t.Errorf("exit code %d\n%s", code, p.Stderr())
	}
	type outcome struct {
		Hit, Of int
		Undo    string
	}
	got := map[string]outcome{}
	for _, f := range r.Faults {
		if f.Times != 1 || len(f.Events) != 1 || f.Events[0].Error != "" {
			t.Errorf("%+v", f)
			continue
		}
		got[f.Name] = outcome{f.Hit, f.Of, f.Events[0].Undo}
	}
	want := map[string]outcome{"hole": {8, 16, ""}, "lag": {9, 9, ""}, "kill": {9, 9, "done"}, "freeze": {9, 9, "done"}, "redis": {0, 0, "done"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s\n%s", d, p.Stderr())
	}
	for _, target := range r.Targets {
		u, err := url.Parse(target.URL)
		if err != nil {
			t.Fatal(err)
		}
		if nc, err := net.Dial("tcp", u.Host); err == nil {
			_ = nc.Close()
			t.Errorf("%s is still there", u.Host)
		}
	}
}

// TestProxyFaults disturbs the way to a gateway in each way that the proxy knows.
func TestProxyFaults(t *testing.T) {
	t.Parallel()
	g := rttest.Serve(t, rttest.Binary(t, false), nil)
	out := filepath.Join(t.TempDir(), "result.json")
	file := scenarioFile(t, strings.ReplaceAll(`
version: 1
targets:
  pod: { url: "URL/socket.io/", protocol: socketio, namespace: /chat }
clients:
  talkers:
    count: 8
    reconnect: { policy: fixed, delay: 100ms }
    flow:
      - { emit: join, args: [{ room: r }], ack: {} }
      - { barrier: ready }
      - { emit: message, args: [{ room: r, text: "hello, this is a text of some length" }], rate: 5/s, for: 9s, ack: { within: 5s } }
faults:
  - { at: 1s, name: bandwidth, proxy: { target: pod, bandwidth: 2KiB/s, for: 700ms } }
  - { at: 2s, name: blackhole, proxy: { target: pod, blackhole: both, for: 700ms } }
  - { at: 3s, name: halfOpen, proxy: { target: pod, halfOpen: server, for: 700ms } }
  - { at: 4s, name: refuse, proxy: { target: pod, refuse: true, for: 700ms } }
  - { at: 4100ms, name: drop, do: dropConnections, share: 50% }
  - { at: 5500ms, name: resetAfter, proxy: { target: pod, resetAfter: 500B, for: 1s } }
  - { at: 7s, name: slowClose, proxy: { target: pod, slowClose: 300ms, for: 700ms } }
  - { at: 7100ms, name: fin, do: dropConnections, share: 50%, how: fin }
`, "URL", g.URL))
	p := rttest.Start(t, nil, rttest.Binary(t, false), "bench", "-q", "--report", out, file)
	code := p.Wait(t, time.Minute)
	var r faultRun
	r.read(t, out)
	if code != 0 && r.Verdict != "inconclusive" {
		t.Errorf("exit code %d: %s\n%s", code, r.Reason, p.Stderr())
	}
	for _, f := range r.Faults {
		if f.Times != 1 || f.Hit == 0 || f.Name == "halfOpen" && f.Hit != 8 {
			t.Errorf("%s happened %d times and hit %d of %d", f.Name, f.Times, f.Hit, f.Of)
		}
	}
	if len(r.Faults) != 8 {
		t.Errorf("%d faults", len(r.Faults))
	}
}

// undoScenario switches something off and on again in a minute.
func undoScenario(t *testing.T, g *rttest.Gateway) (file, off, on string) {
	dir := t.TempDir()
	off, on = filepath.Join(dir, "off"), filepath.Join(dir, "on")
	return scenarioFile(t, fmt.Sprintf(`
version: 1
targets:
  ws: { url: "%s/ws", protocol: websocket }
clients:
  idle: { flow: [{ wait: 1m }] }
faults:
  - { at: 200ms, name: off, exec: "touch %s", undo: "touch %s", for: 1m }
`, g.URL, off, on)), off, on
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// TestUndo ends a run in the middle of a fault, in each way in which a process
// ends.
func TestUndo(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		signal os.Signal
		twice  bool
	}{{"SIGINT", os.Interrupt, false}, {"SIGINT twice", os.Interrupt, true}, {"SIGTERM", syscall.SIGTERM, false}, {"SIGKILL", syscall.SIGKILL, false}} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			g := rttest.Serve(t, rttest.Binary(t, false), nil)
			file, off, on := undoScenario(t, g)
			p := rttest.Start(t, nil, rttest.Binary(t, false), "bench", "--progress", "none", "--grace", "0s", file)
			until(t, "the fault has begun", func() bool { return exists(off) })
			if exists(on) {
				t.Fatal("it was undone before the end")
			}
			_ = p.Signal(tc.signal)
			if tc.twice {
				_ = p.Signal(tc.signal)
			}
			p.Wait(t, time.Minute)
			until(t, "it is undone", func() bool { return exists(on) })
		})
	}
}

// TestFaultsAreChecked checks that what can't work is refused before anything
// runs.
func TestFaultsAreChecked(t *testing.T) {
	t.Parallel()
	const base = "version: 1\ntargets: { ws: { url: \"http://127.0.0.1:1/ws\", protocol: websocket } }\nclients: { idle: { flow: [{ wait: 1s }] } }\nfaults:\n"
	for _, tc := range []struct{ name, fault, want string }{
		{"not started by rtk", "  - { at: 500ms, kill: ws }\n", "so it can't kill it"},
		{"no such process", "  - { at: 500ms, kill: { pid: 4194303 } }\n", "there is no process 4194303"},
		{"never happens", "  - { at: 1h, do: dropConnections }\n", "never happens"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := rttest.Start(t, nil, rttest.Binary(t, false), "bench", "-q", "--target", "ws://127.0.0.1:1/ws", scenarioFile(t, base+tc.fault))
			if code := p.Wait(t, time.Minute); code != 2 || !strings.Contains(p.Stderr(), tc.want) {
				t.Errorf("exit code %d\n%s", code, p.Stderr())
			}
		})
	}
}
