package policy

import (
	"errors"
	"fmt"
	"strings"

	"github.com/realtime-toolkit/rtk/internal/nearest"
)

// parsePattern splits a pattern into parts.
func parsePattern(text string) ([]part, error) {
	if len(text) > MaxNameBytes {
		return nil, fmt.Errorf("the pattern is longer than %d bytes", MaxNameBytes)
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return nil, errors.New("the pattern has a control character")
	}
	var parts []part
	for rest := text; rest != ""; {
		var p part
		switch at := strings.IndexAny(rest, "*{}"); {
		case at > 0 || at < 0:
			if at < 0 {
				at = len(rest)
			}
			p = part{kind: literal, text: rest[:at]}
			rest = rest[at:]
		case rest[0] == '*':
			stars := len(rest) - len(strings.TrimLeft(rest, "*"))
			if stars > 2 {
				return nil, errors.New("more than two * in a row: * is a part of a name, ** anything")
			}
			p = part{kind: segment, text: rest[:stars]}
			if stars == 2 {
				p.kind = anything
			}
			rest = rest[stars:]
		case rest[0] == '}':
			return nil, errors.New("} without {")
		default:
			end := strings.IndexByte(rest, '}')
			if end < 0 {
				return nil, errors.New("{ without }")
			}
			path, err := claimPath(rest[1:end])
			if err != nil {
				return nil, err
			}
			p = part{kind: claim, path: path}
			rest = rest[end+1:]
		}
		if n := len(parts); n > 0 && p.kind != literal && parts[n-1].kind != literal {
			// Side by side nobody could tell where one ends.
			return nil, errors.New("put text between * or {…} and the next * or {…}, such as a colon")
		}
		if parts = append(parts, p); len(parts) > maxParts {
			return nil, fmt.Errorf("the pattern has more than %d parts", maxParts)
		}
	}
	return parts, nil
}

// claimPath reads claims.NAME or claims.A.B.
func claimPath(text string) ([]string, error) {
	root, path, dotted := strings.Cut(text, ".")
	if root != "claims" {
		return nil, fmt.Errorf("{%s}: unknown value%s; want {claims.NAME}", clip(text), nearest.Hint(root, []string{"claims"}))
	}
	names := strings.Split(path, ".")
	for _, n := range names {
		if !dotted || n == "" || strings.ContainsAny(n, " \t\"'") {
			return nil, fmt.Errorf("{%s}: want {claims.NAME}, or {claims.A.B} for a claim within an object", clip(text))
		}
	}
	return names, nil
}

// clip keeps an error readable.
func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}
