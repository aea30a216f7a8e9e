package loadgen

import (
	"fmt"
	"strings"

	"github.com/realtime-toolkit/rtk/internal/nearest"
)

// didYouMean is the hint for an unknown word: the nearest known one, or all
// of them when they are few.
func didYouMean(got string, candidates []string) string {
	if n := nearest.Word(got, candidates); n != "" {
		return fmt.Sprintf("did you mean %q?", n)
	}
	if len(candidates) == 0 || len(candidates) > 20 {
		return ""
	}
	return "known: " + strings.Join(candidates, ", ")
}
