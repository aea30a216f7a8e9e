package server

import (
	"fmt"
	"strings"
)

// roomPattern says which rooms of which namespaces an option is for.
type roomPattern struct {
	namespace string // "": any
	room      string // * stands for any text
}

// parseRoomPattern reads "room:*" or "/chat#room:*".
func parseRoomPattern(s string) (roomPattern, error) {
	ns, room, found := strings.Cut(s, "#")
	if !found {
		ns, room = "", s
	}
	switch {
	case found && !strings.HasPrefix(ns, "/"):
		return roomPattern{}, fmt.Errorf("room pattern %q: what stands before # is a namespace, which begins with /", s)
	case room == "":
		return roomPattern{}, fmt.Errorf("room pattern %q is empty; * stands for any text, as in room:*", s)
	}
	return roomPattern{ns, room}, nil
}

func (p roomPattern) in(namespace string) bool { return p.namespace == "" || p.namespace == namespace }

func (p roomPattern) matches(room string) bool { return glob(p.room, room) }

// glob reports whether s is pattern with any text in the place of each *.
func glob(pattern, s string) bool {
	head, rest, star := strings.Cut(pattern, "*")
	if !star {
		return s == pattern
	}
	if !strings.HasPrefix(s, head) {
		return false
	}
	s = s[len(head):]
	for {
		part, more, star := strings.Cut(rest, "*")
		if !star {
			return strings.HasSuffix(s, part)
		}
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s, rest = s[i+len(part):], more
	}
}
