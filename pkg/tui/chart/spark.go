// Package chart draws small charts with characters. It knows neither terminal
// nor framework: numbers in, strings out. It imports the standard library only.
package chart

import "strings"

var eighths = [...]rune{'▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'}

// Spark draws the last width values as a line of eighth blocks, scaled to the
// largest of them. Shorter input is padded on the left; a value above zero
// never looks like zero.
func Spark(values []uint32, width int) string {
	if width <= 0 {
		return ""
	}
	if len(values) > width {
		values = values[len(values)-width:]
	}
	var top uint32
	for _, v := range values {
		top = max(top, v)
	}
	var b strings.Builder
	for range width - len(values) {
		b.WriteRune(eighths[0])
	}
	for _, v := range values {
		level := 0
		if v > 0 {
			level = 1 + int(uint64(v)*uint64(len(eighths)-2)/uint64(top))
		}
		b.WriteRune(eighths[level])
	}
	return b.String()
}
