package loadgen

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"io"
	"strings"
)

// HTMLOptions adjust WriteHTML.
type HTMLOptions struct {
	Version string // of the program
}

var (
	//go:embed report.html.tmpl
	htmlSource string
	//go:embed report.css
	htmlStyle string

	htmlTemplate = template.Must(template.New("report").Parse(htmlSource))
)

// WriteHTML writes the reports as one page that needs nothing else: no script,
// no image, no font, no request. Its Content-Security-Policy allows only its
// own style sheet, so that not even a hole in the escaping would run anything.
func WriteHTML(w io.Writer, reports []*Report, o HTMLOptions) error {
	sum := sha256.Sum256([]byte(htmlStyle))
	page := htmlPage{
		Version:   harmless(o.Version),
		Style:     template.CSS(htmlStyle), // our own
		StyleHash: "sha256-" + base64.StdEncoding.EncodeToString(sum[:]),
		Left:      chartLeft, Right: chartWidth - chartRight, Top: chartTop, Bottom: chartHeight - chartBottom,
		BandHeight: chartHeight - chartBottom - chartTop,
		LabelX:     chartLeft - 6, LabelY: chartHeight - chartBottom + 16,
	}
	var names []string
	for _, r := range reports {
		run := newHTMLRun(r)
		page.Runs = append(page.Runs, run)
		names = append(names, run.Scenario)
	}
	page.Title = strings.Join(names, ", ")
	var b bytes.Buffer
	if err := htmlTemplate.Execute(&b, &page); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

// The page's contents. Everything in them is text, cleaned of secrets and
// control characters; the template escapes it.
type (
	htmlPage struct {
		Title, Version, StyleHash string
		Style                     template.CSS
		Runs                      []htmlRun

		Left, Right, Top, Bottom, BandHeight, LabelX, LabelY int // of the charts
	}
	htmlRun struct {
		Verdict, Mark                        string
		Scenario, File, Started, RunID, Took string
		Seed                                 uint64
		Partial                              bool
		Clients, Reason, Generator           string
		Passed, Decided                      int
		Targets                              []TargetReport
		Latencies                            []htmlLatency
		Charts                               []chart
		Grids                                []htmlGrid
		Prices                               []string
		Losses                               []htmlLosses
		Checks                               []htmlChecks
		Groups                               []htmlGroup
		Errors                               []htmlError
		Faults                               []faultRow
		Problems                             []string
	}
	htmlLatency struct{ Label, Count, P50, P90, P99, P999, Max, Note string }
	htmlGrid    struct {
		Name, From, To, Guarantee string
		Columns                   []string
		Rows                      []htmlGridRow
	}
	htmlGridRow struct {
		Name  string
		Cells []htmlCell
	}
	htmlCell   struct{ Class, Text string }
	htmlLosses struct{ Title, Text string }
	htmlChecks struct {
		Status string
		Count  string
		Open   bool
		Checks []htmlCheck
	}
	htmlCheck struct{ Name, Got, Want, Detail, Advice, At string }
	htmlGroup struct {
		Name    string
		Numbers []string
	}
	htmlError struct{ Count, Text string }
)
