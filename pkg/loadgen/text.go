package loadgen

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
)

// TextOptions adjust the text writers.
type TextOptions struct {
	Color   bool   // ANSI colours; state is never colour alone
	Width   int    // columns, 0 means 100
	Version string // of the program, for the headline
}

func (o TextOptions) width() int {
	if o.Width <= 0 {
		return 100
	}
	return max(o.Width, 40)
}

// WriteText writes a report for people: the verdict, what was delivered, how
// fast, what failed and with which evidence. The form may change between
// versions; programs read WriteJSON. It writes once, so a closed pipe shows as
// one error.
func WriteText(w io.Writer, r *Report, o TextOptions) error {
	t := &textWriter{o: o, m: newMasker(r.Secrets)}
	t.headline(r)
	t.summary(r)
	for i := range r.Verify {
		t.verify(&r.Verify[i])
	}
	t.checks(r)
	t.errors(r)
	t.failed(r)
	_, err := w.Write(t.b.Bytes())
	return err
}

// textWriter collects the text of one report.
type textWriter struct {
	b bytes.Buffer
	o TextOptions
	m *masker
}

// Colours of the states.
const (
	green  = "\x1b[32m"
	red    = "\x1b[31m"
	yellow = "\x1b[33m"
	dim    = "\x1b[2m"
	reset  = "\x1b[0m"
)

func (t *textWriter) paint(color, s string) string {
	if !t.o.Color || s == "" {
		return s
	}
	return color + s + reset
}

// clean makes text that came from outside harmless: secrets are masked,
// control characters replaced, and what a CI runner would take for a command
// is broken up.
func (t *textWriter) clean(s string) string { return harmless(t.m.mask(s)) }

// harmless is clean without the masking.
func harmless(s string) string {
	s = printable(strings.ToValidUTF8(s, "�"))
	// GitHub Actions reads commands from lines that begin with :: and from
	// ##[ anywhere; a server under test must not be able to give any.
	if trimmed := strings.TrimLeft(s, " \t"); strings.HasPrefix(trimmed, "::") {
		s = s[:len(s)-len(trimmed)] + ": :" + trimmed[2:]
	}
	return strings.ReplaceAll(s, "##[", "# #[")
}

// cleanLines is clean for text of several lines.
func (t *textWriter) cleanLines(s string) []string {
	var out []string
	for line := range strings.SplitSeq(strings.TrimRight(t.m.mask(s), "\n"), "\n") {
		out = append(out, harmless(strings.TrimRight(line, "\r ")))
	}
	return out
}

func (t *textWriter) headline(r *Report) {
	clients := 0
	for _, g := range r.Groups {
		clients += g.Planned
	}
	parts := []string{t.clean(r.Scenario), shortDuration(r.Duration.Seconds()), plural(int64(clients), "client"), fmt.Sprintf("seed %d", r.Seed)}
	if t.o.Version != "" {
		parts = append(parts, "rtk "+t.o.Version)
	}
	if r.Partial {
		parts = append(parts, "partial")
	}
	fmt.Fprintf(&t.b, "%s  %s\n", t.verdict(r.Verdict), strings.Join(parts, "  "))
}

// verdict is the word that begins the report.
func (t *textWriter) verdict(v Verdict) string {
	word := strings.ToUpper(string(v))
	switch v {
	case Pass:
		return t.paint(green, word)
	case Fail:
		return t.paint(red, word)
	}
	return t.paint(yellow, word)
}

// row writes one line of the summary.
func (t *textWriter) row(label, text string) {
	fmt.Fprintf(&t.b, "  %-11s %s\n", label, strings.TrimRight(text, " "))
}

func (t *textWriter) summary(r *Report) {
	t.deliveries(r)
	t.latencies(r)
	t.authRow(r)
	t.throttleRow(r)
	for _, g := range r.Groups {
		t.groupRow(&g)
	}
	t.reconnects(r)
	t.timeline(r)
	t.faults(r)
	t.scrapes(r)
	t.generator(r)
	t.checkRow(r)
}

