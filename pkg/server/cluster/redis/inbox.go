package redis

import (
	"context"
	"strings"

	"github.com/redis/rueidis"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster/internal/queue"
	"github.com/realtime-toolkit/rtk/pkg/wire/redisadapter"
)

// messageKind is what a channel carries.
type messageKind uint8

const (
	aBroadcast messageKind = iota
	aRequest
	aResponse
)

// peekBytes is where peers have the id of an answer, however long that is.
const peekBytes = 512

// inbound is one message as it came.
type inbound struct {
	kind             messageKind
	channel, payload string
}

// inbox takes the messages of one namespace from the reader and
// decodes them on a goroutine of its own, in the order they came: the reader
// serves all namespaces and must never wait for one.
type inbox struct {
	backplane    *classic
	namespace    string
	own, ownJSON string // how each message that we published begins, see isOwn
	sink         cluster.Sink
	foreign      func(string) bool // whether a message is another adapter's
	queue        *queue.Queue[inbound]

	counts
}

// accept runs on the reader's goroutine. It drops what isn't for this pod by the
// channel's name and by the first bytes, before anything is decoded.
func (in *inbox) accept(kind messageKind, m rueidis.PubSubMessage) {
	switch kind {
	case aBroadcast:
		room, all, ok := redisadapter.Room(m.Channel, in.backplane.options.Prefix, in.namespace)
		if !ok {
			in.ignored.Add(1)
			return
		}
		if in.isOwn(m.Message) || !all && !in.sink.HasRoom(in.namespace, room) {
			return
		}
	case aRequest:
		if strings.HasPrefix(m.Message, in.ownJSON) {
			return
		}
	case aResponse:
		id, ok := redisadapter.PeekResponseID([]byte(m.Message[:min(len(m.Message), peekBytes)]))
		if !ok && len(m.Message) > peekBytes {
			id, ok = redisadapter.PeekResponseID([]byte(m.Message))
		}
		if !ok {
			in.ignored.Add(1)
			return
		}
		if in.backplane.pending.op(id) == 0 {
			return // for another server, or too late
		}
	}
	if n := in.queue.Push(inbound{kind, m.Channel, m.Message}, len(m.Message)); n > 0 {
		in.overrun.Add(uint64(n))
	}
}

// isOwn reports whether the pod published a broadcast itself. The first byte is
// another one when it is signed.
func (in *inbox) isOwn(msg string) bool { return len(msg) > 0 && strings.HasPrefix(msg[1:], in.own) }

// run decodes and delivers until ctx ends.
func (in *inbox) run(ctx context.Context) {
	var batch []inbound
	for {
		select {
		case <-ctx.Done():
			return
		case <-in.queue.Ready():
		}
		batch = in.queue.Drain(batch[:0], 64, batchBytes)
		for _, m := range batch {
			in.take(m)
		}
		clear(batch)
	}
}

func (in *inbox) take(m inbound) {
	msg, err := in.backplane.signer.Open(m.channel, []byte(m.payload))
	if err != nil {
		in.ignored.Add(1)
		return
	}
	switch m.kind {
	case aRequest:
		r, err := redisadapter.DecodeRequest(msg)
		switch {
		case err != nil:
			in.ignored.Add(1)
		case r.UID != in.backplane.uid:
			in.request(r)
		}
	case aResponse:
		if !in.answer(msg) {
			in.ignored.Add(1)
		}
	default:
		b, err := redisadapter.DecodeBroadcast(msg)
		switch {
		case err == nil:
			in.deliver(b)
		case !in.foreign(m.payload):
			in.ignored.Add(1)
		}
	}
}

func (in *inbox) deliver(b *redisadapter.Broadcast) {
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
