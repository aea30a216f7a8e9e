package loadgen

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// condition is one thing that ensure asks for, kept until it is known what the
// scenario measures.
type condition struct {
	at         *node
	metric, op string
	value      float64
}

var (
	artilleryCondition = regexp.MustCompile(`^\s*([A-Za-z_][A-Za-z0-9_.\-]*)\s*(<=|>=|==|!=|<|>)\s*([0-9]+(?:\.[0-9]+)?)\s*$`)
	artilleryAnd       = regexp.MustCompile(`(?i)\s+and\s+`)
)

// conditions reads ensure in all its forms.
func (a *artillery) conditions(n *node) {
	if n.kind != mappingNode {
		a.comment([]string{a.lost(n, "ensure")})
		return
	}
	r := a.read(n)
	if list := r.get("thresholds"); list != nil {
		for _, item := range list.items {
			for _, e := range item.entries {
				if v, ok := artilleryNumber(e.value); ok {
					a.asked = append(a.asked, condition{e.key, e.key.text, "<", v})
				} else {
					a.comment([]string{a.lost(e.key, "threshold %s", e.key.text)})
				}
			}
		}
	}
	if list := r.get("conditions"); list != nil {
		for _, item := range list.items {
			a.expression(item)
		}
	}
	for _, key := range []string{"min", "max", "median", "p50", "p75", "p90", "p95", "p99", "p999", "maxErrorRate"} {
		x := r.get(key)
		if x == nil {
			continue
		}
		if v, ok := artilleryNumber(x); ok {
			a.asked = append(a.asked, condition{x, key, "<=", v})
		} else {
			a.comment([]string{a.lost(x, "ensure.%s", key)})
		}
	}
	a.comment(r.rest("ensure."))
}

func (a *artillery) expression(n *node) {
	expr := n
	if n.kind == mappingNode {
		r := a.read(n)
		expr = r.get("expression")
		if s := r.get("strict"); s != nil && s.text == "false" {
			a.comment([]string{a.changed(s, "a condition that is not strict fails the run here; severity: warn would not")})
		}
	}
	if expr == nil || expr.kind != scalarNode {
		a.comment([]string{a.lost(n, "a condition")})
		return
	}
	for _, part := range artilleryAnd.Split(expr.text, -1) {
		m := artilleryCondition.FindStringSubmatch(strings.Trim(part, "() "))
		if m == nil {
			a.comment([]string{a.lost(expr, "condition %s", part)})
			continue
		}
		v, _ := strconv.ParseFloat(m[3], 64)
		a.asked = append(a.asked, condition{expr, m[1], m[2], v})
	}
}

// ensure turns the conditions into thresholds, each metric once.
func (a *artillery) ensure() {
	byKey := map[string][]string{}
	var order []string
	for _, c := range a.asked {
		key, expr := a.threshold(c)
		if key == "" {
			a.thresholds = append(a.thresholds, a.lost(c.at, "threshold %s %s %g: nothing here measures it", c.metric, c.op, c.value))
			continue
		}
		if byKey[key] == nil {
			order = append(order, key)
		}
		if !slices.Contains(byKey[key], expr) {
			byKey[key] = append(byKey[key], expr)
		}
	}
	for _, key := range order {
		list := make([]string, len(byKey[key]))
		for i, e := range byKey[key] {
			list[i] = quoted(e)
		}
		a.thresholds = append(a.thresholds, key+": ["+strings.Join(list, ", ")+"]")
	}
}

// threshold is a condition in this language, "" for one that nothing measures.
func (a *artillery) threshold(c condition) (key, expr string) {
	latency := func(aggregate string) (string, string) {
		aggregate = strings.ToLower(aggregate)
		if aggregate == "median" {
			aggregate = "p50"
		}
		if aggregate == "p999" {
			aggregate = "p99.9"
		}
		if !regexp.MustCompile(`^(min|max|mean|p[1-9][0-9]?(\.[0-9]+)?)$`).MatchString(aggregate) {
			return "", ""
		}
		metric := ""
		switch {
		case a.hasAck:
			metric = AckLatency
		case a.hasRequest:
			metric = PublishLatency
		default:
			return "", ""
		}
		return metric, fmt.Sprintf("%s %s %sms", aggregate, c.op, formatNumber(c.value))
	}
	name := strings.TrimPrefix(c.metric, "engine.")
	engine, rest, _ := strings.Cut(name, ".")
	switch {
	case c.metric == "maxErrorRate":
		return Errors, fmt.Sprintf("rate <= %s%%", formatNumber(c.value))
	case c.metric == "vusers.failed":
		return Errors, fmt.Sprintf("count %s %s", c.op, formatNumber(c.value))
	case !strings.Contains(c.metric, "."):
		return latency(c.metric)
	case strings.HasPrefix(rest, "response_time.") && (engine == "socketio" && a.hasAck || engine == "http" && a.hasRequest && !a.hasAck):
		return latency(strings.TrimPrefix(rest, "response_time."))
	}
	return "", ""
}
