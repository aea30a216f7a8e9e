package loadgen

import (
	"fmt"
	"strings"
)

// advice is the check's advice as reports show it.
func (c *Check) advice() string {
	if c.Advice == "" {
		return ""
	}
	return "→ " + c.Advice
}

// skippedReason is what was left out for one reason.
type skippedReason struct {
	reason string
	checks []*Check
}

// skippedByReason are the skipped checks, each reason once, in the order of
// the report.
func (r *Report) skippedByReason() []*skippedReason {
	var out []*skippedReason
	byReason := map[string]*skippedReason{}
	for i := range r.Checks {
		c := &r.Checks[i]
		if c.Status != CheckSkipped {
			continue
		}
		s := byReason[c.Detail]
		if s == nil {
			s = &skippedReason{reason: c.Detail}
			byReason[c.Detail] = s
			out = append(out, s)
		}
		s.checks = append(s.checks, c)
	}
	return out
}

// what names the parts that are skipped and counts the rest.
func (s *skippedReason) what() string {
	const most = 3
	var names []string
	n := 0
	for _, c := range s.checks {
		if c.Kind == "threshold" || c.Kind == "auth" || len(names) == most {
			n++
			continue
		}
		names = append(names, c.Kind+" "+c.Name)
	}
	if n > 0 {
		names = append(names, plural(int64(n), "check"))
	}
	return strings.Join(names, ", ")
}

// skipped says what was left out and why: what does not apply must not look as
// if it had passed.
func (t *textWriter) skipped(r *Report) {
	for i, s := range r.skippedByReason() {
		if i == 0 {
			t.b.WriteByte('\n')
		}
		fmt.Fprintf(&t.b, "  %s  %s: %s\n", t.paint(dim, "– skipped"), t.clean(s.what()), t.clean(s.reason))
	}
}

func markdownSkipped(r *Report, m *masker) string {
	var b strings.Builder
	for i, s := range r.skippedByReason() {
		if i == 0 {
			b.WriteString("\n| skipped | because |\n|---|---|\n")
		}
		fmt.Fprintf(&b, "| %s | %s |\n", markdownCode(m, s.what()), markdownCode(m, s.reason))
	}
	return b.String()
}

// markdownAdvice is the advice of what did not pass, each line once.
func markdownAdvice(r *Report, m *masker) string {
	var b strings.Builder
	seen := map[string]bool{}
	for i := range r.Checks {
		c := &r.Checks[i]
		if c.Advice == "" || seen[c.Advice] || len(seen) == markdownRows {
			continue
		}
		if seen[c.Advice] = true; len(seen) == 1 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "- %s: %s\n", markdownCode(m, c.Kind+" "+c.Name), markdownCode(m, c.Advice))
	}
	return b.String()
}
