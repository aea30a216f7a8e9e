package loadgen

import (
	"fmt"
	"strings"
)

// markdownTruth is what a verify block found beyond its grid: the price of the
// way between targets, and who ate the messages.
func markdownTruth(v *VerifyReport, m *masker) string {
	var b strings.Builder
	if v.Price != nil {
		fmt.Fprintf(&b, "\n%s: %s\n", markdownCode(m, v.Name), v.Price.text())
	}
	rows := causeRows(v.Causes)
	for i, r := range rows {
		if i == 0 {
			fmt.Fprintf(&b, "\n| %s: who ate them | | deliveries | published | evidence |\n|---|---|---|---|---|\n", markdownCode(m, v.Name))
		}
		if i == markdownRows {
			fmt.Fprintf(&b, "\nand %d more\n", len(rows)-i)
			break
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", r[0], markdownCode(m, r[1]), r[2], r[3], r[4])
	}
	return b.String()
}
