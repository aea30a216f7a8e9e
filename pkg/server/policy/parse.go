package policy

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/realtime-toolkit/rtk/internal/nearest"
)

// Bounds of a policy.
const (
	MaxBytes = 1 << 20
	maxRules = 10_000
	maxParts = 32
	maxFound = 20 // errors reported
)

// Error is one fault of a policy file.
type Error struct {
	File         string
	Line, Column int // from 1, the column in characters
	Problem      string
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Problem)
}

// Parse reads a policy. file is its name in errors, which are *Errors joined by
// errors.Join, up to 20. A policy without a rule is an error: it would lock
// everybody out.
func Parse(file string, src []byte) (*Policy, error) {
	whole := func(problem string) error { return &Error{file, 1, 1, problem} }
	switch {
	case len(src) > MaxBytes:
		return nil, whole("larger than 1 MiB")
	case !utf8.Valid(src):
		return nil, whole("not UTF-8")
	}
	p := &Policy{}
	var errs []error
	line := 0
	for text := range strings.Lines(string(src)) {
		line++
		l := &lexer{text: strings.TrimRight(text, "\r\n")}
		r, ok, err := l.rule()
		switch {
		case err != nil:
			at := utf8.RuneCountInString(l.text[:l.start]) + 1
			if errs = append(errs, &Error{file, line, at, err.Error()}); len(errs) == maxFound {
				return nil, errors.Join(errs...)
			}
		case ok && len(p.rules) == maxRules:
			return nil, &Error{file, line, 1, fmt.Sprintf("more than %d rules", maxRules)}
		case ok:
			p.rules = append(p.rules, r)
		}
	}
	if len(errs) == 0 && len(p.rules) == 0 {
		return nil, whole(`no rule: nobody could join anything; want lines such as   room "lobby" allow join, emit`)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return p, nil
}

// lexer reads one line. start is where the token lies that was read last.
type lexer struct {
	text       string
	start, pos int
}

// rule reads the line; ok is false for an empty one.
func (l *lexer) rule() (r rule, ok bool, err error) {
	word := l.word()
	switch word {
	case "":
		if l.end() {
			return r, false, nil
		}
		return r, false, errors.New(`want a rule such as   room "lobby" allow join, emit`)
	case "room":
	case "topic":
		r.namespace = TopicNamespace
	default:
		return r, false, fmt.Errorf("unknown rule %q%s; rules begin with room or topic", clip(word), nearest.Hint(word, []string{"room", "topic"}))
	}
	if r.pattern, err = l.quoted("a pattern"); err != nil {
		return r, false, err
	}
	if r.parts, err = parsePattern(r.pattern); err != nil {
		return r, false, err
	}
	next := l.word()
	if next == "in" && word == "room" {
		if r.namespace, err = l.quoted("a namespace"); err != nil {
			return r, false, err
		}
		if !strings.HasPrefix(r.namespace, "/") {
			return r, false, fmt.Errorf("namespace %q: a namespace begins with /", clip(r.namespace))
		}
		next = l.word()
	}
	if next != "allow" {
		return r, false, fmt.Errorf("want allow, got %s%s", l.got(next), nearest.Hint(next, []string{"allow", "in"}))
	}
	if r.actions, err = l.actions(); err != nil {
		return r, false, err
	}
	r.source = strings.TrimSpace(l.text[:l.pos])
	return r, true, nil
}

func (l *lexer) actions() (all Action, err error) {
	for {
		word := l.word()
		found := Action(0)
		for _, w := range actionWords {
			if w.word == word {
				found = w.action
			}
		}
		switch {
		case found == 0:
			return 0, fmt.Errorf("want an action, got %s%s; actions are join and emit", l.got(word), nearest.Hint(word, []string{"join", "emit"}))
		case all&found != 0:
			return 0, fmt.Errorf("action %s stands twice", word)
		}
		all |= found
		end := l.pos
		if l.end() {
			l.pos = end
			return all, nil
		}
		if l.text[l.pos] != ',' {
			l.start = l.pos
			return 0, fmt.Errorf("want a comma or the end of the line, got %s", l.got(""))
		}
		l.pos++
	}
}

func (l *lexer) space() {
	for l.pos < len(l.text) && (l.text[l.pos] == ' ' || l.text[l.pos] == '\t') {
		l.pos++
	}
	l.start = l.pos
}

// end reports whether nothing but a comment is left.
func (l *lexer) end() bool {
	l.space()
	return l.pos == len(l.text) || l.text[l.pos] == '#'
}

// word reads letters; "" when there are none.
func (l *lexer) word() string {
	l.space()
	for l.pos < len(l.text) && (l.text[l.pos]|0x20) >= 'a' && (l.text[l.pos]|0x20) <= 'z' {
		l.pos++
	}
	return l.text[l.start:l.pos]
}

// quoted reads text in double quotes, in which \" and \\ stand for " and \.
func (l *lexer) quoted(what string) (string, error) {
	l.space()
	if l.pos == len(l.text) || l.text[l.pos] != '"' {
		return "", fmt.Errorf("want %s in double quotes, got %s", what, l.got(""))
	}
	var b strings.Builder
	for i := l.pos + 1; i < len(l.text); i++ {
		switch c := l.text[i]; c {
		case '"':
			l.pos = i + 1
			if b.Len() == 0 {
				return "", fmt.Errorf("%s is empty", what)
			}
			return b.String(), nil
		case '\\':
			if i++; i == len(l.text) || l.text[i] != '"' && l.text[i] != '\\' {
				return "", errors.New(`want \" or \\ behind a backslash`)
			}
			b.WriteByte(l.text[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", fmt.Errorf("%s has no closing quote", what)
}

// got names what stands where a token was expected.
func (l *lexer) got(word string) string {
	switch {
	case word != "":
		return fmt.Sprintf("%q", clip(word))
	case l.start >= len(l.text) || l.text[l.start] == '#':
		return "the end of the line"
	}
	r, _ := utf8.DecodeRuneInString(l.text[l.start:])
	return fmt.Sprintf("%q", r)
}
