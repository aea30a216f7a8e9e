package loadgen

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// checkGolden compares got with testdata/golden/name.
func checkGolden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; run the test with -update", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", path, diff)
	}
}

func TestWriters(t *testing.T) {
	t.Parallel()
	reports := []*Report{passedReport(), failedReport()}
	for _, tc := range []struct {
		name  string
		write func(w io.Writer) error
	}{
		{"pass.txt", func(w io.Writer) error { return WriteText(w, passedReport(), TextOptions{Width: 100}) }},
		{"fail.txt", func(w io.Writer) error { return WriteText(w, failedReport(), TextOptions{Width: 100}) }},
		{"fail-narrow-color.txt", func(w io.Writer) error { return WriteText(w, failedReport(), TextOptions{Width: 60, Color: true}) }},
		{"table.txt", func(w io.Writer) error { return WriteVerdictTable(w, reports, TextOptions{}) }},
		{"report.json", func(w io.Writer) error { return WriteJSON(w, reports) }},
		{"report.md", func(w io.Writer) error { return WriteMarkdown(w, reports, MarkdownOptions{Version: "1.2.3"}) }},
		{"report.om", func(w io.Writer) error { return WriteOpenMetrics(w, reports) }},
		{"report.csv", func(w io.Writer) error { return WriteCSV(w, reports) }},
		{"report.html", func(w io.Writer) error { return WriteHTML(w, reports, HTMLOptions{Version: "1.2.3"}) }},
		{"annotations.txt", func(w io.Writer) error { return WriteAnnotations(w, reports, func(f string) string { return f }) }},
		{"report.xml", func(w io.Writer) error { return WriteJUnit(w, reports) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var b bytes.Buffer
			if err := tc.write(&b); err != nil {
				t.Fatal(err)
			}
			checkGolden(t, tc.name, b.Bytes())
			for _, secret := range []string{"correct horse", "eyJhbGciOiJIUzI1NiJ9", "\x1b[31mred", "\x00", "\n::error::", "##[warning"} {
				if bytes.Contains(b.Bytes(), []byte(secret)) {
					t.Errorf("%q got out", secret)
				}
			}
		})
	}
}
