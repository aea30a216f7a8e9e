package loadgen

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// scalar makes a node of a scalar's text and replaces the environment
// references in it. Because that happens after the YAML was read, a value
// from the environment is always text inside this one scalar: it can't add
// keys, lists or lines of YAML.
func (p *parse) scalar(pos Pos, text string, quoted bool) *node {
	n := &node{pos: pos, kind: scalarNode, text: text, quoted: quoted}
	if quoted {
		n.shift = 1
	}
	n.exact = p.standsAt(pos, n.shift, text)
	if p.literal || !strings.Contains(text, "${") {
		return n
	}
	x := expander{p: p, n: n}
	n.text = x.expand(text, 0, 0)
	n.exact = n.exact && n.text == text
	return n
}

// standsAt tells whether the file has text, as it is, shift characters after
// pos, so that the columns of its parts are known.
func (p *parse) standsAt(pos Pos, shift int, text string) bool {
	if pos.Line > len(p.lines) {
		return false
	}
	if p.runes == nil {
		p.runes = make([][]rune, len(p.lines))
	}
	line := p.runes[pos.Line-1]
	if line == nil {
		line = []rune(p.lines[pos.Line-1])
		p.runes[pos.Line-1] = line
	}
	i := pos.Column - 1 + shift
	for _, r := range text {
		if i >= len(line) || line[i] != r {
			return false
		}
		i++
	}
	return true
}

// expander replaces ${VAR}, ${VAR:-default} and ${VAR:?message} in one
// scalar. $${ stands for a literal ${.
type expander struct {
	p *parse
	n *node
}

const (
	maxEnvNesting = 8
	maxExpanded   = 16 << 20 // bytes that all references of a file may add
)

func (x *expander) expand(s string, offset, depth int) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		switch {
		case strings.HasPrefix(s[i:], "$${"):
			b.WriteString("${")
			i += 3
		case strings.HasPrefix(s[i:], "${"):
			end := closingBrace(s, i+2)
			if end < 0 || depth >= maxEnvNesting {
				x.fail(x.n.at(offset+i), "write $${ for a literal ${", "${ without }")
				return b.String()
			}
			b.WriteString(x.reference(s[i+2:end], offset+i, depth))
			i = end + 1
		default:
			b.WriteByte(s[i])
			i++
		}
	}
	return b.String()
}

// closingBrace finds the } that ends the reference whose inside begins at i.
func closingBrace(s string, i int) int {
	depth := 1
	for ; i < len(s); i++ {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

func (x *expander) reference(inside string, offset, depth int) string {
	end := 0
	for end < len(inside) && isEnvNameByte(inside[end], end) {
		end++
	}
	name, rest := inside[:end], inside[end:]
	pos := x.n.at(offset)
	if name == "" {
		x.fail(pos, "write ${NAME}, ${NAME:-default} or ${NAME:?message}", "environment reference without a name")
		return ""
	}
	value, set := x.p.env(name)
	if !set {
		value = ""
	}
	if set && !utf8.ValidString(value) {
		x.fail(pos, "", "environment variable %s is not valid UTF-8", name)
		return ""
	}
	x.n.fromEnv = true
	if x.p.expanded += len(value); x.p.expanded > maxExpanded {
		x.fail(pos, "", "the environment adds more than 16 MiB to the file")
		return ""
	}
	switch {
	case rest == "":
		if !set {
			x.fail(pos, "set it, or write ${"+name+":-default}", "environment variable %s is not set", name)
		}
	case strings.HasPrefix(rest, ":-"):
		if value == "" {
			value = x.expand(rest[2:], offset+2+end+2, depth+1)
		}
	case strings.HasPrefix(rest, ":?"):
		if value == "" {
			msg := strings.TrimSpace(rest[2:])
			if msg == "" {
				msg = "it must have a value"
			}
			x.fail(pos, "", "environment variable %s is not set: %s", name, msg)
		}
	default:
		x.fail(pos, "write ${NAME}, ${NAME:-default} or ${NAME:?message}", "unexpected %q after ${%s", rest, name)
	}
	if isSecretName(name) {
		x.n.secret = true
		x.p.addSecret(value)
	}
	return value
}

// fail notes a reference that can't be resolved and keeps what follows from it
// quiet. It is reported once it is known that the value is used.
func (x *expander) fail(pos Pos, hint, format string, args ...any) {
	x.n.bad = true
	pos.File = x.p.name
	x.n.failures = append(x.n.failures, Diagnostic{Pos: pos, Message: fmt.Sprintf(format, args...), Hint: hint})
}

func isEnvNameByte(c byte, i int) bool {
	return c == '_' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || i > 0 && c >= '0' && c <= '9'
}

// isSecretName tells by its name that a variable holds a secret.
func isSecretName(name string) bool {
	name = strings.ToUpper(name)
	for _, word := range []string{"SECRET", "TOKEN", "PASSWORD", "PASSWD", "KEY", "CREDENTIAL"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// addSecret notes a value that no output may show.
func (p *parse) addSecret(s string) {
	if s != "" && !slices.Contains(p.sc.Secrets, s) {
		p.sc.Secrets = append(p.sc.Secrets, s)
	}
}
