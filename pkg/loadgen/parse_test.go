package loadgen

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/internal/nearest"
	"github.com/realtime-toolkit/rtk/pkg/rt"
)

func everyKey(t *testing.T) *Scenario {
	t.Helper()
	src, err := os.ReadFile("testdata/good/every-key.yaml")
	if err != nil {
		t.Fatal(err)
	}
	sc, diags := Parse("testdata/good/every-key.yaml", src, testEnv)
	if diags != nil {
		t.Fatal(diags.Format())
	}
	return sc
}

func (s *Scenario) group(t *testing.T, name string) *Group {
	t.Helper()
	i := slices.IndexFunc(s.Groups, func(g *Group) bool { return g.Name == name })
	if i < 0 {
		t.Fatalf("no group %s", name)
	}
	return s.Groups[i]
}

func TestParseEveryKey(t *testing.T) {
	t.Parallel()
	sc := everyKey(t)
	got := map[string]any{
		"name": sc.Name, "seed": sc.Seed, "timeout": sc.Timeout,
		"secrets": slices.Sorted(slices.Values(sc.Secrets)),
	}
	want := map[string]any{
		"name": "every key", "seed": uint64(0x7f3a), "timeout": 10 * time.Minute,
		"secrets": []string{"0123456789abcdef0123456789abcdef", "Bearer header-secret", "fixed-token", "header-secret", "pass-word", "query-secret"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	var names []string
	for _, x := range sc.Targets {
		names = append(names, x.Name+" "+string(x.Protocol)+" "+x.Namespace+string(x.Framing))
	}
	if diff := cmp.Diff([]string{"api socketio /chat", "pod-1 socketio /", "pod-2 socketio /", "raw websocket raw", "stream sse ", "hook http "}, names); diff != "" {
		t.Error(diff)
	}

	probes := sc.group(t, "probes")
	if diff := cmp.Diff(&HandshakeExpect{
		AcceptedWithin: 2 * time.Second, RejectedAt: []rt.Stage{rt.StageUpgrade, rt.StageNamespace}, RejectedStatus: []int{401, 403},
		RejectedWithin: 2 * time.Second, NoEventsBefore: true, SocketClosedWithin: 5 * time.Second,
	}, probes.Expect, cmp.FilterPath(func(p cmp.Path) bool { f := p.Last().String(); return f == ".Pos" || f == ".RejectedCode" }, cmp.Ignore())); diff != "" {
		t.Error(diff)
	}
	if c := probes.Expect.RejectedCode; len(c) != 2 || !c[1].Match([]byte("JWT expired")) || !c[0].Match([]byte("unauthorized")) {
		t.Error("codes do not match")
	}
	var axes []string
	for _, a := range probes.Matrix {
		axes = append(axes, a.Name+"="+strings.Join(axisNames(a), "|"))
	}
	if diff := cmp.Diff([]string{"transport=websocket|polling", "place=auth.token|cookie.session", "colour=red|green", "case=valid|defect|short|raw"}, axes); diff != "" {
		t.Error(diff)
	}
	cases := probes.Matrix[3].Values
	if cases[1].Auth.Defect != DefectExpired || cases[2].Expect.Within != 6*time.Second || cases[2].Auth.Place != "query.t" || cases[3].Auth.Profile.Raw != "not.a.jwt" {
		t.Errorf("cases are wrong: %+v", cases)
	}
	if len(probes.Exclude) != 1 || probes.Exclude[0].Reason != "browsers send none" {
		t.Errorf("exclusions are wrong: %+v", probes.Exclude)
	}
	if _, has := sc.Auth["member"].JWT.Claims["aud"]; has {
		t.Error("a claim without a value was made")
	}

	var steps []string
	pods := sc.group(t, "pods")
	for _, s := range pods.Flow {
		steps = append(steps, s.Name)
	}
	if diff := cmp.Diff([]string{"join", "emit bare", "everybody", "emit say", "emit burst", "finished", "pause", "three", "on *", "on message"}, steps); diff != "" {
		t.Error(diff)
	}
	join, say, burst := pods.Flow[0].Emit, pods.Flow[3].Emit, pods.Flow[4].Emit
	if got := string(join.Args[1].Append(nil, &someVars)); got != `{"n":1.5,"yes":true,"no":null,"list":[1,"7"]}` {
		t.Errorf("arguments are %s", got)
	}
	if say.Schedule != (Schedule{Rate: 20, For: 5 * time.Second}) || !say.Marker || say.Ack.Within != DefaultStepWithin || len(say.Outcome) != 3 || !say.Outcome[2].AnyOf[0].AnyAck {
		t.Errorf("say is %+v", say)
	}
	if burst.Schedule != (Schedule{TotalRate: 10, Count: 10}) || !burst.Marker {
		t.Errorf("burst is %+v", burst)
	}
	if on := pods.Flow[9].On; !on.UntilEnd || string(on.Path.Find([]byte(`{"text":["m"]}`))) != `"m"` {
		t.Errorf("on is %+v", on)
	}
	if frame := sc.group(t, "frames").Flow[0].Emit; string(frame.Args[0].Append(nil, &someVars)) != "rtk1.k3f.2.7.x as it is" {
		t.Error("a raw frame is not sent as it is")
	}
	if c := sc.group(t, "readers").Connect; c.Proto != "h2" || c.Status != 200 || c.ContentType != "text/event-stream" || c.FirstByteWithin != time.Second || c.LastEventID != "42" {
		t.Errorf("connect is %+v", c)
	}
	put := sc.group(t, "writer").Flow[1].Publish
	if got := string(put.JSON.Append(nil, &someVars)); got != `{"text": "rtk1.k3f.2.7.x", "n": 3}` || !put.Marker || put.Status[0] != 204 {
		t.Errorf("publish is %+v, body %s", put, got)
	}
	if at := pods.Flow[3].Pos.String(); at != "testdata/good/every-key.yaml:71:9" {
		t.Errorf("step at %s", at)
	}
	if v := sc.Verify[2]; !v.Nothing || v.Guarantee != "" {
		t.Errorf("isolation is %+v", v)
	}
	if v := sc.Verify[1]; v.Guarantee != ExactlyOnce || v.Order != OrderNone {
		t.Errorf("defaults of verify are %+v", v)
	}
}

func TestLoadKeys(t *testing.T) {
	t.Parallel()
	sc := everyKey(t)
	var asked string
	if err := sc.LoadKeys(func(path string) ([]byte, error) { asked = path; return []byte("pem"), nil }); err != nil {
		t.Fatal(err)
	}
	if asked != filepath.Join("testdata", "good", "keys", "dev.pem") || string(sc.Auth["signed"].JWT.Key) != "pem" {
		t.Errorf("asked for %s", asked)
	}
	sc = everyKey(t)
	if err := sc.LoadKeys(func(string) ([]byte, error) { return nil, os.ErrNotExist }); err == nil || !strings.Contains(err.Error(), `"signed"`) {
		t.Errorf("error %v", err)
	}
}

// A value from the environment is text within one value, whatever it looks
// like.
func TestEnvironmentCannotInjectStructure(t *testing.T) {
	t.Parallel()
	src := `
version: 1
targets: { api: { url: "http://x", protocol: socketio } }
clients:
  a:
    flow:
      - emit: x
        args: ["${EVIL}", { a: "${EVIL}" }]
      - emit: y
        data:
          plain: ${EVIL}
          number: ${NUMBER}
          quoted: "${NUMBER}"
          escaped: $${EVIL}
          twice: "${INDIRECT}"
`
	evil := "x\", \"b\": [1]}\n  - emit: z\n# "
	sc, diags := Parse("x.yaml", []byte(src), func(n string) (string, bool) {
		v, ok := map[string]string{"EVIL": evil, "NUMBER": "5", "INDIRECT": "${EVIL}"}[n]
		return v, ok
	})
	if diags != nil {
		t.Fatal(diags.Format())
	}
	if n := len(sc.Groups[0].Flow); n != 2 {
		t.Fatalf("%d steps", n)
	}
	var got any
	if err := json.Unmarshal(sc.Groups[0].Flow[1].Emit.Args[0].Append(nil, &someVars), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"plain": evil, "number": 5.0, "quoted": "5", "escaped": "${EVIL}", "twice": "${EVIL}"}
	if diff := cmp.Diff(any(want), got); diff != "" {
		t.Error(diff)
	}
}

// Input that is made to exhaust the parser is refused quickly.
func TestHostileFiles(t *testing.T) {
	t.Parallel()
	bomb := "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
	for _, n := range []string{"1", "2", "3", "4", "5", "6", "7", "8", "9"} {
		prev := string(n[0] - 1)
		ref := "*a" + prev
		bomb += "a" + n + ": &a" + n + " [" + strings.Repeat(ref+",", 9) + ref + "]\n"
	}
	for _, tt := range []struct{ name, src, want string }{
		{"too large", strings.Repeat("#", maxSource+1), "larger than 1 MiB"},
		{"alias bomb", bomb, "more than 200000 values"},
		{"flow nesting", strings.Repeat("[", 500_000), "nested deeper"},
		{"flow nesting of mappings", "a: " + strings.Repeat("{a: ", 100_000), "nested deeper"},
		{"compact nesting", strings.Repeat("- ", 500_000), "nested deeper"},
		{"tags", "a: " + strings.Repeat("!a ", 300_000), "nested deeper"},
		{"anchors", "a: " + strings.Repeat("&a ", 300_000), "not valid YAML"},
		{"keys", strings.Repeat("? ", 300_000), "nested deeper"},
		{"references", "version: 1\nname: \"" + strings.Repeat("${A:-", 1000) + strings.Repeat("}", 1000) + "\"", "${ without }"},
		{"one long line", "{version: 1, x: [" + strings.Repeat("a, ", 190_000) + "b]}", "unknown key"},
		{"one long mapping", "{" + longMapping(90_000) + "}", "more errors"},
		{"many groups", "version: 1\ntargets: {a: {url: \"http://x\", protocol: socketio}}\nclients: {" + longMapping(50_000) + "}", "more than 1000 entries"},
		{"wrong throughout", "version: 1\n" + manyKeys(5000), "and "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			_, diags := Parse("x.yaml", []byte(tt.src), nil)
			took := time.Since(start)
			t.Logf("%d bytes in %v", len(tt.src), took)
			if took > 20*time.Second {
				t.Errorf("took %v", took)
			}
			if !diags.HasErrors() || len(diags) > maxDiagnostics+1 {
				t.Fatalf("%d diagnostics", len(diags))
			}
			if !strings.Contains(diags.Error(), tt.want) {
				t.Errorf("want %q, got %s", tt.want, clip(diags.Error(), 500))
			}
		})
	}
}

func longMapping(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "k%d: 1, ", i)
	}
	return b.String()
}

