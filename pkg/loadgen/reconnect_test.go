package loadgen

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/internal/rttest"
	"github.com/realtime-toolkit/rtk/pkg/rt"
)

func TestReconnectDelays(t *testing.T) {
	t.Parallel()
	sio := Reconnect{Policy: ReconnectSocketIO, InitialDelay: time.Second, MaxDelay: 5 * time.Second, Jitter: 0.5}
	flat := sio
	flat.Jitter = 0
	es := Reconnect{Policy: ReconnectEventSource, Delay: 3 * time.Second, HonourRetry: true}
	own := es
	own.HonourRetry = false
	tests := []struct {
		name   string
		r      Reconnect
		random float64
		retry  time.Duration
		want   []time.Duration // of the attempts from the first on
	}{
		{"socketio, even digit: shorter", sio, 0.4, 0, ms(800, 1600, 3200, 5000, 5000)},
		{"socketio, odd digit: longer", sio, 0.5, 0, ms(1250, 2500, 5000, 5000, 5000)},
		{"socketio without jitter", flat, 0.7, 0, ms(1000, 2000, 4000, 5000, 5000)},
		{"eventsource", es, 0.7, 0, ms(3000, 3000, 3000)},
		{"eventsource that was told", es, 0.7, 700 * time.Millisecond, ms(700, 700, 700)},
		{"eventsource that does not listen", own, 0.7, 700 * time.Millisecond, ms(3000, 3000)},
		{"immediate", Reconnect{Policy: ReconnectImmediate}, 0.7, 0, ms(0, 100, 100)},
		{"fixed", Reconnect{Policy: ReconnectFixed, Delay: 2 * time.Second}, 0.7, time.Second, ms(2000, 2000)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []time.Duration
			for i := range tt.want {
				got = append(got, tt.r.wait(i, tt.retry, tt.random))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func ms(n ...int) []time.Duration {
	out := make([]time.Duration, len(n))
	for i, v := range n {
		out[i] = time.Duration(v) * time.Millisecond
	}
	return out
}

// The delays are those of npm's socket.io-client for the same random numbers.
func TestBackoffIsThatOfTheNodeClient(t *testing.T) {
	t.Parallel()
	module := rttest.NodeFile(t, "node_modules/socket.io-client/build/cjs/contrib/backo2.js")
	r := rand.New(rand.NewPCG(1, 2))
	type row struct {
		Min, Max int64
		Jitter   float64
		Random   []float64
	}
	var rows []row
	for _, min := range []int64{1, 100, 1000, 1500} {
		for _, jitter := range []float64{0, 0.1, 0.5, 1} {
			x := row{Min: min, Max: 5000, Jitter: jitter}
			for range 12 {
				x.Random = append(x.Random, r.Float64())
			}
			rows = append(rows, x)
		}
	}
	in, err := json.Marshal(rows)
	if err != nil {
		t.Fatal(err)
	}
	script := `const { Backoff } = require(process.argv[1]);
console.log(JSON.stringify(JSON.parse(process.argv[2]).map((x) => {
  const b = new Backoff({ min: x.Min, max: x.Max, jitter: x.Jitter });
  return x.Random.map((r) => { Math.random = () => r; return b.duration(); });
})));`
	out, err := exec.Command("node", "-e", script, module, string(in)).Output()
	if err != nil {
		t.Fatal(err)
	}
	var want [][]int64
	if err := json.Unmarshal(out, &want); err != nil {
		t.Fatal(err)
	}
	for i, x := range rows {
		for n, random := range x.Random {
			got := backoff(time.Duration(x.Min)*time.Millisecond, time.Duration(x.Max)*time.Millisecond, x.Jitter, n, random)
			if got.Milliseconds() != want[i][n] {
				t.Errorf("min %d, jitter %g, attempt %d, random %g: %d ms, the Node client waits %d", x.Min, x.Jitter, n, random, got.Milliseconds(), want[i][n])
			}
		}
	}
}

func TestWhatIsNotRetried(t *testing.T) {
	t.Parallel()
	left := rt.CloseInfo{By: rt.ByPeer, Reason: "io server disconnect"}
	closed := rt.CloseInfo{By: rt.ByPeer, Reason: "transport close"}
	namespace := &rt.Error{Kind: rt.KindRejected, Stage: rt.StageNamespace}
	upgrade := &rt.Error{Kind: rt.KindRejected, Stage: rt.StageUpgrade, Status: 401}
	busy := &rt.Error{Kind: rt.KindUnreachable, Stage: rt.StageUpgrade, Status: 503}
	gone := &rt.Error{Kind: rt.KindUnreachable}
	want := map[ReconnectPolicy]string{
		ReconnectSocketIO:    "left=false closed=true namespace=false upgrade=true busy=true gone=true",
		ReconnectEventSource: "left=true closed=true namespace=true upgrade=false busy=false gone=true",
		ReconnectImmediate:   "left=true closed=true namespace=true upgrade=true busy=true gone=true",
		ReconnectFixed:       "left=true closed=true namespace=true upgrade=true busy=true gone=true",
	}
	for policy, line := range want {
		r := Reconnect{Policy: policy}
		got := fmt.Sprintf("left=%v closed=%v namespace=%v upgrade=%v busy=%v gone=%v", r.retries(left), r.retries(closed),
			r.retriesRefused(namespace), r.retriesRefused(upgrade), r.retriesRefused(busy), r.retriesRefused(gone))
		if got != line {
			t.Errorf("%s: %s, want %s", policy, got, line)
		}
	}
}

func TestSetupOfAFlow(t *testing.T) {
	t.Parallel()
	for flow, want := range map[string]int{
		"[{ barrier: b }, { emit: x }, { on: y, until: end }]":                     0,
		"[{ emit: x }, { wait: 1s }, { emit: y, ack: {} }, { on: y, until: end }]": 3,
		"[{ emit: x }, { expect: y }, { barrier: b }]":                             1,
		"[{ emit: x, rate: 1/s, for: 1s }, { emit: y }]":                           0,
		"[{ on: y, until: end }]":                                                  0,
	} {
		p := plan(t, head+"clients: { a: { target: api, flow: "+flow+" } }\n")
		if got := setupOf(p.Groups[0].Group); got != want {
			t.Errorf("%s: %d steps, want %d", flow, got, want)
		}
	}
}

func TestHerdAdvice(t *testing.T) {
	t.Parallel()
	herd := ReconnectReport{Lost: 100, Peak: 900}
	for _, tt := range []struct {
		name string
		p    Reconnect
		r    ReconnectReport
		want string
	}{
		{"no jitter", Reconnect{Policy: ReconnectSocketIO, InitialDelay: time.Second}, herd, "90 of 100 clients came back within the same 100 ms: without jitter the delays are all the same; jitter 0.5, the default of socket.io-client, spreads them over 1s"},
		{"with jitter", Reconnect{Policy: ReconnectSocketIO, Jitter: 0.5}, herd, ""},
		{"fixed", Reconnect{Policy: ReconnectFixed, Delay: 2 * time.Second}, herd, "90 of 100 clients came back within the same 100 ms: a jitter of 50 % on a delay of 2s spreads them to about 50/s"},
		{"eventsource", Reconnect{Policy: ReconnectEventSource}, herd, "90 of 100 clients came back within the same 100 ms: an EventSource has no jitter; send each stream another retry: time, or close streams a few at a time"},
		{"few", Reconnect{Policy: ReconnectFixed}, ReconnectReport{Lost: 10, Peak: 100}, ""},
		{"spread", Reconnect{Policy: ReconnectFixed}, ReconnectReport{Lost: 100, Peak: 100}, ""},
	} {
		if got := herdAdvice(&tt.p, &tt.r); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	if got := herdShape([]uint32{8, 4, 0, 1, 0}); got != "█▄ ▁" {
		t.Errorf("shape %q", got)
	}
}

func TestReconnectsInReports(t *testing.T) {
	t.Parallel()
	r := &Report{Started: time.Unix(0, 0), Verdict: Fail, Reconnects: []ReconnectReport{{
		Group: "herd", Policy: ReconnectFixed, Lost: 5000, Returned: 4998, Recovered: 12, Still: 2, Attempts: 5100, Failed: 102,
		P50: 1.2, P99: 4.9, Max: 6, Peak: 3000, Herd: []uint32{0, 300, 100, 0}, Advice: "spread them",
	}}}
	var text, page, doc bytes.Buffer
	for _, err := range []error{WriteText(&text, r, TextOptions{}), WriteHTML(&page, []*Report{r}, HTMLOptions{}), WriteJSON(&doc, []*Report{r})} {
		if err != nil {
			t.Fatal(err)
		}
	}
	const row = "herd: 5,000 lost   4,998 back   12 recovered   2 still disconnected   p50 1.2s   p99 4.9s   max 6s   peak 3,000/s"
	for _, want := range []string{"reconnect   " + row, " █▃    handshakes from the first loss on, 300ms", "! spread them"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("text has no %q:\n%s", want, text.String())
		}
	}
	if !strings.Contains(page.String(), "4,998 back") {
		t.Error("the page says nothing of reconnects")
	}
	for _, want := range []string{`"still_disconnected": 2`, `"recovered": 12`, `"advice": "spread them"`} {
		if !strings.Contains(doc.String(), want) {
			t.Errorf("JSON has no %s", want)
		}
	}
}
