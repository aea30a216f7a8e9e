package main

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/realtime-toolkit/rtk/pkg/loadgen"
)

// reportSuffixes are the formats of report files, for messages.
const reportSuffixes = ".xml (JUnit), .json, .html, .csv, .md (Markdown), .om or metrics.txt (OpenMetrics), .txt"

// reportFormat tells a report file's format by its suffix, "" if unknown.
func reportFormat(path string) string {
	// The name that GitLab documents for its metrics report.
	if strings.EqualFold(filepath.Base(path), "metrics.txt") {
		return "openmetrics"
	}
	switch strings.ToLower(filepath.Ext(path)) {
	case ".xml":
		return "junit"
	case ".json":
		return "json"
	case ".md":
		return "markdown"
	case ".html":
		return "html"
	case ".csv":
		return "csv"
	case ".om":
		return "openmetrics"
	case ".txt":
		return "text"
	}
	return ""
}

// render writes reports in one format.
func render(format string, reports []*loadgen.Report, opts loadgen.TextOptions) ([]byte, error) {
	var b bytes.Buffer
	var err error
	switch format {
	case "json":
		err = loadgen.WriteJSON(&b, reports)
	case "junit":
		err = loadgen.WriteJUnit(&b, reports)
	case "markdown":
		err = loadgen.WriteMarkdown(&b, reports, loadgen.MarkdownOptions{Version: opts.Version})
	case "html":
		err = loadgen.WriteHTML(&b, reports, loadgen.HTMLOptions{Version: opts.Version})
	case "csv":
		err = loadgen.WriteCSV(&b, reports)
	case "openmetrics":
		err = loadgen.WriteOpenMetrics(&b, reports)
	default:
		for _, r := range reports {
			if err = loadgen.WriteText(&b, r, opts); err != nil {
				break
			}
			b.WriteByte('\n')
		}
		if err == nil && len(reports) > 1 {
			err = loadgen.WriteVerdictTable(&b, reports, opts)
		}
	}
	return b.Bytes(), err
}

// write puts the result on stdout and into the report files: into as many of
// them as it can, the errors of the others are joined.
func (r *benchRun) write(reports []*loadgen.Report) error {
	var failed []error
	for _, f := range r.reportFiles() {
		mine := f.pick(reports)
		if len(mine) == 0 {
			continue
		}
		out, err := render(f.format, mine, loadgen.TextOptions{Width: 100, Version: version()})
		if err == nil {
			err = writeFile(f.path, out)
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("write report: %w", err))
		}
	}
	if err := r.writeStdout(reports); err != nil && !errors.Is(err, syscall.EPIPE) { // nobody reads on; the verdict stands
		failed = append(failed, fmt.Errorf("write result: %w", err))
	}
	return errors.Join(failed...)
}

func (r *benchRun) writeStdout(reports []*loadgen.Report) error {
	opts := loadgen.TextOptions{Color: r.env.Color(r.color, r.env.Stdout), Width: r.env.Width(), Version: version()}
	if r.quiet && r.output == "text" {
		return loadgen.WriteVerdictTable(r.env.Stdout, reports, opts)
	}
	out, err := render(r.output, reports, opts)
	if err == nil {
		_, err = r.env.Stdout.Write(out)
	}
	return err
}

// severity orders verdicts: the worst of several runs is the program's.
var severity = map[loadgen.Verdict]int{
	loadgen.Pass: 0, loadgen.Inconclusive: 1, loadgen.Unreachable: 2,
	loadgen.TimedOut: 3, loadgen.Fail: 4, loadgen.Interrupted: 5,
}

// code is the exit code of a verdict, as the flags want it.
func (r *benchRun) code(v loadgen.Verdict) int {
	switch v {
	case loadgen.Fail:
		return r.failExitCode
	case loadgen.Inconclusive:
		if r.inconclusive == "pass" {
			return exitOK
		}
	case loadgen.Interrupted:
		if s := r.signal.Load(); s != nil {
			return signalCode(*s)
		}
	}
	return v.ExitCode()
}

// verdict ends the program with the exit code of the worst verdict and one
// last line on stderr.
func (r *benchRun) verdict(reports []*loadgen.Report) error {
	worst := reports[0]
	for _, rep := range reports {
		if severity[rep.Verdict] > severity[worst.Verdict] {
			worst = rep
		}
	}
	code := r.code(worst.Verdict)
	line := fmt.Sprintf("rtk: %s (%d)", strings.ToUpper(string(worst.Verdict)), code)
	if worst.Reason != "" {
		line += ": " + worst.Scenario + ": " + worst.Reason
	}
	fmt.Fprintln(r.env.Stderr, noCommands.Replace(line))
	if code == exitOK {
		return nil
	}
	return &exitError{code: code}
}
