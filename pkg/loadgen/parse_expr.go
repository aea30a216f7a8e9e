package loadgen

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/realtime-toolkit/rtk/internal/nearest"
)

// The grammar of threshold expressions:
//
//	expr  = [agg] op value | [agg] "between" value "and" value | [agg] "within" percent "of" value
//	agg   = name | percentile | "slope" ["of" agg]
//	op    = "<" | "<=" | ">" | ">=" | "==" | "!="
//	value = number unit | [number "*"] ref ["*" number] [("+" | "-") number unit]
//	ref   = "baseline" | metric "_" agg, such as same_pod_p99
//
// The unit of a slope is one of its aggregate for a time: 1ms/h, 2MiB/h.
//
// The aggregate may be left out where a metric has one value: gauges, and
// rates with a sample for each client.

// exprError is an error at a byte offset of the expression.
type exprError struct {
	offset int
	msg    string
	hint   string
}

func (e *exprError) Error() string { return e.msg }

// word is one token of an expression.
type word struct {
	text   string
	offset int
}

// splitWords divides an expression into words; comparison signs stand alone.
func splitWords(s string) []word {
	var out []word
	for i := 0; i < len(s); {
		c := s[i]
		from := i
		switch {
		case c == ' ' || c == '\t' || c == '\n':
			i++
			continue
		case strings.IndexByte("<>=!", c) >= 0:
			for i < len(s) && strings.IndexByte("<>=!", s[i]) >= 0 {
				i++
			}
		case c == '+' || c == '-' || c == '*':
			i++
		default:
			for i < len(s) && strings.IndexByte("<>=!+-* \t\n", s[i]) < 0 {
				i++
			}
		}
		out = append(out, word{s[from:i], from})
	}
	return out
}

// exprParser reads the words of one expression.
type exprParser struct {
	words []word
	pos   int
	end   int // length of the text
	def   *MetricDef
	out   ThresholdExpr
}

func parseExpr(s string, def *MetricDef) (ThresholdExpr, error) {
	if len(s) > 500 {
		return ThresholdExpr{}, &exprError{msg: "condition is too long"}
	}
	p := &exprParser{words: splitWords(s), end: len(s), def: def, out: ThresholdExpr{Text: strings.Join(strings.Fields(s), " ")}}
	if err := p.parse(); err != nil {
		return ThresholdExpr{}, err
	}
	return p.out, nil
}

func (p *exprParser) peek() word {
	if p.pos < len(p.words) {
		return p.words[p.pos]
	}
	return word{offset: p.end}
}

func (p *exprParser) next() word {
	w := p.peek()
	p.pos++
	return w
}

func (p *exprParser) fail(w word, hint, format string, args ...any) error {
	return &exprError{offset: w.offset, msg: fmt.Sprintf(format, args...), hint: hint}
}

var compareOps = []string{"<", "<=", ">", ">=", "==", "!="}

func (p *exprParser) parse() error {
	if len(p.words) == 0 {
		return p.fail(word{}, "write for example "+p.example(), "empty condition")
	}
	if err := p.aggregate(); err != nil {
		return err
	}
	op := p.next()
	p.out.Op = op.text
	var err error
	switch {
	case slices.Contains(compareOps, op.text):
		err = p.right()
	case op.text == "between":
		err = p.between()
	case op.text == "within":
		err = p.within()
	case op.text == "=" || op.text == "=<" || op.text == "=>":
		return p.fail(op, "did you mean "+strings.Join(compareOps, " ")+"?", "unknown comparison %q", op.text)
	default:
		return p.fail(op, "write for example "+p.example(), "a comparison is expected, not %q", clip(printable(op.text), 40))
	}
	if err != nil {
		return err
	}
	if w := p.peek(); w.text != "" {
		return p.fail(w, "write several conditions as a list: [p50 < 3s, p99 < 15s]", "unexpected %q after the condition", clip(printable(w.text), 40))
	}
	return nil
}

// aggregate reads the left side.
func (p *exprParser) aggregate() error {
	w := p.peek()
	p.out.Agg = "value"
	if !slices.Contains(compareOps, w.text) && w.text != "between" && w.text != "within" {
		p.next()
		p.out.Agg = w.text
		if p.out.Agg == "med" || p.out.Agg == "median" {
			p.out.Agg = "p50"
		}
		if p.out.Agg == "avg" {
			p.out.Agg = "mean"
		}
		_, isPercentile := percentileOf(p.out.Agg)
		known := append(p.def.Kind.aggs(), "p95")
		switch {
		case p.out.Agg == "slope" && p.def.Kind.hasAgg("slope"):
			if err := p.slope(); err != nil {
				return err
			}
		case p.out.Agg[0] == 'p' && !isPercentile && !slices.Contains(known, p.out.Agg):
			return p.fail(w, "write p50, p99 or p99.9", "%q is no percentile", clip(printable(w.text), 40))
		case !p.def.Kind.hasAgg(p.out.Agg):
			return p.fail(w, "one of "+strings.Join(p.def.Kind.aggs(), ", "), "a %s metric has no aggregate %q", p.def.Kind, clip(printable(w.text), 40))
		}
	} else if !p.def.Kind.hasAgg("value") {
		return p.fail(w, "write for example "+p.example(), "a %s metric needs an aggregate: one of %s", p.def.Kind, strings.Join(p.def.Kind.aggs(), ", "))
	}
	p.out.Unit = p.unit()
	return nil
}

