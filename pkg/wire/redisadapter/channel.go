package redisadapter

import (
	"errors"
	"fmt"
	"strings"
)

// DefaultPrefix is the adapter's key when none is configured.
const DefaultPrefix = "socket.io"

// ErrGlob is returned for a prefix or namespace that a pattern subscription
// would misread.
var ErrGlob = errors.New(`has a glob character, one of * ? [ ] \`)

// CheckName reports an error when a prefix or namespace can't be subscribed to:
// the adapter puts it into a PSUBSCRIBE pattern without escaping it.
func CheckName(name string) error {
	if strings.ContainsAny(name, `*?[]\`) {
		return fmt.Errorf("%q %w", name, ErrGlob)
	}
	return nil
}

// BroadcastChannel returns the channel of a broadcast: the room's when it has
// exactly one room, the namespace's when room is empty.
func BroadcastChannel(prefix, ns, room string) string {
	if room == "" {
		return prefix + "#" + ns + "#"
	}
	return prefix + "#" + ns + "#" + room + "#"
}

// BroadcastPattern returns the pattern of all broadcast channels of a namespace.
func BroadcastPattern(prefix, ns string) string { return prefix + "#" + ns + "#*" }

// RequestChannel returns the channel of requests to all servers. Whoever
// subscribes to it is counted as a server and must answer.
func RequestChannel(prefix, ns string) string { return prefix + "-request#" + ns + "#" }

// ResponseChannel returns the channel of answers: all servers' when uid is
// empty, else the one server's.
func ResponseChannel(prefix, ns, uid string) string {
	if uid == "" {
		return prefix + "-response#" + ns + "#"
	}
	return prefix + "-response#" + ns + "#" + uid + "#"
}

// Room returns the room of a broadcast channel of the namespace. all is true for
// the channel of the namespace itself; ok is false when the channel is none of
// the namespace's. Rooms may contain '#'.
func Room(channel, prefix, ns string) (room string, all, ok bool) {
	rest, ok := strings.CutPrefix(channel, prefix)
	if !ok || rest == "" || rest[0] != '#' {
		return "", false, false
	}
	rest, ok = strings.CutPrefix(rest[1:], ns)
	if !ok || rest == "" || rest[0] != '#' {
		return "", false, false
	}
	rest = rest[1:]
	if rest == "" {
		return "", true, true
	}
	room, ok = strings.CutSuffix(rest, "#")
	return room, room == "" && ok, ok
}
