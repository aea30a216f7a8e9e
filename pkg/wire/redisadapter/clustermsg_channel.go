package redisadapter

import (
	"unicode/utf16"
	"unicode/utf8"
)

// ClusterChannel returns the channel of cluster messages: all servers' of the
// namespace when name is empty, else that of one server, by its uid, or of one
// room. A server and a room can share one, so what a message is says its type.
func ClusterChannel(prefix, ns, name string) string {
	if name == "" {
		return prefix + "#" + ns + "#"
	}
	return prefix + "#" + ns + "#" + name + "#"
}

// socketIDLength is how many UTF-16 units a socket id has.
const socketIDLength = 20

// LooksLikeSocketID reports whether the sharded adapter takes a room for that of
// one socket, which has no channel of its own in its dynamic mode: it goes by
// the length in JavaScript, that is in UTF-16 (redis-adapter,
// looksLikeASocketId).
func LooksLikeSocketID(room string) bool {
	if len(room) < socketIDLength || len(room) > socketIDLength*utf8.UTFMax {
		return false
	}
	n := 0
	for _, r := range room {
		n += utf16.RuneLen(r)
	}
	return n == socketIDLength
}
