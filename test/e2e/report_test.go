package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/loadgen"
	"github.com/realtime-toolkit/rtk/pkg/loadgen/hist"
)

// attackedReport has a bit of everything that the page shows, and texts of
// servers that try to take the page over.
func attackedReport(t *testing.T) *loadgen.Report {
	t.Helper()
	const attack = `</style></pre><script>document.title="owned"</script><img src=http://evil.example/x onerror=document.title="owned"><b id=owned style="color:red">`
	set := hist.NewSet(1)
	id := set.Add(hist.Fine)
	for i := range 1000 {
		set.Record(0, id, time.Duration(i*i)*time.Microsecond)
	}
	h := set.Read(id)
	hdr, err := h.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return &loadgen.Report{
		Scenario: attack, File: attack, Verdict: loadgen.Fail, Reason: attack, Started: time.Unix(1, 0), Duration: time.Minute,
		Targets: []loadgen.TargetReport{{Name: attack, URL: `javascript:alert(1)"><script>`, Protocol: "socketio"}},
		Groups:  []loadgen.GroupReport{{Name: attack, Planned: 5}},
		Checks:  []loadgen.Check{{Kind: "auth", Name: attack, Status: loadgen.CheckFail, Got: attack, Want: attack, Detail: attack}},
		Verify: []loadgen.VerifyReport{{
			Name: attack, Guarantee: loadgen.ExactlyOnce,
			Cells:  []loadgen.Cell{{From: attack, To: "b", Counts: loadgen.Counts{Expected: 9, Delivered: 8, Lost: 1}}},
			Losses: []loadgen.Loss{{From: attack, To: "b"}},
		}},
		Metrics: []loadgen.Metric{{Name: loadgen.DeliveryLatency, Kind: "latency", Unit: "s", Count: h.Count(), P50: 0.25, P99: 0.98, Max: h.Max(), HDR: hdr}},
		Errors:  []loadgen.ErrorCount{{Text: attack, Count: 3}},

		TimelineMetric: loadgen.DeliveryLatency,
		Timeline: []loadgen.TimelinePoint{
			{Elapsed: time.Second, Open: 5, SentRate: 7, RecvRate: 90_000, P99: 0.001},
			{Elapsed: time.Minute, Errors: 3, Lost: 1, P99: 1e-7},
		},
	}
}

// TestChromiumReport: the browser applies the style, whose hash the policy has
// to name, draws the charts, reports no breach of the policy and runs nothing
// of what the texts hold; dark and light differ.
func TestChromiumReport(t *testing.T) {
	t.Parallel()
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is missing: apt-get install chromium")
	}
	dir := t.TempDir()
	page := filepath.Join(dir, "report.html")
	f, err := os.Create(page)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := loadgen.WriteHTML(f, []*loadgen.Report{attackedReport(t), {Scenario: "b", Verdict: loadgen.Pass}}, loadgen.HTMLOptions{}); err != nil {
		t.Fatal(err)
	}
	// A frame that may look into the report, as the report itself has no
	// script. --allow-file-access-from-files is for that alone.
	const look = `<!DOCTYPE html><title>look</title><iframe id=f src="report.html" width=1000 height=800></iframe><pre id=out></pre><script>
const f = document.getElementById("f");
f.onload = () => {
	const d = f.contentDocument, css = (q, p) => f.contentWindow.getComputedStyle(d.querySelector(q))[p];
	const lines = [...d.querySelectorAll("polyline")];
	document.getElementById("out").textContent = JSON.stringify({
		owned: d.title === "owned" || !!d.getElementById("owned") || d.scripts.length + d.images.length > 0,
		collapse: css("table", "borderCollapse"),
		background: css("body", "backgroundColor"),
		charts: d.querySelectorAll("svg").length,
		inside: lines.length > 0 && lines.every(l => { const b = l.getBBox(); return b.x >= 0 && b.y >= 0 && b.x + b.width <= 900 && b.y + b.height <= 240; }),
		sections: d.querySelectorAll("section").length,
		overflow: d.documentElement.scrollWidth > 1000,
		resources: f.contentWindow.performance.getEntriesByType("resource").length,
	});
};
</script>`
	if err := os.WriteFile(filepath.Join(dir, "look.html"), []byte(look), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, flag, background string }{
		{"light", "--blink-settings=preferredColorScheme=1", "rgb(255, 255, 255)"},
		{"dark", "--blink-settings=preferredColorScheme=0", "rgb(13, 17, 23)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
			defer cancel()
			var out, stderr bytes.Buffer
			cmd := exec.CommandContext(ctx, chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
				"--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--allow-file-access-from-files", "--enable-logging=stderr", tt.flag,
				"--user-data-dir="+filepath.Join(dir, tt.name), "--dump-dom", "file://"+filepath.Join(dir, "look.html"))
			cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &stderr, 10*time.Second
			if err := cmd.Run(); err != nil {
				t.Fatalf("%v\n%s", err, &stderr)
			}
			m := regexp.MustCompile(`<pre id="out">([^<]*)</pre>`).FindSubmatch(out.Bytes())
			var got map[string]any
			if m == nil || json.Unmarshal(m[1], &got) != nil {
				t.Fatalf("no result from the page:\n%s\n%s", &out, &stderr)
			}
			want := map[string]any{
				"owned": false, "collapse": "collapse", "background": tt.background, "charts": 5.0, "inside": true, "sections": 2.0, "overflow": false, "resources": 0.0,
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if bytes.Contains(stderr.Bytes(), []byte("Content Security Policy")) {
				t.Errorf("the page breaks its own policy:\n%s", &stderr)
			}
		})
	}
}
