package loadgen

import (
	"fmt"
	"strings"
)

// nearest returns the candidate that was probably meant by got, "" when none
// is near: at most a third of the letters may differ.
func nearest(got string, candidates []string) string {
	best, bestDist := "", len(got)/3+1
	for _, c := range candidates {
		if strings.EqualFold(got, c) {
			return c
		}
		if d := editDistance(strings.ToLower(got), strings.ToLower(c), bestDist+1); d < bestDist || d == bestDist && best == "" {
			best, bestDist = c, d
		}
	}
	return best
}

// didYouMean is the hint for an unknown word: the nearest known one, or all
// of them when they are few.
func didYouMean(got string, candidates []string) string {
	if n := nearest(got, candidates); n != "" {
		return fmt.Sprintf("did you mean %q?", n)
	}
	if len(candidates) == 0 || len(candidates) > 20 {
		return ""
	}
	return "known: " + strings.Join(candidates, ", ")
}

// editDistance is the Damerau-Levenshtein distance (adjacent transpositions
// count as one), or limit when it is no smaller. Long words are not compared,
// which bounds the work on hostile input.
func editDistance(a, b string, limit int) int {
	ra, rb := []rune(a), []rune(b)
	if len(ra) > 64 || len(rb) > 64 || len(ra)-len(rb) >= limit || len(rb)-len(ra) >= limit {
		return limit
	}
	var rows [3][65]int
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
