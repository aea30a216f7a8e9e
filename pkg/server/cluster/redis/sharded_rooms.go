package redis

import (
	"context"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/wire/redisadapter"
)

// RoomChanged implements cluster.RoomWatcher.
func (b *shardedRooms) RoomChanged(namespace, room string) {
	if b.options.ownChannel(room) {
		b.rooms.note(roomKey{namespace, room})
	}
}

// WatchesSockets implements cluster.RoomWatcher.
func (b *shardedRooms) WatchesSockets() bool { return b.options.ShardedMode == DynamicPrivate }

// follow subscribes to the channels of rooms that have members here, and
// unsubscribes when they have had none for a while.
func (b *shardedRooms) follow(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		now := time.Now()
		if add := b.rooms.settle(now); len(add) > 0 {
			b.subs.add(b.roomChannels(add)...)
			b.rooms.confirm(add)
		}
		if remove := b.rooms.expired(now); len(remove) > 0 {
			b.subs.remove(b.roomChannels(remove)...)
		}
		wait, ok := b.rooms.wait(now)
		if !ok {
			wait = time.Hour
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return
		case <-b.rooms.changed:
		case <-timer.C:
		}
	}
}

func (b *shardedRooms) roomChannels(keys []roomKey) []string {
	channels := make([]string, len(keys))
	for i, k := range keys {
		channels[i] = redisadapter.ClusterChannel(b.options.Prefix, k.namespace, "") + k.room + "#"
	}
	return channels
}
