package tui

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Filter selects events. The zero value selects all. It is immutable and safe
// for concurrent use.
type Filter struct {
	text  string
	terms []term
}

type term struct {
	negated bool
	match   func(*Event) bool
}

// filterHelp documents the grammar of ParseFilter, for the help screen.
var filterHelp = [][2]string{
	{"text", "in name or payload, any case unless it has capitals"},
	{"ev:message  ev:user.*,ping", "event name, * is anything, a comma is or"},
	{"dir:in|out|local", "direction"},
	{"ns:/chat  kind:ack", "namespace, kind"},
	{"room:r7", "a JSON field of that name, at any depth"},
	{"size>1k  size<=200", "payload bytes"},
	{"/ship (it|now)/", "regular expression"},
	{`"two words"`, "quoted text"},
	{"-ev:typing  -/x/", "not"},
}

// ParseFilter reads terms separated by spaces, all of which must hold:
//
//	text "quoted text" ev:NAME dir:in|out|local ns:NS kind:KIND err: FIELD:VALUE size>1k /regex/
//
// A leading minus negates a term. In a NAME, NS, KIND or VALUE, * stands for
// anything and a comma for "or".
// Its errors name the term.
func ParseFilter(s string) (Filter, error) {
	f := Filter{text: strings.TrimSpace(s)}
	for rest := f.text; rest != ""; rest = strings.TrimLeft(rest, " \t") {
		t := term{}
		if rest[0] == '-' && len(rest) > 1 && rest[1] != ' ' {
			t.negated = true
			rest = rest[1:]
		}
		var word string
		var err error
		switch rest[0] {
		case '/':
			word, rest, err = cutDelimited(rest, '/')
			if err != nil {
				return Filter{}, err
			}
			re, err := regexp.Compile(word)
			if err != nil {
				return Filter{}, fmt.Errorf("filter /%s/: %w", word, err)
			}
			t.match = func(e *Event) bool { return re.MatchString(e.label()) || re.Match(e.Body) || re.MatchString(e.Note) }
		case '"':
			word, rest, err = cutDelimited(rest, '"')
			if err != nil {
				return Filter{}, err
			}
			t.match = matchText(word)
		default:
			word, rest, _ = strings.Cut(rest, " ")
			if t.match, err = parseTerm(word); err != nil {
				return Filter{}, err
			}
		}
		f.terms = append(f.terms, t)
	}
	return f, nil
}

// String is the filter as it was written.
func (f Filter) String() string { return f.text }

// Match reports whether e is selected.
func (f Filter) Match(e *Event) bool {
	for _, t := range f.terms {
		if t.match(e) == t.negated {
			return false
		}
	}
	return true
}

// cutDelimited splits s, which begins with delim, behind the next delim that
// is not escaped with a backslash.
func cutDelimited(s string, delim byte) (word, rest string, err error) {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case delim:
			return s[1:i], s[i+1:], nil
		}
	}
	return "", "", fmt.Errorf("filter %s: the closing %c is missing", s, delim)
}

func parseTerm(word string) (func(*Event) bool, error) {
	if n := strings.IndexAny(word, "<>"); n >= 0 && strings.EqualFold(word[:n], "size") {
		return parseSize(word[n:])
	}
	key, value, ok := strings.Cut(word, ":")
	if !ok || key == "" || strings.HasPrefix(value, "//") {
		return matchText(word), nil
	}
	any := newGlobs(value)
	switch key {
	case "ev", "event":
		return func(e *Event) bool { return any.match(e.label()) }, nil
	case "ns", "namespace":
		return func(e *Event) bool { return any.match(e.Namespace) }, nil
	case "kind":
		return func(e *Event) bool { return any.match(e.kindName()) }, nil
	case "err", "error":
		return func(e *Event) bool { return e.Fault }, nil
	case "dir":
		switch value {
		case "in", "out", "local":
			return func(e *Event) bool { return e.dirName() == value }, nil
		}
		return nil, fmt.Errorf("filter dir:%s: want dir:in, dir:out or dir:local", value)
	}
	quoted := []byte(strconv.Quote(key))
	return func(e *Event) bool { return matchField(e.Body, quoted, any) }, nil
}

// matchText matches event names, notes and payloads: without regard to case
// unless text has capitals.
func matchText(text string) func(*Event) bool {
	if strings.ToLower(text) != text {
		b := []byte(text)
		return func(e *Event) bool {
			return bytes.Contains(e.Body, b) || strings.Contains(e.label(), text) || strings.Contains(e.Note, text)
		}
	}
	return func(e *Event) bool {
		return containsFold(e.Body, text) || containsFold([]byte(e.label()), text) || containsFold([]byte(e.Note), text)
	}
}

// parseSize reads what follows size: an operator and a number of bytes with an
// optional k or M.
func parseSize(s string) (func(*Event) bool, error) {
	bad := fmt.Errorf("filter size%s: want a size such as size>1k or size<=200", s)
	op, number := s[:1], s[1:]
	if strings.HasPrefix(number, "=") {
		op, number = s[:2], number[1:]
	}
	factor := 1.0
	switch {
	case strings.HasSuffix(number, "k"), strings.HasSuffix(number, "K"):
		factor = 1e3
	case strings.HasSuffix(number, "m"), strings.HasSuffix(number, "M"):
		factor = 1e6
	}
	if factor > 1 {
		number = number[:len(number)-1]
	}
	v, err := strconv.ParseFloat(number, 64)
	if err != nil || v < 0 || v > 1e12 {
		return nil, bad
	}
	n := int(v * factor)
	switch op {
	case ">":
		return func(e *Event) bool { return e.Size > n }, nil
	case "<":
		return func(e *Event) bool { return e.Size < n }, nil
	case ">=":
		return func(e *Event) bool { return e.Size >= n }, nil
	}
	return func(e *Event) bool { return e.Size <= n }, nil
}

// matchField reports whether body has a field named key (with its quotes)
// whose value matches. Strings match by their raw content, other values by
// their text.
func matchField(body, key []byte, value globs) bool {
	for {
		at := bytes.Index(body, key)
		if at < 0 {
			return false
		}
		body = body[at+len(key):]
		i := skipSpace(body, 0)
		if i >= len(body) || body[i] != ':' {
			continue
		}
		i = skipSpace(body, i+1)
		if i >= len(body) {
			return false
		}
		var v []byte
		if body[i] == '"' {
			v = body[i+1 : max(stringEnd(body, i)-1, i+1)]
		} else {
			n := bytes.IndexAny(body[i:], ",]} \t\r\n")
			if n < 0 {
				n = len(body) - i
			}
			v = body[i : i+n]
		}
		if value.match(string(v)) {
			return true
		}
	}
}

// globs are alternatives: one of them must match.
type globs []glob

func newGlobs(list string) globs {
	var gs globs
	for _, p := range strings.Split(list, ",") {
		gs = append(gs, strings.Split(p, "*"))
	}
	return gs
}

func (gs globs) match(s string) bool {
	for _, g := range gs {
		if g.match(s) {
			return true
		}
	}
	return false
}

// glob is a pattern in which * stands for anything, split at the stars.
type glob []string

func (g glob) match(s string) bool {
	if len(g) == 1 {
		return s == g[0]
	}
	if !strings.HasPrefix(s, g[0]) {
		return false
	}
	s = s[len(g[0]):]
	for _, part := range g[1 : len(g)-1] {
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return strings.HasSuffix(s, g[len(g)-1])
}
