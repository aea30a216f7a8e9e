package redis

import (
	"errors"
	"strings"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/wire/redisadapter"
)

// classicRooms is a classic backplane that subscribes room by room
// (Options.RoomSubscriptions).
//
// The rooms that are socket ids have one pattern together, of as many question
// marks as an id has characters. The pod then hears what is sent to any one
// socket, and drops by the channel's name what isn't for one of its own. Measured
// with Redis 7.0, that costs Redis 0.1 to 0.4 µs for each such message and pod; a
// subscription for each connection would cost 23 µs for each that comes and goes,
// 250 bytes, and all of them again after a reconnect. It is the cheaper way unless
// sockets are sent many messages each by their ids from other pods. Rooms that
// happen to have names of that length are heard in the same way.
//
// A room that got its first member has its channel a round trip later: what
// other pods send to it until then doesn't arrive.
type classicRooms struct{ *classic }

var _ cluster.RoomWatcher = classicRooms{}

// RoomChanged implements cluster.RoomWatcher.
func (b classicRooms) RoomChanged(namespace, room string) {
	if len(room) != sidLength && room != "" {
		b.subs.rooms.note(roomKey{namespace, room})
	}
}

// WatchesSockets implements cluster.RoomWatcher.
func (classicRooms) WatchesSockets() bool { return false }

var errHashInName = errors.New("has a #: with room subscriptions it can't be told from a room")

// socketPattern is the pattern of the channels of all socket ids. Redis takes a
// question mark for one byte.
func socketPattern(prefix, namespace string) string {
	return redisadapter.BroadcastChannel(prefix, namespace, strings.Repeat("?", sidLength))
}

// roomInbox finds the inbox of the channel of a room that is subscribed to by
// itself. The namespace ends at the first #, since none has one.
func (b *classic) roomInbox(channel string) *inbox {
	if b.subs.rooms == nil {
		return nil
	}
	rest, ok := strings.CutPrefix(channel, b.options.Prefix+"#")
	if !ok {
		return nil
	}
	namespace, _, ok := strings.Cut(rest, "#")
	if !ok {
		return nil
	}
	return (*b.inboxes.Load())[namespace]
}