func (t *textWriter) deliveries(r *Report) {
	var c Counts
	measured, isolated, leaks := false, false, int64(0)
	for _, v := range r.Verify {
		if v.Nothing() {
			isolated, leaks = true, leaks+v.Unexpected
			continue
		}
		measured = true
		c.add(v.Counts)
	}
	if measured {
		s := fmt.Sprintf("%s of %s    %s lost   %s duplicated   %s reordered", grouped(c.Delivered), grouped(c.Expected), grouped(c.Lost), grouped(c.Duplicated), grouped(c.OutOfOrder))
		for _, x := range []struct {
			n    int64
			word string
		}{{c.Late, "late"}, {c.Corrupt, "corrupt"}, {c.Indeterminate, "indeterminate"}} {
			if x.n > 0 {
				s += "   " + grouped(x.n) + " " + x.word
			}
		}
		if isolated {
			s += "   " + grouped(leaks) + " leaked"
		}
		t.row("delivered", s)
	} else if isolated {
		t.row("isolation", grouped(leaks)+" leaked")
	}
}

// headlineLatencies are those that a summary shows, over all their series.
var headlineLatencies = []struct{ metric, label, note string }{
	{DeliveryLatency, "latency", "publish → receive, from the intended send"},
	{AckLatency, "ack", "from the intended send"},
	{PublishLatency, "publish", "from the intended request"},
	{ConnectLatency, "connect", ""},
}

func (t *textWriter) latencies(r *Report) {
	for _, x := range headlineLatencies {
		m := r.total(x.metric)
		if m == nil || m.Count == 0 {
			continue
		}
		t.row(x.label, fmt.Sprintf("p50 %s   p90 %s   p99 %s   p99.9 %s   max %s    %s", shortDuration(m.P50), shortDuration(m.P90), shortDuration(m.P99), shortDuration(m.P999), shortDuration(m.Max), t.paint(dim, x.note)))
	}
}

func (t *textWriter) authRow(r *Report) {
	passed, total := 0, 0
	worst := ""
	for _, c := range r.Checks {
		if c.Kind != "auth" || c.Status == CheckSkipped {
			continue
		}
		total++
		if c.Status == CheckPass {
			passed++
		} else if worst == "" {
			worst = "    " + t.clean(c.Name)
			if c.Got != "" {
				worst += ": " + t.clean(c.Got)
			}
		}
	}
	if total > 0 {
		t.row("auth", fmt.Sprintf("%s of %s cells as they must be%s", grouped(int64(passed)), grouped(int64(total)), worst))
	}
}

func (t *textWriter) throttleRow(r *Report) {
	// Only those who met the limit say something about it.
	hit := map[string]bool{}
	for _, m := range r.Metrics {
		if m.Name == Throttled && m.Count > 0 {
			hit[m.Labels[LabelClients]+"\x00"+m.Labels[LabelStep]] = true
		}
	}
	met := func(labels map[string]string) bool { return hit[labels[LabelClients]+"\x00"+labels[LabelStep]] }
	throttled, rate := r.totalOf(Throttled, met), r.totalOf(AcceptedRate, met)
	if throttled == nil {
		return
	}
	s := fmt.Sprintf("%s of %s sends refused", grouped(throttled.Count), grouped(throttled.Total))
	if rate != nil && rate.Count > 0 {
		s += fmt.Sprintf("   let through %s–%s/s for each client", decimal(rate.Min), decimal(rate.Max))
	}
	if first := r.totalOf(TimeToThrottle, met); first != nil && first.Count > 0 {
		s += fmt.Sprintf("   first refusal after %s–%s", shortDuration(first.Min), shortDuration(first.Max))
	}
	t.row("throttle", s)
}

func (t *textWriter) groupRow(g *GroupReport) {
	s := fmt.Sprintf("%s of %s connected", grouped(int64(g.Connected)), grouped(int64(g.Planned)))
	for _, x := range []struct {
		n    int
		word string
	}{{g.Rejected, "rejected"}, {g.Failed, "failed"}, {g.Disconnected, "disconnected"}, {g.NeverReached, "did not finish"}} {
		if x.n > 0 {
			s += "   " + grouped(int64(x.n)) + " " + x.word
		}
	}
	if g.Sent > 0 {
		s += "   sent " + grouped(g.Sent)
	}
	if g.Received > 0 {
		s += "   received " + grouped(g.Received)
	}
	t.row(clip(t.clean(g.Name), 11), s)
}