// slope reads what the slope is of.
func (p *exprParser) slope() error {
	p.out.Of = p.def.Kind.slopeOf()
	if p.peek().text != "of" {
		return nil
	}
	p.next()
	w := p.next()
	if p.out.Of = w.text; !p.def.Kind.hasAgg(w.text) || w.text == "slope" || w.text == "count" {
		return p.fail(w, "write for example slope of "+p.def.Kind.slopeOf(), "a %s metric has no slope of %q", p.def.Kind, clip(printable(w.text), 40))
	}
	return nil
}

// unit is the base unit of the left side.
func (p *exprParser) unit() string {
	if p.out.Agg == "slope" {
		return p.unitOf(p.out.Of) + perHour
	}
	return p.unitOf(p.out.Agg)
}

// perHour is the end of a slope's unit.
const perHour = "/h"

func (p *exprParser) unitOf(agg string) string {
	switch {
	case agg == "count" || agg == "total":
		return ""
	case agg == "rate" && p.def.Kind == KindRatio:
		return "ratio"
	case agg == "rate" && p.def.Unit == "B":
		return "B/s"
	case agg == "rate":
		return "/s"
	}
	return p.def.Unit
}

func (p *exprParser) example() string {
	switch p.def.Kind {
	case KindLatency:
		if p.out.Agg == "slope" {
			return "slope < 1ms/h"
		}
		return "p99 < 200ms"
	case KindSampled:
		if p.out.Agg == "slope" && p.def.Unit == "B" {
			return "slope < 2MiB/h"
		}
		return "max < 1000"
	case KindRate:
		if p.def.Unit == "" {
			return "p99 < 6"
		}
		return "between 9/s and 11/s"
	case KindCounter:
		return "count > 0"
	case KindRatio:
		return "count == 0"
	}
	switch p.def.Unit {
	case "/s":
		return "max < 100/s"
	case "s":
		return "max < 10s"
	}
	return "< 1"
}

// right reads the right side of a comparison: a value, or a reference with an
// optional factor and distance.
func (p *exprParser) right() error {
	w := p.peek()
	factor, leads := 1.0, false
	if n, unit, ok := splitNumber(w.text); ok && unit == "" && p.pos+1 < len(p.words) && p.words[p.pos+1].text == "*" {
		factor, leads = n, true
		p.pos += 2
		w = p.peek()
	}
	metric, agg, ok := splitRef(w.text)
	switch {
	case w.text == refBaseline:
		p.out.Ref, p.out.RefMetric, p.out.RefAgg = refBaseline, p.def.Name, p.out.Agg
	case !ok && leads:
		return p.fail(w, "write for example 1.2 * baseline", "a factor is for baseline and other metrics, not for %q", clip(printable(w.text), 40))
	case !ok:
		v, err := p.value()
		p.out.Value = v
		return err
	default:
		if err := p.reference(w, metric, agg); err != nil {
			return err
		}
	}
	p.next()
	if p.peek().text == "*" {
		p.next()
		w := p.next()
		n, unit, ok := splitNumber(w.text)
		if !ok || unit != "" || leads {
			return p.fail(w, "write for example baseline * 1.2", "a plain number is expected as the factor, not %q", clip(printable(w.text), 40))
		}
		factor = n
	}
	if factor != 1 {
		p.out.Factor = factor
	}
	sign := p.peek().text
	if sign != "+" && sign != "-" {
		return nil
	}
	p.next()
	v, err := p.value()
	if sign == "-" {
		v = -v
	}
	p.out.Value = v
	return err
}

// reference checks a reference to another metric.
func (p *exprParser) reference(w word, metric, agg string) error {
	def := metricIndex[metric]
	if def == nil {
		hint := ""
		if near := nearest.Word(metric, metricNames()); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near+"_"+agg)
		}
		return p.fail(w, hint, "unknown value %q", clip(printable(w.text), 60))
	}
	if !def.Kind.hasAgg(agg) || def.Kind != p.def.Kind || agg == "slope" {
		return p.fail(w, "", "%q does not compare with a %s", w.text, p.def.Kind)
	}
	p.out.Ref, p.out.RefMetric, p.out.RefAgg = w.text, metric, agg
	return nil
}

