package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/internal/rttest"
)

// phased ramps clients up and down at a gateway, and scrapes it.
const phased = `version: 1
name: phases
targets: { api: { url: "${URL}", protocol: socketio, namespace: /chat } }
phases:
  - { name: up, rampTo: 60, over: 2s }
  - { name: hold, for: "${HOLD:-3s}" }
  - { name: down, rampTo: 0, over: 2s }
scrape:
  api: { url: "${ADMIN}/metrics", every: 500ms, keep: ["/^rtk_/"] }
checkpoint: { every: 500ms, file: "${CHECKPOINT}" }
clients:
  herd:
    flow:
      - { emit: join, args: [{ room: lobby }], ack: {} }
      - { on: message, at: $.text, until: end }
  publisher:
    connect: { rate: 10/s }
    flow:
      - { emit: join, args: [{ room: lobby }], ack: {} }
      - { emit: message, args: [{ room: lobby, text: "{{marker}}" }], rate: 10/s, ack: {} }
verify:
  lobby: { from: publisher, to: herd, settle: 1s }
thresholds:
  delivery_lost{phase=hold}: count == 0
  delivery_latency{phase=hold}: p99 < 10s
  disconnects_unplanned: count == 0
  server.rtk_clients{phase=hold}: max >= 60
  server.rtk_clients{phase=down}: last < 5
  server.rtk_messages_received_total: increase > 20
`

// TestPhases runs it to its end, and kills another run in the middle: the
// checkpoint is there, whole, and says that it is partial.
func TestPhases(t *testing.T) {
	bin := rttest.Binary(t, false)
	g := rttest.Serve(t, bin, nil, "--throttle", "1000/s")
	dir := t.TempDir()
	file, out, saved := filepath.Join(dir, "phases.yaml"), filepath.Join(dir, "out.json"), filepath.Join(dir, "run.ckpt.json")
	if err := os.WriteFile(file, []byte(phased), 0o644); err != nil {
		t.Fatal(err)
	}
	args := []string{"bench", file, "--set", "URL=" + g.URL, "--set", "ADMIN=" + g.Admin, "--set", "CHECKPOINT=" + saved, "--report", out}

	p := rttest.Start(t, nil, bin, args...)
	if code := p.Wait(t, time.Minute); code != 0 && code != 4 {
		t.Errorf("exit code %d\n%s", code, p.Stderr())
	}
	whole := readRun(t, out)
	if whole.Partial || len(whole.Windows) != 3 || len(whole.Scrapes) != 1 || len(whole.Scrapes[0].Series) < 5 {
		t.Errorf("report: partial %t, windows %v, %d scrapes\n%s", whole.Partial, whole.Windows, len(whole.Scrapes), p.Stderr())
	}
	peak := 0
	for _, x := range whole.Timeline {
		peak = max(peak, x.Open)
	}
	if peak < 55 || peak > 61 {
		t.Errorf("at most %d connections, want 61", peak)
	}
	if last := readRun(t, saved); last.Partial || last.Verdict != whole.Verdict {
		t.Errorf("the last checkpoint is partial %t, %s; want the whole report", last.Partial, last.Verdict)
	}

	if err := os.Remove(saved); err != nil {
		t.Fatal(err)
	}
	p = rttest.Start(t, nil, bin, append(args, "--set", "HOLD=60s")...)
	deadline := time.Now().Add(30 * time.Second)
	for {
		if b, err := os.ReadFile(saved); err == nil {
			if err := json.Unmarshal(b, new(any)); err != nil {
				t.Fatalf("a checkpoint that is not whole: %v", err)
			}
			if r := readRun(t, saved); len(r.Timeline) >= 2 {
				break
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("no checkpoint came")
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err := p.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	p.Wait(t, 30*time.Second)
	left := readRun(t, saved)
	if !left.Partial || left.Verdict != "interrupted" || !strings.Contains(left.Reason, "went on") || len(left.Windows) == 0 {
		t.Errorf("after the kill the checkpoint is partial %t, %s (%s), windows %v", left.Partial, left.Verdict, left.Reason, left.Windows)
	}
}

type phasesRun struct {
	Verdict, Reason string
	Partial         bool
	Windows         []struct{ Kind, Name string }
	Timeline        []struct{ Open int }
	Scrapes         []struct{ Series []struct{ Name string } }
}

func readRun(t *testing.T, file string) phasesRun {
	t.Helper()
	var doc struct{ Runs []phasesRun }
	b, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(b, &doc)
	}
	if err != nil || len(doc.Runs) != 1 {
		t.Fatalf("%s: %d runs, %v", file, len(doc.Runs), err)
	}
	return doc.Runs[0]
}
