package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/rueidis"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/wire/redisadapter"
)

// Emitter sends broadcasts and commands to the servers of a cluster from a
// program that is none itself, as @socket.io/redis-emitter does: it subscribes to
// nothing and isn't counted. Package emitter puts Socket.IO's names on it.
//
// Each call waits until Redis has the message, for Options.IOTimeout at most and
// the first also for Options.DialTimeout; a message whose call fails may have
// been sent all the same. Calls one after
// another arrive in their order. It is safe for concurrent use.
type Emitter struct {
	options   Options
	connector *connector
	signer    *redisadapter.Signer
}

// NewEmitter makes an emitter. It checks the options, of which it uses those of
// the connection, the adapter and the signature, and connects at the first call.
func NewEmitter(o Options) (*Emitter, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	connector, err := newConnector(o)
	if err != nil {
		return nil, err
	}
	return &Emitter{options: o, connector: connector, signer: redisadapter.NewSigner(o.SignKey, o.SignRequired)}, nil
}

// Broadcast sends a message to the clients of all servers.
func (e *Emitter) Broadcast(ctx context.Context, m *cluster.Broadcast) error {
	if err := redisadapter.CheckName(m.Namespace); err != nil {
		return fmt.Errorf("namespace %w", err)
	}
	if e.options.Adapter != Classic {
		return e.cluster(ctx, (&clusterOps{uid: redisadapter.EmitterUID}).broadcast(m))
	}
	room := ""
	if len(m.Rooms) == 1 {
		room = m.Rooms[0]
	}
	payload, err := redisadapter.AppendBroadcast(make([]byte, 0, m.Size()), classicBroadcast(redisadapter.EmitterUID, m))
	return e.publish(ctx, redisadapter.BroadcastChannel(e.options.Prefix, m.Namespace, room), payload, err)
}

// Command tells the servers something.
func (e *Emitter) Command(ctx context.Context, c *cluster.Command) error {
	if err := redisadapter.CheckName(c.Namespace); err != nil {
		return fmt.Errorf("namespace %w", err)
	}
	if e.options.Adapter != Classic {
		return e.cluster(ctx, (&clusterOps{uid: redisadapter.EmitterUID}).command(c))
	}
	uid := "" // npm's emitter has a name in server-side emits only
	if c.Op == cluster.OpServerSideEmit {
		uid = redisadapter.EmitterUID
	}
	payload, err := appendCommand(uid, c)
	return e.publish(ctx, redisadapter.RequestChannel(e.options.Prefix, c.Namespace), payload, err)
}

// Servers counts the servers of a namespace.
func (e *Emitter) Servers(ctx context.Context, namespace string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, e.options.IOTimeout)
	defer cancel()
	if _, err := e.connector.get(); err != nil {
		return 0, e.failed(err)
	}
	count, channel := e.connector.numSub, redisadapter.ClusterChannel(e.options.Prefix, namespace, "")
	switch e.options.Adapter {
	case Classic:
		channel = redisadapter.RequestChannel(e.options.Prefix, namespace)
	case Sharded:
		count = e.connector.shardNumSub
	case Streams:
		if e.options.StreamSharded {
			count = e.connector.shardNumSub
		}
	}
	n, err := count(ctx, channel)
	if err != nil {
		return 0, e.failed(err)
	}
	return n, nil
}

// Close disconnects. Calls that are under way fail.
func (e *Emitter) Close() {
	e.connector.abort()
	e.connector.close()
}

// publish signs and publishes what was encoded, with the error of that.
func (e *Emitter) publish(ctx context.Context, channel string, payload []byte, encoding error) error {
	payload, err := e.sign(channel, payload, encoding)
	if err != nil {
		return err
	}
	client, err := e.connector.get()
	if err != nil {
		return e.failed(err)
	}
	return e.do(ctx, client, client.B().Publish().Channel(channel).Message(rueidis.BinaryString(payload)).Build())
}

func (e *Emitter) sign(channel string, payload []byte, encoding error) ([]byte, error) {
	if encoding != nil {
		return nil, encoding
	}
	return e.signer.Sign(channel, payload)
}

func (e *Emitter) do(ctx context.Context, client rueidis.Client, command rueidis.Completed) error {
	ctx, cancel := context.WithTimeout(ctx, e.options.IOTimeout)
	defer cancel()
	return e.failed(client.Do(ctx, command).Error())
}

// cluster sends a cluster message as the sharded and the streams adapter do.
func (e *Emitter) cluster(ctx context.Context, m *redisadapter.ClusterMessage) error {
	o := &e.options
	if o.Adapter == Streams && m.Type != redisadapter.ClusterServerSideEmit {
		return e.add(ctx, m)
	}
	channel := o.shardedChannel(m)
	encode := redisadapter.AppendCluster
	if o.Adapter == Streams {
		channel, encode = redisadapter.ClusterChannel(o.Prefix, m.Namespace, ""), redisadapter.AppendClusterPack
	}
	payload, err := encode(nil, m)
	if o.Adapter == Streams && !o.StreamSharded {
		return e.publish(ctx, channel, payload, err)
	}
	if payload, err = e.sign(channel, payload, err); err != nil {
		return err
	}
	client, err := e.connector.byKey()
	if err != nil {
		return e.failed(err)
	}
	return e.do(ctx, client, client.B().Spublish().Channel(channel).Message(rueidis.BinaryString(payload)).Build())
}

// add puts a message in the stream of its namespace.
func (e *Emitter) add(ctx context.Context, m *redisadapter.ClusterMessage) error {
	o := &e.options
	data, err := redisadapter.AppendStreamData(nil, m)
	if err != nil {
		return err
	}
	key, kind := redisadapter.StreamOf(o.Stream, o.StreamCount, m.Namespace), strconv.Itoa(int(m.Type))
	var sum []byte
	if e.signer != nil {
		sum = e.signer.Sum(signedEntry(key, m.UID, m.Namespace, kind, string(data))...)
	}
	client, err := e.connector.byKey()
	if err != nil {
		return e.failed(err)
	}
	return e.do(ctx, client, xadd(client, key, o.StreamMaxLen, m.UID, m.Namespace, kind, string(data), sum))
}

// ErrUnreachable is returned by an emitter when Redis can't be reached or
// refuses.
var ErrUnreachable = errors.New("redis")

func (e *Emitter) failed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrUnreachable, reason(err))
}
