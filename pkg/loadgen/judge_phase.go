package loadgen

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// broken counts the losses and duplicates of a verify block that its guarantee
// does not allow, and says which it does. What is published in a phase with a
// guarantee of its own is judged by that.
func (e *engine) broken(acc *account) (lost, duplicated int64, allowed string) {
	v := acc.watch.verify
	rest := acc.total
	var notes []string
	judge := func(g Guarantee, c *Counts, where string) {
		switch {
		case g != AtMostOnce:
			lost += c.Lost
		case c.Lost > 0 && where != "":
			notes = append(notes, fmt.Sprintf("%d of %d lost in phase %s, which %s allows", c.Lost, c.Expected, where, g))
		}
		switch {
		case g != AtLeastOnce:
			duplicated += c.Duplicated
		case c.Duplicated > 0 && where != "":
			notes = append(notes, fmt.Sprintf("%d duplicated in phase %s, which %s allows", c.Duplicated, where, g))
		}
	}
	for _, phase := range slices.Sorted(maps.Keys(v.InPhase)) {
		spans, _ := e.windows.stretches([]LabelMatch{{Key: LabelPhase, Value: phase}})
		for _, part := range e.accountIn(spans) {
			if part.watch == acc.watch {
				judge(v.InPhase[phase], &part.total, phase)
				rest.Lost -= part.total.Lost
				rest.Duplicated -= part.total.Duplicated
			}
		}
	}
	judge(v.Guarantee, &rest, "")
	return max(lost, 0), max(duplicated, 0), strings.Join(notes, "\n")
}
