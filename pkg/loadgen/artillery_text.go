package loadgen

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	artilleryVar    = regexp.MustCompile(`\{\{([^{}]*)\}\}`)
	artilleryRandom = regexp.MustCompile(`^\$randomNumber\(\s*(\d{1,9})\s*,\s*(\d{1,9})\s*\)$`)
	artilleryEnv    = regexp.MustCompile(`^\$(?:processEnvironment|env)\.([A-Za-z_][A-Za-z0-9_]*)$`)
)

// quoted is a text as a YAML scalar in double quotes, which JSON's rules fit. A
// reference to the environment in it stays one.
func quoted(s string) string { return string(appendJSONString(nil, s)) }

// pend keeps a comment for the line that holds the variable.
func (a *artillery) pend(comment string) {
	if !slices.Contains(a.pending, comment) {
		a.pending = append(a.pending, comment)
	}
}

// takePending returns the comments on the variables since the last call.
func (a *artillery) takePending() []string {
	out := a.pending
	a.pending = nil
	return out
}

// literal keeps a text of the script from being a reference here.
func literal(s string) string { return strings.ReplaceAll(s, "${", "$${") }

// convert turns the variables of a text into those of this language. It notes
// what means something else, and fails for what has no counterpart.
func (a *artillery) convert(n *node, s string) (string, bool) {
	var b strings.Builder
	at, ok := 0, true
	for _, m := range artilleryVar.FindAllStringSubmatchIndex(s, -1) {
		b.WriteString(literal(s[at:m[0]]))
		text, known := a.variable(n, strings.TrimSpace(s[m[2]:m[3]]))
		b.WriteString(text)
		ok = ok && known
		at = m[1]
	}
	b.WriteString(literal(s[at:]))
	if rest := artilleryVar.ReplaceAllString(s, ""); strings.Contains(rest, "{{") {
		a.pend(a.lost(n, "{{ without }}"))
		return "", false
	}
	return b.String(), ok
}

func (a *artillery) variable(n *node, name string) (string, bool) {
	if data, ok := a.fields[name]; ok {
		return "{{data." + data + "." + name + "}}", true
	}
	if v, ok := a.vars[name]; ok {
		switch {
		case v.kind == scalarNode && !strings.Contains(v.text, "{{"):
			return literal(v.text), true
		case v.kind == sequenceNode && len(v.items) > 0 && v.items[0].kind == scalarNode && !strings.Contains(v.items[0].text, "{{"):
			a.pend(a.changed(n, "{{%s}} is one of a list in the script, here always the first: data may hold the others", name))
			return literal(v.items[0].text), true
		}
	}
	if m := artilleryEnv.FindStringSubmatch(name); m != nil {
		return "${" + m[1] + "}", true
	}
	if m := artilleryRandom.FindStringSubmatch(name); m != nil {
		lo, _ := strconv.Atoi(m[1])
		hi, _ := strconv.Atoi(m[2])
		if hi < lo {
			lo, hi = hi, lo
		}
		if lo > 0 {
			a.pend(a.changed(n, "%s is a number from 0 to %d", name, hi-lo))
		}
		return fmt.Sprintf("{{rand %% %d}}", hi-lo+1), true
	}
	switch {
	case name == "$uuid":
		return "{{uuid}}", true
	case name == "$testId":
		return "{{run.id}}", true
	case name == "$loopCount" && a.loopIndex > 0:
		return strconv.Itoa(a.loopIndex), true
	case name == "$loopCount":
		a.pend(a.changed(n, "$loopCount counts from 0 here"))
		return "{{seq}}", true
	case strings.HasPrefix(name, "$randomString"):
		a.pend(a.changed(n, "%s is a random UUID", name))
		return "{{uuid}}", true
	}
	a.pend(a.lost(n, "{{%s}} is captured or computed by the script, and has no value here", clip(name, 40)))
	return "", false
}

// value turns data of the script into flow YAML. Keys and texts keep their
// types.
func (a *artillery) value(n *node) (string, bool) {
	switch n.kind {
	case nullNode:
		return "null", true
	case sequenceNode:
		parts, all := make([]string, len(n.items)), true
		for i, item := range n.items {
			v, ok := a.value(item)
			parts[i], all = v, all && ok
		}
		return "[" + strings.Join(parts, ", ") + "]", all
	case mappingNode:
		parts, all := make([]string, len(n.entries)), true
		seen := map[string]bool{}
		for i, e := range n.entries {
			v, ok := a.value(e.value)
			k, good := a.convert(e.key, e.key.text)
			parts[i], all = quoted(k)+": "+v, all && ok && good && !seen[k]
			seen[k] = true
		}
		if len(parts) == 0 {
			return "{}", all
		}
		return "{ " + strings.Join(parts, ", ") + " }", all
	}
	if v, isText := a.p.plain(n); !isText {
		switch v := v.(type) {
		case bool:
			return strconv.FormatBool(v), true
		case int64:
			return strconv.FormatInt(v, 10), true
		case float64:
			return formatNumber(v), true
		}
		return "null", v == nil
	}
	s, ok := a.convert(n, n.text)
	return quoted(s), ok
}
