package main

import (
	"slices"
	"strings"

	"github.com/realtime-toolkit/rtk/internal/nearest"
	"github.com/realtime-toolkit/rtk/pkg/loadgen"
)

// outFile is a report file that was asked for.
type outFile struct {
	format, path string
	// of are the runs that it holds, by their position; nil for all.
	of []int
}

// formatNames are the names that render has for the formats of --out.
var formatNames = map[string]string{"md": "markdown"}

func formatName(s string) string {
	if name, ok := formatNames[s]; ok {
		return name
	}
	return s
}

// parseOut reads --out json=a.json,junit=b.xml. A path can't hold a comma that
// is followed by a format and =.
func parseOut(values []string) ([]outFile, error) {
	var out []outFile
	for _, value := range values {
		for _, part := range splitOut(value) {
			format, path, ok := strings.Cut(part, "=")
			format = strings.TrimSpace(format)
			if !ok || path == "" {
				return nil, hint(usagef("--out %q: want FORMAT=FILE", part), "formats are "+strings.Join(loadgen.ReportFormats, ", "))
			}
			if !slices.Contains(loadgen.ReportFormats, format) {
				return nil, hint(usagef("--out %s: unknown format %q%s", part, format, nearest.Hint(format, loadgen.ReportFormats)),
					"formats are "+strings.Join(loadgen.ReportFormats, ", "))
			}
			out = append(out, outFile{format: formatName(format), path: path})
		}
	}
	return out, nil
}

// splitOut divides at commas that begin another FORMAT=.
func splitOut(value string) []string {
	var out []string
	for part := range strings.SplitSeq(value, ",") {
		if len(out) > 0 && !strings.Contains(part, "=") {
			out[len(out)-1] += "," + part
			continue
		}
		out = append(out, part)
	}
	return out
}

// outFiles are the files of --report and --out, none of which may be there
// twice.
func (o *benchOptions) outFiles() ([]outFile, error) {
	var files []outFile
	for _, r := range o.reports {
		format := reportFormat(r)
		if format == "" {
			return nil, hint(usagef("--report %s: unknown format", r), "the suffix tells: "+reportSuffixes+"; or name it with   --out FORMAT=FILE")
		}
		files = append(files, outFile{format: format, path: r})
	}
	more, err := parseOut(o.out)
	if err != nil {
		return nil, err
	}
	files = append(files, more...)
	seen := map[string]string{}
	for _, f := range files {
		if other, twice := seen[f.path]; twice && other != f.format {
			return nil, usagef("%s is to be a report in two formats, %s and %s", f.path, other, f.format)
		}
		seen[f.path] = f.format
	}
	return files, nil
}

// checkOutFiles finds out before a run whether they can be written after it.
func (o *benchOptions) checkOutFiles() error {
	files, err := o.outFiles()
	if err != nil {
		return err
	}
	for i, f := range files {
		flag := "--report"
		if i >= len(o.reports) {
			flag = "--out"
		}
		if err := checkWritable(flag, []string{f.path}); err != nil {
			return err
		}
	}
	return nil
}

// checkReports finds out whether the files that a scenario names can be
// written.
func checkReports(sc *loadgen.Scenario) error {
	for _, f := range sc.Reports {
		if err := writable(f.Path); err != nil {
			return usagef("%s: report %s: %s: %w", f.Pos, f.Format, f.Path, err)
		}
	}
	return nil
}

// reportFiles are the files to write: those of the flags, with all runs, and
// those of the scenarios, with theirs, for each format that no flag has.
func (r *benchRun) reportFiles() []outFile {
	files, err := r.outFiles()
	if err != nil {
		return nil // validate has said so
	}
	given := map[string]bool{}
	for _, f := range files {
		given[f.format] = true
	}
	at := map[outFileKey]int{}
	for i, p := range r.plans {
		for _, f := range p.sc.Reports {
			format := formatName(f.Format)
			if given[format] {
				continue
			}
			k := outFileKey{format, f.Path}
			if n, ok := at[k]; ok {
				files[n].of = append(files[n].of, i)
				continue
			}
			at[k] = len(files)
			files = append(files, outFile{format: format, path: f.Path, of: []int{i}})
		}
	}
	return files
}

type outFileKey struct{ format, path string }

// pick are the runs that the file holds. A run that was cut short has fewer
// than were planned.
func (f *outFile) pick(reports []*loadgen.Report) []*loadgen.Report {
	if f.of == nil {
		return reports
	}
	var out []*loadgen.Report
	for _, i := range f.of {
		if i < len(reports) {
			out = append(out, reports[i])
		}
	}
	return out
}
