package loadgen

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

const (
	// maxAnnotations is how many annotations of one level GitHub shows for a
	// step; it drops the others without a word.
	maxAnnotations = 10
	// annotationLines and annotationLine bound the evidence in one.
	annotationLines = 8
	annotationLine  = 400
)

// WriteAnnotations writes the workflow commands by which GitHub Actions marks
// lines of a scenario: an error for each check that failed, a warning for each
// that was not decided or only warns, at most ten of each over all reports, of
// which the last then tells how many more there are. A report that is not a
// pass and has no failed check has one for its reason.
//
// Text from outside can't begin a command: each annotation is one line, and
// its parts are escaped. path gives the name of a scenario's file as the
// repository has it, "" for a file that it does not have.
func WriteAnnotations(w io.Writer, reports []*Report, path func(file string) string) error {
	var errors, warnings []string
	for _, r := range reports {
		a := annotator{m: newMasker(r.Secrets), path: path}
		for i := range r.Checks {
			switch c := &r.Checks[i]; c.Status {
			case CheckFail:
				errors = append(errors, a.check("error", r, c))
			case CheckInconclusive, CheckWarn:
				warnings = append(warnings, a.check("warning", r, c))
			}
		}
		if r.Verdict != Pass && !anyFailed(r) {
			errors = append(errors, a.command("error", Pos{File: r.File}, r.Scenario+": "+string(r.Verdict), r.Reason))
		}
	}
	var b bytes.Buffer
	for _, level := range [][]string{capAnnotations("error", errors), capAnnotations("warning", warnings)} {
		for _, line := range level {
			b.WriteString(line + "\n")
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

func capAnnotations(level string, all []string) []string {
	if len(all) <= maxAnnotations {
		return all
	}
	more := len(all) - (maxAnnotations - 1)
	return append(all[:maxAnnotations-1:maxAnnotations-1], fmt.Sprintf("::%s title=rtk bench::and %d more, the report has them all", level, more))
}

type annotator struct {
	m    *masker
	path func(string) string
}

// check is the annotation of one check. What was measured and the evidence
// come from the server, and so does whatever they hold.
func (a *annotator) check(level string, r *Report, c *Check) string {
	message := r.Scenario + ": " + string(c.Status)
	if c.Got != "" {
		message = "was " + c.Got
		if c.Want != "" {
			message += ", want " + c.Want
		}
	} else if c.Want != "" {
		message = "want " + c.Want
	}
	return a.command(level, c.Pos, c.Kind+" "+c.Name, lines(message, c.advice(), c.Detail))
}

func (a *annotator) command(level string, at Pos, title, message string) string {
	var properties []string
	if file := a.path(at.File); at.File != "" && file != "" {
		properties = append(properties, "file="+annotationProperty(file))
		if at.Line > 0 {
			properties = append(properties, fmt.Sprintf("line=%d,col=%d", at.Line, at.Column))
		}
	}
	title = strings.Join(strings.Fields(a.m.mask(title)), " ")
	properties = append(properties, "title="+annotationProperty(clip(harmless(title), annotationLine)))
	return "::" + level + " " + strings.Join(properties, ",") + "::" + a.message(message)
}

func (a *annotator) message(s string) string {
	var out []string
	for line := range strings.SplitSeq(strings.TrimRight(a.m.mask(s), "\n"), "\n") {
		if len(out) == annotationLines {
			out = append(out, "…")
			break
		}
		out = append(out, annotationData.Replace(clip(harmless(strings.TrimRight(line, "\r ")), annotationLine)))
	}
	return strings.Join(out, "%0A")
}

// The escaping of workflow commands: of a message, and of a property, which
// ends at a comma or colon.
var (
	annotationData       = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	annotationProperties = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

func annotationProperty(s string) string { return annotationProperties.Replace(s) }
