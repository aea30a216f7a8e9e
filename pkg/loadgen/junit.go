package loadgen

import (
	"encoding/xml"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
)

// WriteJUnit writes the reports as JUnit XML, one suite a report, one case a
// check. A check that the server failed is a failure; one that could not be
// decided is an error; an excluded one is skipped with its reason. Names are
// unique and hold no measured value, so that CI can follow them over time;
// measured values are in system-out.
func WriteJUnit(w io.Writer, reports []*Report) error {
	doc := junitSuites{Name: "rtk bench"}
	total := 0.0
	// GitLab drops a second test of the same class and name, whatever its suite.
	seen := map[string]int{}
	for _, r := range reports {
		s := newJUnitSuite(r, seen)
		doc.Tests += s.Tests
		doc.Failures += s.Failures
		doc.Errors += s.Errors
		doc.Skipped += s.Skipped
		total += r.Duration.Seconds()
		doc.Suites = append(doc.Suites, s)
	}
	doc.Time = junitTime(total)
	b, err := xml.MarshalIndent(doc, "", "  ")
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, xml.Header+string(b)+"\n")
	return err
}

type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Skipped  int          `xml:"skipped,attr"`
		Time     string       `xml:"time,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name       string          `xml:"name,attr"`
		Tests      int             `xml:"tests,attr"`
		Failures   int             `xml:"failures,attr"`
		Errors     int             `xml:"errors,attr"`
		Skipped    int             `xml:"skipped,attr"`
		Time       string          `xml:"time,attr"`
		Timestamp  string          `xml:"timestamp,attr"`
		Properties []junitProperty `xml:"properties>property"`
		Cases      []junitCase     `xml:"testcase"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		Class     string        `xml:"classname,attr"`
		Name      string        `xml:"name,attr"`
		File      string        `xml:"file,attr,omitempty"`
		Line      int           `xml:"line,attr,omitempty"`
		Time      string        `xml:"time,attr"`
		Failure   *junitOutcome `xml:"failure"`
		Error     *junitOutcome `xml:"error"`
		Skipped   *junitOutcome `xml:"skipped"`
		SystemOut string        `xml:"system-out,omitempty"`
	}
	junitOutcome struct {
		Type    string `xml:"type,attr,omitempty"`
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

func newJUnitSuite(r *Report, seen map[string]int) junitSuite {
	t := &textWriter{m: newMasker(r.Secrets)}
	s := junitSuite{
		Name: t.clean(r.Scenario), Time: junitTime(r.Duration.Seconds()), Timestamp: r.Started.UTC().Format("2006-01-02T15:04:05Z"),
		Properties: []junitProperty{{"rtk.seed", strconv.FormatUint(r.Seed, 10)}, {"rtk.run", r.RunID}, {"rtk.verdict", string(r.Verdict)}},
	}
	class := "bench." + className(r)
	add := func(c junitCase) {
		key := class + "\n" + c.Name
		if seen[key]++; seen[key] > 1 {
			c.Name += fmt.Sprintf(" (%d)", seen[key])
		}
		c.Class = class
		s.Tests++
		switch {
		case c.Failure != nil:
			s.Failures++
		case c.Error != nil:
			s.Errors++
		case c.Skipped != nil:
			s.Skipped++
		}
		s.Cases = append(s.Cases, c)
	}
	add(runCase(r, t, &s))
	for _, c := range r.Checks {
		add(checkCase(c, t))
	}
	return s
}

// runCase is the case of the run as a whole. Without it a run that was cut
// short, or reached nothing, would leave a green file.
func runCase(r *Report, t *textWriter, s *junitSuite) junitCase {
	c := junitCase{Name: "run", File: t.clean(r.File), Time: s.Time}
	switch r.Verdict {
	case Pass, Fail: // a failed run has its failed checks
		if r.Verdict == Fail && !anyFailed(r) {
			c.Failure = &junitOutcome{Type: "verdict", Message: t.clean(r.Reason), Text: t.clean(r.Reason)}
		}
	default:
		c.Error = &junitOutcome{Type: string(r.Verdict), Message: t.clean(r.Reason), Text: t.clean(r.Reason)}
	}
	return c
}

func anyFailed(r *Report) bool {
	for _, c := range r.Checks {
		if c.Status == CheckFail {
			return true
		}
	}
	return false
}

func checkCase(c Check, t *textWriter) junitCase {
	out := junitCase{Name: t.clean(c.Kind + " " + c.Name), File: t.clean(c.Pos.File), Line: c.Pos.Line, Time: "0"}
	detail := strings.Join(t.cleanLines(lines(c.Detail, c.advice())), "\n")
	message := t.clean(c.Name)
	if c.Got != "" {
		message = t.clean(c.Got)
		if c.Want != "" {
			message += ", want " + t.clean(c.Want)
		}
	}
	// GitLab shows the text of the element, others the message.
	outcome := &junitOutcome{Type: t.clean(c.Kind), Message: message, Text: lines(message, detail)}
	switch c.Status {
	case CheckFail:
		out.Failure = outcome
	case CheckInconclusive:
		out.Error = outcome
	case CheckSkipped:
		out.Skipped = &junitOutcome{Message: detail}
	case CheckWarn:
		out.SystemOut = "warning: " + message
		if detail != "" {
			out.SystemOut += "\n" + detail
		}
	default:
		if c.Got != "" {
			out.SystemOut = "was " + t.clean(c.Got)
		}
	}
	return out
}

// className names the suite in viewers: the file without its suffixes.
func className(r *Report) string {
	base := filepath.Base(r.File)
	if r.File == "" {
		base = r.Scenario
	}
	base = strings.TrimSuffix(strings.TrimSuffix(base, filepath.Ext(base)), ".rtk")
	return strings.Map(func(c rune) rune {
		if c == '.' || c <= ' ' || c == 0x7f {
			return '-'
		}
		return c
	}, harmless(base))
}

func junitTime(seconds float64) string { return strconv.FormatFloat(seconds, 'f', 3, 64) }
