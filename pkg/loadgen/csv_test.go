package loadgen

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"
)

// TestCSVHoldsNoFormula: a spreadsheet takes nothing in it for a formula, and
// every line has the columns of the header.
func TestCSVHoldsNoFormula(t *testing.T) {
	t.Parallel()
	r, plus, minus, at := hostileReport(), passedReport(), passedReport(), passedReport()
	plus.Scenario, minus.RunID, at.Scenario = "+1+1", "-2+3", "@SUM(1)"
	r.Scenario, r.Metrics[0].Labels = `=cmd|' /C calc'!A0`, map[string]string{LabelEvent: "@SUM(1)\n\"x,y\""}
	var b bytes.Buffer
	if err := WriteCSV(&b, []*Report{r, plus, minus, at}); err != nil {
		t.Fatal(err)
	}
	records, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(records) < 10 {
		t.Fatalf("%d lines", len(records))
	}
	for _, rec := range records {
		for i, field := range rec[:len(rec)-1] { // the last is a number
			if field != "" && strings.ContainsRune("=+-@\t\r", rune(field[0])) {
				t.Errorf("column %s: %q", csvHeader[i], field)
			}
		}
	}
}
