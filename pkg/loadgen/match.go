package loadgen

import (
	"bytes"
	"regexp"
	"strconv"
)

// Matcher is a compiled `match:` condition. It is immutable and safe for
// concurrent use; a nil Matcher matches anything.
//
// The conditions, wherever the language has a match:
//
//	text                 the JSON string "text", or plain text that is no JSON
//	/re/                 a regular expression (RE2), over a string's contents or
//	                     any other value's JSON; /re/i ignores case
//	42, true, null       the same JSON value, numbers by value
//	{ gte: 1, lt: 5 }    gt gte lt lte ne in exists; all must hold
//	{ $.a.b[0]: COND }   the value at a JSONPath
//	{ name: COND }       a subset: an object with at least these fields
//	[COND, COND]         an array of exactly these elements
type Matcher struct {
	text string
	cond cond
}

// Match reports whether arg, one JSON value (or plain text that is no JSON),
// satisfies the matcher. nil means that there was no argument.
func (m *Matcher) Match(arg []byte) bool {
	if m == nil || m.cond == nil {
		return true
	}
	v, isJSON := jsonValue(arg)
	if !isJSON {
		v = nil
	}
	if arg != nil {
		if t, ok := m.cond.(textCond); ok && t.matchText(arg) {
			return true
		}
	}
	return m.cond.match(v)
}

// String is the condition as the file has it.
func (m *Matcher) String() string {
	if m == nil {
		return ""
	}
	return m.text
}

// cond is one node of a condition. match gets a validated JSON value, or nil
// when there is none at that place.
type cond interface{ match(v []byte) bool }

// textCond is a condition that plain text can satisfy.
type textCond interface{ matchText(s []byte) bool }

type (
	stringCond string                      // equal JSON string
	regexCond  struct{ re *regexp.Regexp } // matching text
	numberCond float64                     // equal number
	wordCond   string                      // true, false, null
	objectCond struct{}                    // any object
	arrayCond  []cond                      // element by element
	pathCond   struct {
		path *Path
		cond cond
	}
	allCond     []cond
	anyCond     []cond
	notCond     struct{ cond cond }
	existsCond  bool
	compareCond struct {
		op    string // gt, gte, lt, lte
		value float64
	}
)

func (c stringCond) match(v []byte) bool {
	return len(v) > 0 && v[0] == '"' && jsonStringEquals(v, string(c))
}
func (c stringCond) matchText(s []byte) bool { return string(s) == string(c) }

func (c regexCond) match(v []byte) bool {
	if len(v) > 0 && v[0] == '"' {
		v = jsonUnquote(v)
	}
	return v != nil && c.re.Match(v)
}
func (c regexCond) matchText(s []byte) bool { return c.re.Match(s) }

func (c numberCond) match(v []byte) bool {
	n, ok := jsonNumber(v)
	return ok && n == float64(c)
}

func (c wordCond) match(v []byte) bool { return string(v) == string(c) }

func (objectCond) match(v []byte) bool { return len(v) > 0 && v[0] == '{' }

func (c arrayCond) match(v []byte) bool {
	if len(v) == 0 || v[0] != '[' {
		return false
	}
	for i, want := range c {
		got := jsonElement(v, i)
		if got == nil || !want.match(got) {
			return false
		}
	}
	return jsonElement(v, len(c)) == nil
}

func (c pathCond) match(v []byte) bool { return c.cond.match(c.path.find(v)) }

func (c allCond) match(v []byte) bool {
	for _, x := range c {
		if !x.match(v) {
			return false
		}
	}
	return true
}

func (c anyCond) match(v []byte) bool {
	for _, x := range c {
		if x.match(v) {
			return true
		}
	}
	return false
}

func (c anyCond) matchText(s []byte) bool {
	for _, x := range c {
		if t, ok := x.(textCond); ok && t.matchText(s) {
			return true
		}
	}
	return false
}

// A missing value is not different from something: `ne` asks for a value.
func (c notCond) match(v []byte) bool { return v != nil && !c.cond.match(v) }

func (c existsCond) match(v []byte) bool { return (v != nil) == bool(c) }

func (c compareCond) match(v []byte) bool {
	n, ok := jsonNumber(v)
	if !ok {
		return false
	}
	switch c.op {
	case "gt":
		return n > c.value
	case "gte":
		return n >= c.value
	case "lt":
		return n < c.value
	}
	return n <= c.value
}

func jsonNumber(v []byte) (float64, bool) {
	if len(v) == 0 || v[0] != '-' && (v[0] < '0' || v[0] > '9') {
		return 0, false
	}
	n, err := strconv.ParseFloat(string(v), 64)
	return n, err == nil
}

// regexLiteral reads /re/ and /re/i.
func regexLiteral(s string) (re *regexp.Regexp, isRegex bool, err error) {
	if len(s) < 2 || s[0] != '/' {
		return nil, false, nil
	}
	b := []byte(s)
	end := bytes.LastIndexByte(b, '/')
	flags := s[end+1:]
	if end == 0 || flags != "" && flags != "i" {
		return nil, false, nil
	}
	expr := s[1:end]
	if flags == "i" {
		expr = "(?i)" + expr
	}
	re, err = regexp.Compile(expr)
	return re, true, err
}