func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("key" + string(rune('a'+i%26)) + strings.Repeat("x", i/26%50) + string(rune('a'+i/1300)) + ": 1\n")
	}
	return b.String()
}

func TestSuggestions(t *testing.T) {
	t.Parallel()
	words := []string{"expiresIn", "secret", "claims", "alg"}
	for got, want := range map[string]string{
		"expireIn": "expiresIn", "expires_in": "expiresIn", "EXPIRESIN": "expiresIn", "scret": "secret", "sercet": "secret", "claim": "claims",
		"wholly different": "", "": "", strings.Repeat("x", 1000): "",
	} {
		if near := nearest.Word(got, words); near != want {
			t.Errorf("%q: suggested %q, want %q", got, near, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/good/*.yaml", "testdata/bad/*.yaml", "../../scenarios/*.yaml"} {
		files, _ := filepath.Glob(pattern)
		for _, file := range files {
			src, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(src)
		}
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		sc, diags := Parse("x.yaml", src, testEnv)
		if (sc == nil) != diags.HasErrors() {
			t.Fatalf("scenario %v with %d diagnostics", sc != nil, len(diags))
		}
		for _, d := range diags {
			if d.Line < 1 || d.Column < 1 || d.Message == "" {
				t.Fatalf("diagnostic without a place: %+v", d)
			}
			d.Format()
		}
		if sc == nil {
			return
		}
		for _, g := range sc.Groups {
			if len(g.Targets) == 0 || g.Count < 1 {
				t.Fatalf("group %+v", g)
			}
			for _, s := range g.Flow {
				if s.Emit != nil {
					for _, a := range s.Emit.Args {
						a.Append(nil, &someVars)
					}
				}
			}
		}
	})
}
