package socketio_test

import (
	"strings"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/wire/socketio"
)

// TestParseIsLinear gives the parser a megabyte of each shape that makes naive
// parsers slow or deep.
func TestParseIsLinear(t *testing.T) {
	t.Parallel()
	const size = 1_000_000
	deep := strings.Repeat(`[{"a":`, 250)
	for name, text := range map[string]string{
		"open brackets":       `2["a",` + strings.Repeat("[", size),
		"deep and wide":       `51-["a",` + deep + `[` + strings.Repeat(`{"num":0},`, size/10) + `"_placeholder"]` + strings.Repeat("}]", 250) + "]",
		"deep before wide":    `51-["a",` + deep + `[` + strings.Repeat(`"\u0061",`, size/9) + `1]` + strings.Repeat("}]", 250) + "]",
		"many placeholders":   `51-["a"` + strings.Repeat(`,{"_placeholder":true,"num":0}`, size/30) + `]`,
		"one long name":       `2["` + strings.Repeat(`\u0061`, size/6) + `"]`,
		"digits for an id":    "2" + strings.Repeat("1", size),
		"one long namespace":  "0/" + strings.Repeat("a", size),
		"white space":         `2["a"` + strings.Repeat(" ", size) + `]`,
		"attachments, digits": "5" + strings.Repeat("0", size) + `-["a"]`,
	} {
		start := time.Now()
		_, _ = socketio.Parse([]byte(text), 10)
		// A megabyte takes a few milliseconds; a quadratic walk takes minutes.
		if d := time.Since(start); d > 2*time.Second {
			t.Errorf("%s: %s for %d bytes", name, d, len(text))
		} else {
			t.Logf("%s: %s", name, d)
		}
	}
}
