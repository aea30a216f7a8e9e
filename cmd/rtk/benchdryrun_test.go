package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/loadgen"
)

const dryScenario = `version: 1
name: dry
data: { users: { file: users.csv } }
targets:
  api: { url: "http://me:basic-pw@ADDR/?key=query-secret", protocol: socketio, namespace: /chat }
  hook: { url: "http://ADDR/api", protocol: http, headers: { Cookie: sid=cookie-secret } }
auth:
  row: { raw: "{{data.users.token}}", in: query.token }
clients:
  chatters:
    count: 3
    target: api
    auth: row
    matrix: { colour: [red, green] }
    exclude: [{ colour: green, reason: not today }]
    flow:
      - { emit: join, args: ["{{data.users.name}}", "{{matrix.colour}}"], ack: {} }
      - { emit: say, args: ["{{data.users.password}}"], rate: 2/s, for: 10s, ack: {} }
      - { exec: [no-such-program], as: sign }
  writer: { target: hook, flow: [{ publish: POST, path: /x, json: { n: "{{seq}}" } }] }
thresholds:
  ack_latency: p99 < 1s
`

// runDryOn plans the scenario against an address that nobody may connect to.
func runDryOn(t *testing.T, src string, args ...string) (stdout string, err error) {
	t.Helper()
	l, lerr := net.Listen("tcp", "127.0.0.1:0")
	if lerr != nil {
		t.Fatal(lerr)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if c, err := l.Accept(); err == nil {
			c.Close()
			t.Error("the dry run connected")
		}
	}()
	defer func() { l.Close(); <-done }()
	dir := t.TempDir()
	for name, text := range map[string]string{"dry.yaml": strings.ReplaceAll(src, "ADDR", l.Addr().String()), "users.csv": "name,password,token\nann,pass-1,to ken&1\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	env, out := lintEnv(nil)
	env.Machine = fstest.MapFS{portRangeFile: {Data: []byte("32768\t60999\n")}}
	err = execute(newBenchCmd(env), append([]string{"dry-run", filepath.Join(dir, "dry.yaml"), "--seed", "7"}, args...)...)
	return strings.ReplaceAll(strings.ReplaceAll(out.String(), l.Addr().String(), "ADDR"), dir+"/", ""), err
}

func TestDryRun(t *testing.T) {
	t.Parallel()
	got, err := runDryOn(t, dryScenario)
	if err != nil {
		t.Fatal(err)
	}
	limits := ""
	if _, rest, ok := strings.Cut(got, "files      132, "); ok {
		limits, _, _ = strings.Cut(rest, "\n")
	}
	want := `dry (dry.yaml), seed 7

length     at least 10s
clients    4, 3 connections
messages   64
ports      3 to ADDR, 19,762 at each of 1 source address: ok
files      132, ` + limits + `
threshold  ack_latency: p99 < 1s

chatters: 3 clients
  3 × red at api (socketio, http://ADDR/)
  skipped: green: not today
  client 0 writes
    GET /socket.io/?key=***&EIO=4&transport=websocket&token=***
      Authorization: Basic ***
      User-Agent: rtk/devel
    40/chat,
    # {emit: join, args: ["{{data.users.name}}", "{{matrix.colour}}"], ack: {}}   × 3 in the group
    42/chat,0["join","ann","red"]
    # {emit: say, args: ["{{data.users.password}}"], rate: 2/s, for: 10s, ack: {}}   × 60 in the group
    42/chat,1["say","***"]
    # {exec: [no-such-program], as: sign}

writer: 1 clients
  1 × hook (http, http://ADDR/api)
  client 0 writes
    # {publish: POST, path: /x, json: {n: "{{seq}}"}}   × 1 in the group
    POST /api/x
      Content-Type: application/json
      Cookie: ***
      User-Agent: rtk/devel
      {"n":"0"}
`
	if diff := cmp.Diff(want, strings.ReplaceAll(got, "rtk/"+version(), "rtk/devel")); diff != "" {
		t.Error(diff)
	}
}

func TestDryRunJSON(t *testing.T) {
	t.Parallel()
	got, err := runDryOn(t, dryScenario, "-o", "json")
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"basic-pw", "bWU6", "query-secret", "cookie-secret", "pass-1", "to+ken", "to%20ken"} {
		if strings.Contains(got, secret) {
			t.Errorf("%s got out", secret)
		}
	}
	var doc struct {
		Schema string
		Plans  []dryPlan
	}
	d := json.NewDecoder(strings.NewReader(got))
	d.DisallowUnknownFields()
	if err := d.Decode(&doc); err != nil {
		t.Fatal(err)
	}
	if doc.Schema != "rtk.bench.plan/v1" || len(doc.Plans) != 1 || doc.Plans[0].Messages != 64 || len(doc.Plans[0].Groups) != 2 || doc.Plans[0].Groups[0].Steps[1].Messages != 60 {
		t.Errorf("got %+v", doc)
	}
}

// A run that does not fit says what to do about it, with the exit code that the
// run would have.
func TestDryRunThatDoesNotFit(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		count int
		url   string
		text  string
		hint  string
	}{
		{30_000, "http://10.255.255.1:3000", "ports      30,000 to 10.255.255.1:3000, 19,762 at each of 2 source addresses: TOO MANY", `sysctl -w net.ipv4.ip_local_port_range="1024 65535"`},
		{60_000, "http://10.255.255.1:3000", "TOO MANY, spread the clients over more targets", "run from more machines"},
		{1_000_000, "http://ADDR", "TOO MANY, raise it with   ulimit -n 1000128", "ulimit -n 1000128"},
	} {
		src := fmt.Sprintf("version: 1\ntargets: { a: { url: %q, protocol: socketio } }\nclients: { g: { count: %d, flow: [{ wait: 1s }] } }\n", tt.url, tt.count)
		got, err := runDryOn(t, src)
		_, hard, lerr := descriptorLimits()
		if lerr != nil {
			t.Fatal(lerr)
		}
		if tt.count == 1_000_000 && hard > tt.count {
			continue // this machine has no such limit
		}
		var b bytes.Buffer
		printError(&b, err)
		if exitCode(err) != exitInconclusive || !strings.Contains(got, tt.text) || !strings.Contains(b.String(), tt.hint) {
			t.Errorf("%d clients: exit code %d, %s\n%s", tt.count, exitCode(err), b.String(), got)
		}
	}
}

func TestSourcePorts(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"32768 60999\n": 19_762, "1024 65535": 45_158, "nonsense": portsPerAddress, "5 1": portsPerAddress} {
		if got := sourcePorts(fstest.MapFS{portRangeFile: {Data: []byte(text)}}); got != want {
			t.Errorf("%q: %d ports, want %d", text, got, want)
		}
	}
	// A wider range is used by a run as well.
	plan := loadgen.Plan{Ports: map[string]int{"10.0.0.1:443": 30_000}}
	if _, err := checkBudget(&plan, 45_158); err != nil {
		t.Error(err)
	}
}
