package loadgen

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/ledger"
)

// ParseTemplate compiles plain text with {{variables}}; values are inserted
// as they are.
func ParseTemplate(s string) (Template, error) { return compileTemplate(s, false) }

// ParseJSONTemplate compiles JSON text with {{variables}}. Within a JSON
// string a value is escaped; outside of one, numbers stand bare and texts are
// quoted.
func ParseJSONTemplate(s string) (Template, error) {
	t, err := compileTemplate(s, true)
	if err != nil {
		return Template{}, err
	}
	if _, ok := jsonValue([]byte(t.placeholder())); !ok {
		return Template{}, fmt.Errorf("not valid JSON")
	}
	return t, nil
}

func compileTemplate(s string, isJSON bool) (Template, error) {
	t := Template{text: s}
	inString := false
	var nth uint64
	for rest := s; rest != ""; {
		open := strings.Index(rest, "{{")
		if open < 0 {
			t.parts = append(t.parts, templatePart{lit: rest})
			break
		}
		if open > 0 {
			t.parts = append(t.parts, templatePart{lit: rest[:open]})
			inString = stringState(rest[:open], inString)
		}
		end := strings.Index(rest[open:], "}}")
		if end < 0 {
			return Template{}, fmt.Errorf("{{ without }}")
		}
		p, err := parseTemplateVar(rest[open+2 : open+end])
		if err != nil {
			return Template{}, err
		}
		p.nth = nth
		nth++
		if isJSON {
			p.escape = inString
			p.quote = !inString && p.v.text != nil
		}
		t.parts = append(t.parts, p)
		rest = rest[open+end+2:]
	}
	return t, nil
}

// stringState follows a piece of JSON text and tells whether a string literal
// is open at its end.
func stringState(s string, in bool) bool {
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			in = !in
		case s[i] == '\\' && in:
			i++
		}
	}
	return in
}

func parseTemplateVar(expr string) (templatePart, error) {
	name, mod, hasMod := strings.Cut(expr, "%")
	name = strings.TrimSpace(name)
	var p templatePart
	for _, v := range []string{matrixVar, varsVar} {
		if own, ok := strings.CutPrefix(name, strings.TrimSuffix(v, "NAME")); ok && own != "" {
			p.name, name = own, v
		}
	}
	if own, ok := strings.CutPrefix(name, "data."); ok && name != dataVar {
		if p.name, p.column, ok = strings.Cut(own, "."); !ok || p.name == "" || p.column == "" {
			return p, fmt.Errorf("{{%s}}: write {{data.NAME.COLUMN}}", name)
		}
		name = dataVar
	}
	if rest, ok := strings.CutPrefix(name, "marker "); ok {
		n, err := strconv.Atoi(strings.TrimSpace(rest))
		if err != nil || n < ledger.MinFilled || n > ledger.MaxFilled {
			return p, fmt.Errorf("{{%s}}: the size of a marker with a payload is %d to %d bytes", strings.TrimSpace(expr), ledger.MinFilled, ledger.MaxFilled)
		}
		name, p.size = "marker", n
	}
	if size, ok := strings.CutPrefix(name, "pad "); ok {
		n, err := parsePad(size)
		if err != nil {
			return p, fmt.Errorf("{{%s}}: %w", strings.TrimSpace(expr), err)
		}
		p.pad, name = n, "pad SIZE"
	}
	i := slices.IndexFunc(templateVars, func(v *templateVar) bool { return v.name == name })
	if i < 0 {
		return p, fmt.Errorf("unknown variable {{%s}}: %s", name, didYouMean(name, templateVarNames()))
	}
	p.v = templateVars[i]
	if hasMod {
		n, err := strconv.ParseUint(strings.TrimSpace(mod), 10, 32)
		if err != nil || n == 0 {
			return p, fmt.Errorf("{{%s}}: a whole number from 1 expected after %%", strings.TrimSpace(expr))
		}
		if p.v.number == nil {
			return p, fmt.Errorf("{{%s}}: %% needs a number, %s is text", strings.TrimSpace(expr), name)
		}
		p.mod = n
	}
	return p, nil
}

// maxPad bounds {{pad SIZE}}: a client holds what it sends.
const maxPad = 64 << 20

// parsePad reads 2MiB, 64KiB or 100B.
func parsePad(s string) (int, error) {
	s = strings.TrimSpace(s)
	for _, unit := range []struct {
		name string
		of   int
	}{{"MiB", 1 << 20}, {"KiB", 1 << 10}, {"MB", 1e6}, {"kB", 1e3}, {"B", 1}} {
		digits, ok := strings.CutSuffix(s, unit.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(strings.TrimSpace(digits), 10, 31)
		if err != nil || n == 0 || int(n) > maxPad/unit.of {
			return 0, fmt.Errorf("a size from 1B to 64MiB is wanted")
		}
		return int(n) * unit.of, nil
	}
	return 0, fmt.Errorf("a size with its unit is wanted, such as 64KiB")
}

func templateVarNames() []string {
	names := make([]string, len(templateVars))
	for i, v := range templateVars {
		names[i] = v.name
	}
	return names
}

// placeholder is the template's text with every variable replaced by valid
// JSON of the same length, so that offsets in it hold for the text too.
func (t Template) placeholder() string {
	var b strings.Builder
	for i, rest := 0, t.text; i < len(t.parts); i++ {
		p := &t.parts[i]
		n := len(p.lit)
		if p.v == nil {
			b.WriteString(p.lit)
		} else {
			n = strings.Index(rest, "}}") + 2
			fill := strings.Repeat("1", n)
			if p.quote {
				fill = `"` + fill[2:] + `"`
			}
			b.WriteString(fill)
		}
		rest = rest[n:]
	}
	return b.String()
}

// splitJSONArgs divides the text of a JSON array with variables into one
// template for each element.
func splitJSONArgs(s string) ([]Template, error) {
	whole, err := ParseJSONTemplate(s)
	if err != nil {
		return nil, err
	}
	arr, _ := jsonValue([]byte(whole.placeholder()))
	if arr[0] != '[' {
		return nil, fmt.Errorf("a JSON array of the arguments is wanted, as in [\"lobby\", {\"n\": 1}]")
	}
	text := strings.TrimLeft(s, " \t\r\n")
	var out []Template
	for i := 1; ; {
		start, end, ok := scanJSON(arr, i, 0)
		if !ok {
			return out, nil
		}
		t, err := ParseJSONTemplate(text[start:end])
		if err != nil {
			return nil, err
		}
		out = append(out, t)
		if i = skipJSONSpace(arr, end); arr[i] != ',' {
			return out, nil
		}
		i++
	}
}

// formatNumber prints a number as JSON does, without an exponent where JSON
// text would look odd.
func formatNumber(f float64) string {
	if f == math.Trunc(f) && math.Abs(f) < 1e15 {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}
