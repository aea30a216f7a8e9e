package main

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	maxEnvNesting = 8
	maxEnvValue   = 64 << 10
)

// expandEnv replaces ${VAR}, ${VAR:-default} and ${VAR:?message} in one scalar of
// the configuration file, as scenarios have them; $${ stands for ${. It works on
// what YAML has made of the file, so that a value can't add keys or lists. Errors
// name the variable, never a value.
func expandEnv(env *Env, s string) (string, error) { return expandNested(env, s, 0) }

func expandNested(env *Env, s string, depth int) (string, error) {
	var b strings.Builder
	for {
		i := strings.Index(s, "${")
		if i < 0 {
			b.WriteString(s)
			return b.String(), nil
		}
		if i > 0 && s[i-1] == '$' {
			b.WriteString(s[:i-1] + "${")
			s = s[i+2:]
			continue
		}
		end := closingBrace(s, i+2)
		if end < 0 || depth >= maxEnvNesting {
			return "", errors.New("${ without }: write $${ for a literal ${")
		}
		value, err := envReference(env, s[i+2:end], depth)
		if err != nil {
			return "", err
		}
		b.WriteString(s[:i] + value)
		s = s[end+1:]
	}
}

// closingBrace finds the } that ends the reference whose inside begins at i.
func closingBrace(s string, i int) int {
	for depth := 1; i < len(s); i++ {
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

func envReference(env *Env, inside string, depth int) (string, error) {
	end := 0
	for end < len(inside) && isNameByte(inside[end], end) {
		end++
	}
	name, rest := inside[:end], inside[end:]
	if name == "" {
		return "", errors.New("a reference without a name: write ${NAME}, ${NAME:-default} or ${NAME:?message}")
	}
	value, set := env.LookupEnv(name)
	switch {
	case len(value) > maxEnvValue || !utf8.ValidString(value):
		return "", fmt.Errorf("environment variable %s is not UTF-8 or longer than 64 KiB", name)
	case rest == "" && !set:
		return "", fmt.Errorf("environment variable %s is not set", name)
	case rest == "":
		return value, nil
	case strings.HasPrefix(rest, ":-") && value == "":
		return expandNested(env, rest[2:], depth+1)
	case strings.HasPrefix(rest, ":?") && value == "":
		return "", fmt.Errorf("environment variable %s is not set: %s", name, strings.TrimSpace(rest[2:]))
	case strings.HasPrefix(rest, ":-"), strings.HasPrefix(rest, ":?"):
		return value, nil
	}
	return "", fmt.Errorf("after ${%s comes }, :- or :?", name)
}

func isNameByte(c byte, i int) bool {
	return c == '_' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || i > 0 && c >= '0' && c <= '9'
}
