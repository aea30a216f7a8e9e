// Package nearest finds what was probably meant by a misspelt word, for errors
// that say so. It imports the standard library only.
package nearest

import (
	"fmt"
	"strings"
)

// maxRunes is the length up to which words are compared: it bounds the work on
// hostile input.
const maxRunes = 64

// Word returns the candidate that was probably meant by got, "" when none is
// near: a third of its letters and one more may differ, upper and lower case
// are one.
func Word(got string, candidates []string) string {
	if got == "" {
		return ""
	}
	best, bestDistance := "", len(got)/3+2
	for _, c := range candidates {
		if strings.EqualFold(got, c) {
			return c
		}
		if d := distance(strings.ToLower(got), strings.ToLower(c), bestDistance); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// Hint is Word in words, to be put behind those of an error: , did you mean "x"?
// It is "" when nothing is near.
func Hint(got string, candidates []string) string {
	if w := Word(got, candidates); w != "" && w != got {
		return fmt.Sprintf(", did you mean %q?", w)
	}
	return ""
}

// distance is the Damerau-Levenshtein distance (adjacent transpositions count as
// one), or limit when it is no smaller.
func distance(a, b string, limit int) int {
	ra, rb := []rune(a), []rune(b)
	if len(ra) > maxRunes || len(rb) > maxRunes || len(ra)-len(rb) >= limit || len(rb)-len(ra) >= limit {
		return limit
	}
	var rows [3][maxRunes + 1]int
	for j := range len(rb) + 1 {
		rows[0][j] = j
	}
	for i := 1; i <= len(ra); i++ {
		cur, prev, before := &rows[i%3], &rows[(i+2)%3], &rows[(i+1)%3]
		cur[0] = i
		for j := 1; j <= len(rb); j++ {
			cost := 1
			if ra[i-1] == rb[j-1] {
				cost = 0
			}
			d := min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && ra[i-1] == rb[j-2] && ra[i-2] == rb[j-1] {
				d = min(d, before[j-2]+1)
			}
			cur[j] = d
		}
	}
	return min(rows[len(ra)%3][len(rb)], limit)
}
