package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/spf13/pflag"

	"github.com/realtime-toolkit/rtk/pkg/loadgen"
	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// tapeOptions say what is kept of the frames, and of which clients.
type tapeOptions struct {
	tape  string
	only  int
	trace bool
}

// Values of --tape beside a file.
const (
	tapeAuto = "auto"
	tapeNone = "none"
)

// maxTraced is how many clients a trace without --only-client may have.
const maxTraced = 20

func (o *tapeOptions) flags(f *pflag.FlagSet) {
	f.StringVar(&o.tape, "tape", tapeAuto, "write the last frames of the clients that failed, and of a healthy one, to `FILE`; auto writes rtk-bench-NAME-tape.ndjson where CI is set; none keeps no frames")
	f.IntVar(&o.only, "only-client", -1, "run client `N` alone, with one of each kind of its peers")
	f.BoolVar(&o.trace, "trace", false, "print every frame to stderr, of the client of --only-client or of a small scenario")
}

func (o *benchOptions) validateTape() error {
	if o.only < -1 {
		return usagef("--only-client %d: want the number of a client", o.only)
	}
	if o.only >= 0 && len(o.scenarios) != 1 {
		return usagef("--only-client: name the one scenario that has the client")
	}
	if o.tape != tapeAuto && o.tape != tapeNone {
		return checkWritable("--tape", []string{o.tape})
	}
	return nil
}

// keepsTape tells whether frames are recorded.
func (r *benchRun) keepsTape() bool {
	switch r.tape {
	case tapeNone:
		return false
	case tapeAuto:
		ci := strings.ToLower(r.env.Getenv("CI"))
		return ci != "" && ci != "0" && ci != "false"
	}
	return true
}

// onlyClient is the client to compile the plan for, nil for all.
func (r *benchRun) onlyClient() *int {
	if r.only < 0 {
		return nil
	}
	return &r.only
}

// tracer prints frames as they happen, one a line.
func (r *benchRun) tracer(plan *loadgen.Plan) (func(loadgen.TraceFrame), error) {
	if !r.trace {
		return nil, nil
	}
	if r.only < 0 && plan.Clients > maxTraced {
		return nil, hint(usagef("--trace: %d clients are too many to follow", plan.Clients), "add --only-client N; a report of a failed run names the clients that failed")
	}
	var mu sync.Mutex
	return func(f loadgen.TraceFrame) {
		if r.only >= 0 && f.Client != r.only {
			return
		}
		line := noCommands.Replace(traceLine(&f))
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintln(r.env.Stderr, line)
	}, nil
}

// traceLine is a frame in one line:
//
//	1.204s #17 subscribers[17]@pod-1 ← message [{"room":"lobby","text":"…"}]
func traceLine(f *loadgen.TraceFrame) string {
	arrow := map[rt.Direction]string{rt.In: "←", rt.Out: "→", rt.Local: "·"}[f.Dir]
	s := fmt.Sprintf("%9.4fs #%d %s[%d]@%s %s", f.At.Seconds(), f.Client, f.Group, f.Index, f.Target, arrow)
	if word := f.Word(); word != "" {
		s += " " + word
	}
	if f.Ack != rt.NoAck && f.Dir != rt.Local {
		s += " #" + strconv.FormatInt(f.Ack, 10)
	}
	if body := f.Text(); body != "" {
		s += " " + body
	}
	if f.Attachments > 0 {
		s += fmt.Sprintf(" +%d attachments", f.Attachments)
	}
	return s
}

// repeat is the command that makes a run again with its seed. Secrets are not in
// it: they come from where they came from.
func (r *benchRun) repeat(p *planned) string {
	args := []string{"rtk", "bench", p.name}
	for _, t := range r.benchOptions.targets {
		if x, err := rt.ParseTarget(t); err == nil && x.URL.User == nil && x.URL.RawQuery == "" {
			args = append(args, "--target", t)
		} else {
			args = append(args, "--target", "…")
		}
	}
	if r.jwtSecret != "" {
		secret := "…"
		if strings.HasPrefix(r.jwtSecret, "@") {
			secret = r.jwtSecret
		}
		args = append(args, "--jwt-secret", secret)
	}
	if r.limit != "" {
		args = append(args, "--limit", r.limit)
	}
	for _, s := range r.set {
		name, _, _ := strings.Cut(s, "=")
		if secretName(name) {
			s = name + "=…"
		}
		args = append(args, "--set", s)
	}
	for _, s := range r.serveFlags {
		args = append(args, "--serve-flag="+s)
	}
	if r.cluster != nil && r.pods != 2 {
		args = append(args, "--pods", strconv.Itoa(r.pods))
	}
	if r.profile != "" {
		args = append(args, "--profile", r.profile)
	}
	args = append(args, "--seed", strconv.FormatUint(p.plan.Seed, 10))
	for i, a := range args {
		args[i] = shellQuote(a)
	}
	return strings.Join(args, " ")
}

// secretName tells whether a variable of that name holds a secret, as in
// scenarios.
func secretName(name string) bool {
	name = strings.ToUpper(name)
	for _, word := range []string{"SECRET", "TOKEN", "PASSWORD", "KEY", "CREDENTIAL"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

func shellQuote(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-_./:=@,%+…", c))
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// writeTape writes the frames of the runs that did not pass, and says where.
func (r *benchRun) writeTape(reports []*loadgen.Report) error {
	var failed []*loadgen.Report
	for _, rep := range reports {
		if rep.Verdict != loadgen.Pass && len(rep.Tape) > 0 {
			failed = append(failed, rep)
		}
	}
	if len(failed) == 0 || !r.keepsTape() {
		return nil
	}
	path := r.tape
	if path == tapeAuto {
		path = "rtk-bench-" + tapeName(failed[0].File) + "-tape.ndjson"
	}
	var b bytes.Buffer
	err := loadgen.WriteTape(&b, failed)
	if err == nil {
		err = os.WriteFile(path, b.Bytes(), 0o644)
	}
	if err != nil {
		return fmt.Errorf("write tape: %w", err)
	}
	fmt.Fprintf(r.env.Stderr, "rtk: the last frames of the clients that failed are in %s\n", path)
	return nil
}

// tapeName makes a scenario's file name part of another.
func tapeName(file string) string {
	base := filepath.Base(file)
	base = strings.TrimSuffix(strings.TrimSuffix(base, filepath.Ext(base)), ".rtk")
	base = strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' {
			return c
		}
		return '-'
	}, base)
	if base == "" || base == "-" {
		return "run"
	}
	return base
}
