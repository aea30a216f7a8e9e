package find

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/jsondoc"
)

// Schema is the JSON Schema (draft 07) of WriteJSON's output.
func Schema() []byte {
	return jsondoc.Schema(reflect.TypeFor[Result](), jsondoc.Options{
		Title: "rtk bench find", ID: ID,
		Enums: map[reflect.Type][]any{
			reflect.TypeFor[Verdict](): {Found, AtMax, None, Generator, Lost, OutOfSteps, Interrupted},
			reflect.TypeFor[Outcome](): {Holds, Fails, Saturated, Unreachable, Broken},
		},
	})
}

// WriteJSON writes the result as JSON, described by Schema.
func (r *Result) WriteJSON(w io.Writer) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	b = bytes.ReplaceAll(b, []byte("##["), []byte(`#\u0023[`)) // no command to a CI runner
	_, err = w.Write(append(b, '\n'))
	return err
}

// WriteText writes the result for people.
func (r *Result) WriteText(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s: highest %s at which %s\n", clean(r.Scenario), clean(r.Vary), clean(r.Holds))
	rows := [][]string{}
	for _, t := range r.Trials {
		rows = append(rows, []string{Number(t.Value), t.Why, string(t.Outcome), clean(t.Got), clean(t.Reason)})
	}
	widths := make([]int, 5)
	for _, row := range rows {
		for i, s := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(s))
		}
	}
	for _, row := range rows {
		line := " "
		for i, s := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(s))
			if i == 0 {
				line += " " + pad + s
			} else {
				line += "  " + s + pad
			}
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	fmt.Fprintf(&b, "%s\n", r.Summary())
	_, err := w.Write(b.Bytes())
	return err
}

// Summary is the result in one line.
func (r *Result) Summary() string {
	best := fmt.Sprintf("%s = %s", clean(r.Vary), Number(r.Best))
	confirmed := fmt.Sprintf("confirmed by %d more runs", r.Confirms)
	switch r.Verdict {
	case Found:
		return fmt.Sprintf("FOUND: %s holds, %s; %s does not", best, confirmed, Number(r.Above))
	case AtMax:
		return fmt.Sprintf("HOLDS AT THE MAXIMUM: %s, %s; the knee is above, raise --max", best, confirmed)
	case None:
		return "FAILS AT THE MINIMUM: nothing that was tried holds; lower --min"
	case Generator:
		if r.Best == 0 {
			return "INCONCLUSIVE: the generator was the bottleneck at every value, the server was not measured"
		}
		return fmt.Sprintf("INCONCLUSIVE: %s holds; at %s it is the generator's limit, not the server's", best, Number(r.Above))
	case Lost:
		if r.Best == 0 {
			return "UNREACHABLE: nothing was measured"
		}
		return fmt.Sprintf("SERVER LOST: %s held; then the server could not be reached any more", best)
	case OutOfSteps:
		return fmt.Sprintf("INCONCLUSIVE: %s held once, but the runs that were allowed did not confirm it", best)
	}
	return fmt.Sprintf("INTERRUPTED: %s held so far", best)
}

// Number prints a value without digits that it does not have.
func Number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// clean keeps text on one line and from being a command to a CI runner.
func clean(s string) string {
	s = strings.Map(func(c rune) rune {
		switch {
		case c == '\n' || c == '\r' || c == '\t':
			return ' '
		case c < ' ' || c >= 0x7f && c < 0xa0 || c == 0x2028 || c == 0x2029:
			return -1
		}
		return c
	}, s)
	return strings.ReplaceAll(strings.ReplaceAll(s, "##[", "# #["), "::", ": :")
}
