package redis

import (
	"context"
	"strings"
	"sync/atomic"

	"github.com/redis/rueidis"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster/internal/queue"
	"github.com/realtime-toolkit/rtk/pkg/wire/redisadapter"
)

// inbox takes the broadcasts of one namespace from the reader and decodes them
// on a goroutine of its own, in the order they came: the reader serves all
// namespaces and must never wait for one.
type inbox struct {
	prefix, namespace string
	own               string // how each message that we published begins
	sink              cluster.Sink
	foreign           func(string) bool // whether a message is another adapter's
	queue             *queue.Queue[string]

	received, overrun, ignored atomic.Uint64
}

// accept runs on the reader's goroutine. It drops what isn't for this pod by the
// channel's name and by the first bytes, before anything is decoded.
func (in *inbox) accept(m rueidis.PubSubMessage) {
	room, all, ok := redisadapter.Room(m.Channel, in.prefix, in.namespace)
	if !ok {
		in.ignored.Add(1)
		return
	}
	if strings.HasPrefix(m.Message, in.own) || !all && !in.sink.HasRoom(in.namespace, room) {
		return
	}
	if n := in.queue.Push(m.Message, len(m.Message)); n > 0 {
		in.overrun.Add(uint64(n))
	}
}

// run decodes and delivers until ctx ends.
func (in *inbox) run(ctx context.Context) {
	var batch []string
	for {
		select {
		case <-ctx.Done():
			return
		case <-in.queue.Ready():
		}
		batch = in.queue.Drain(batch[:0], 64, batchBytes)
		for _, m := range batch {
			in.deliver(m)
		}
		clear(batch)
	}
}

func (in *inbox) deliver(m string) {
	b, err := redisadapter.DecodeBroadcast([]byte(m))
	if err != nil {
		if !in.foreign(m) {
			in.ignored.Add(1)
		}
		return
	}
	if b.Namespace != in.namespace {
		return // a namespace whose name begins like a room of ours
	}
	if !in.wanted(b) {
		return
	}
	in.received.Add(1)
	in.sink.Deliver(&cluster.Broadcast{
		Namespace:   b.Namespace,
		Rooms:       b.Rooms,
		Except:      b.Except,
		Args:        b.Args,
		Attachments: b.Attachments,
		Volatile:    b.Volatile,
		Compress:    b.Compress,
		NoCompress:  b.NoCompress,
	})
}

func (in *inbox) wanted(b *redisadapter.Broadcast) bool {
	for _, r := range b.Rooms {
		if in.sink.HasRoom(in.namespace, r) {
			return true
		}
	}
	return len(b.Rooms) == 0
}