// splitRef reads a reference such as same_pod_p99.
func splitRef(s string) (metric, agg string, ok bool) {
	i := strings.LastIndexByte(s, '_')
	if i <= 0 || s[0] >= '0' && s[0] <= '9' {
		return "", "", false
	}
	return s[:i], s[i+1:], true
}

// value reads one literal in the unit of the left side.
func (p *exprParser) value() (float64, error) {
	w := p.next()
	if w.text == "" {
		return 0, p.fail(w, "write for example "+p.example(), "a value is missing")
	}
	n, unit, isNumber := splitNumber(w.text)
	if !isNumber {
		return 0, p.fail(w, "write for example "+p.example(), "a value is expected, not %q", clip(printable(w.text), 40))
	}
	if n == 0 && unit == "" {
		return 0, nil
	}
	if base, ok := strings.CutSuffix(p.out.Unit, perHour); ok {
		return p.perHour(w, base)
	}
	return p.literal(w, p.out.Unit)
}

// perHour reads a literal for a time: 2MiB/h, 1ms/min.
func (p *exprParser) perHour(w word, base string) (float64, error) {
	text, per, ok := cutLast(w.text, "/")
	d, known := durationUnits[per]
	if !ok || !known {
		return 0, p.fail(w, "write for example "+p.example(), "%s: a slope is so much for a time, as in 1ms/h", w.text)
	}
	v, err := p.literal(word{text, w.offset}, base)
	return v * float64(time.Hour) / float64(d), err
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// literal reads a number with a unit.
func (p *exprParser) literal(w word, base string) (float64, error) {
	n, unit, ok := splitNumber(w.text)
	if !ok {
		return 0, p.fail(w, "write for example "+p.example(), "a value is expected, not %q", clip(printable(w.text), 40))
	}
	if n == 0 && unit == "" {
		return 0, nil
	}
	switch base {
	case "B", "B/s":
		v, ok := parseBytes(strings.TrimSuffix(w.text, "/s"))
		if !ok {
			return 0, p.fail(w, "write for example 512MiB", "%s: a size has a unit such as KiB, MiB, MB", w.text)
		}
		return v, nil
	case "s":
		d, err := parseDuration(w.text)
		if err != nil {
			return 0, p.fail(w, "", "%s: %v", w.text, err)
		}
		return d.Seconds(), nil
	case "/s":
		r, err := parseRate(w.text)
		if err != nil {
			return 0, p.fail(w, "", "%s: %v", w.text, err)
		}
		return r, nil
	case "ratio":
		if share, per, ok := cutLast(w.text, "/"); ok && p.out.Agg == "rate" && durationUnits[per] > 0 {
			p.out.Per, w.text = durationUnits[per], share
		}
		v, ok := parsePercent(w.text)
		if !ok || v > 1 {
			hint := ""
			if unit == "" && n <= 100 {
				hint = fmt.Sprintf("write %s%%", strconv.FormatFloat(n, 'f', -1, 64))
			}
			return 0, p.fail(w, hint, "%s: a share is a percentage from 0%% to 100%%", w.text)
		}
		return v, nil
	}
	if p.def.Kind == KindSampled {
		if v, ok := parseBytes(w.text); ok {
			return v, nil
		}
		if d, err := parseDuration(w.text); err == nil {
			return d.Seconds(), nil
		}
	}
	if unit == "k" || unit == "M" {
		c, err := parseCount(w.text)
		if err != nil {
			return 0, p.fail(w, "", "%s: %v", w.text, err)
		}
		return float64(c), nil
	}
	if unit != "" {
		return 0, p.fail(w, "write a plain number", "%s: a count has no unit", w.text)
	}
	return n, nil
}

func (p *exprParser) between() error {
	low, err := p.value()
	if err != nil {
		return err
	}
	if w := p.next(); w.text != "and" {
		return p.fail(w, "write between A and B", "between needs two values with and in the middle")
	}
	from := p.peek()
	high, err := p.value()
	if err != nil {
		return err
	}
	if low > high {
		return p.fail(from, "", "between goes from the lower to the higher value")
	}
	p.out.Low, p.out.High = low, high
	return nil
}

func (p *exprParser) within() error {
	w := p.next()
	share, ok := parsePercent(w.text)
	if !ok {
		return p.fail(w, "write within 10% of V", "within needs a percentage, not %q", clip(printable(w.text), 40))
	}
	if of := p.next(); of.text != "of" {
		return p.fail(of, "write within 10% of V", "within needs a value after of")
	}
	v, err := p.value()
	if err != nil {
		return err
	}
	p.out.Value, p.out.Low, p.out.High = v, v-v*share, v+v*share
	return nil
}