func (t *textWriter) generator(r *Report) {
	g := &r.Generator
	state := t.paint(green, "ok")
	switch {
	case g.OK:
	case r.Verdict == Inconclusive:
		state = t.paint(yellow, "not trustworthy")
	default: // its problems did not touch what was decided
		state = t.paint(yellow, "strained")
	}
	s := fmt.Sprintf("%s    lag p99 %s    cpu %s %%    rss %s", state, shortDuration(g.SchedulerLagP99), decimal(100*g.CPUShare), byteSize(g.PeakRSS))
	if g.BytesPerConn > 0 {
		s += "    " + byteSize(g.BytesPerConn) + " a connection"
	}
	if trust := g.trustText(); trust != "" {
		s += "    " + trust
	}
	if g.SelfDropped > 0 {
		s += "    " + grouped(g.SelfDropped) + " dropped by rtk"
	}
	t.row("generator", s)
	if slices.ContainsFunc(r.Checks, func(c Check) bool { return c.Kind == "generator" && c.Status != CheckPass }) {
		return // the check tells the problems
	}
	for _, p := range g.Problems {
		t.row("", t.paint(yellow, "! ")+t.clean(p))
	}
}

func (t *textWriter) checkRow(r *Report) {
	n := map[CheckStatus]int{}
	for _, c := range r.Checks {
		n[c.Status]++
	}
	s := fmt.Sprintf("%d passed", n[CheckPass])
	for _, st := range []CheckStatus{CheckFail, CheckInconclusive, CheckWarn, CheckSkipped} {
		word := map[CheckStatus]string{CheckFail: "failed", CheckInconclusive: "inconclusive", CheckWarn: "warned", CheckSkipped: "skipped"}[st]
		if n[st] > 0 {
			s += fmt.Sprintf("   %d %s", n[st], word)
		}
	}
	t.row("checks", s)
}

const (
	maxEvidence = 20 // lines that one check prints
	maxChecks   = 25 // checks of one status that are printed
)

// checks prints what did not pass, with its evidence, the worst first.
func (t *textWriter) checks(r *Report) {
	t.checksOf(r, CheckFail, t.paint(red, "✗ fail"))
	t.checksOf(r, CheckInconclusive, t.paint(yellow, "? inconclusive"))
	t.checksOf(r, CheckWarn, t.paint(yellow, "! warning"))
	t.skipped(r)
}

func (t *textWriter) checksOf(r *Report, status CheckStatus, mark string) {
	n := 0
	for i := range r.Checks {
		c := &r.Checks[i]
		if c.Status != status {
			continue
		}
		if n == 0 {
			t.b.WriteByte('\n')
		}
		if n++; n <= maxChecks {
			t.check(c, mark)
		}
	}
	if n > maxChecks {
		fmt.Fprintf(&t.b, "  %s  and %d more, a report file has them all\n", mark, n-maxChecks)
	}
}

func (t *textWriter) check(c *Check, mark string) {
	fmt.Fprintf(&t.b, "  %s  %s %s", mark, t.clean(c.Kind), t.clean(c.Name))
	if c.Want != "" && !strings.Contains(c.Name, c.Want) {
		fmt.Fprintf(&t.b, "  want %s", t.clean(c.Want))
	}
	if c.Got != "" {
		fmt.Fprintf(&t.b, "  was %s", t.clean(c.Got))
	}
	if c.Pos.Line > 0 {
		fmt.Fprintf(&t.b, "  %s", t.paint(dim, t.clean(c.Pos.String())))
	}
	t.b.WriteByte('\n')
	if c.Advice != "" {
		fmt.Fprintf(&t.b, "      %s\n", t.clean(c.advice()))
	}
	if c.Detail == "" {
		return
	}
	lines := t.cleanLines(c.Detail)
	for i, line := range lines {
		if i == maxEvidence {
			fmt.Fprintf(&t.b, "      and %d more lines\n", len(lines)-i)
			break
		}
		fmt.Fprintf(&t.b, "      %s\n", line)
	}
}

func (t *textWriter) errors(r *Report) {
	const most = 8
	for i, e := range r.Errors {
		if i == 0 {
			fmt.Fprintf(&t.b, "\n  errors\n")
		}
		if i == most {
			fmt.Fprintf(&t.b, "      and %d more kinds\n", len(r.Errors)-i)
			break
		}
		fmt.Fprintf(&t.b, "  %9s × %s\n", grouped(e.Count), clip(t.clean(e.Text), t.o.width()-14))
	}
}
