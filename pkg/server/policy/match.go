package policy

import (
	"encoding/json"
	"strconv"
	"strings"
)

// part is a piece of a pattern.
type part struct {
	kind kind
	text string   // of a literal, "*" or "**"
	path []string // of a claim
}

type kind uint8

const (
	literal  kind = iota
	segment       // one or more characters but ":" and "/"
	anything      // one or more characters
	claim
)

// separators split names into parts that belong to different owners.
const separators = ":/"

// maxValues bounds how many values of a list are looked at.
const maxValues = 256

// places is the set of offsets in a room name up to which the parts so far
// match.
type places [MaxNameBytes + 1]bool

// matches walks through the pattern with the set of all places that it may have
// come to, so that the time is bounded by parts times length, whatever the
// pattern and the name.
func matches(parts []part, claims map[string]any, room string) bool {
	if len(room) > MaxNameBytes {
		return false
	}
	var a, b places
	now, next := &a, &b
	now[0] = true
	var buf [4]string
	for i := range parts {
		p := &parts[i]
		clear(next[:])
		switch p.kind {
		case literal:
			step(now, next, room, p.text)
		case claim:
			for _, v := range p.values(claims, buf[:0]) {
				step(now, next, room, v)
			}
		default:
			inside := false
			for j := range len(room) {
				inside = inside || now[j]
				if p.kind == segment && strings.IndexByte(separators, room[j]) >= 0 {
					inside = false
				}
				next[j+1] = inside
			}
		}
		now, next = next, now
	}
	return now[len(room)]
}

// step adds to next the places to which text leads from those in now.
func step(now, next *places, room, text string) {
	for j := 0; j+len(text) <= len(room); j++ {
		if now[j] && room[j:j+len(text)] == text {
			next[j+len(text)] = true
		}
	}
}

// values appends the usable values of a claim.
func (p *part) values(claims map[string]any, dst []string) []string {
	var v any = claims
	for _, name := range p.path {
		object, ok := v.(map[string]any)
		if !ok {
			return dst
		}
		v = object[name]
	}
	list, ok := v.([]any)
	if !ok {
		return appendValue(dst, v)
	}
	for _, v := range list[:min(len(list), maxValues)] {
		dst = appendValue(dst, v)
	}
	return dst
}

func appendValue(dst []string, v any) []string {
	var s string
	switch v := v.(type) {
	case string:
		s = v
	case json.Number:
		s = v.String()
	case float64:
		s = strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		s = strconv.FormatBool(v)
	}
	if s == "" || strings.ContainsAny(s, separators) || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return dst
	}
	return append(dst, s)
}
