package redis

import (
	"context"
	"strings"

	"github.com/redis/rueidis"

	"github.com/realtime-toolkit/rtk/pkg/wire/redisadapter"
)

// population is how many servers of each adapter listen on a namespace, by the
// channels that only they subscribe to. Subscriptions to patterns, as all others
// that the adapters have, are not counted by Redis.
type population struct {
	classic int // of the request channel
	plain   int // of the namespace's channel: streams, and classic room by room
	sharded int // of the namespace's sharded channel: sharded, and streams with sharded pub/sub
	// noSharded is set when Redis has no sharded pub/sub: it is older than 7.
	noSharded bool
}

// populationOf asks all nodes.
func populationOf(ctx context.Context, client rueidis.Client, prefix, namespace string) (population, error) {
	var p population
	request, main := redisadapter.RequestChannel(prefix, namespace), redisadapter.BroadcastChannel(prefix, namespace, "")
	for _, node := range client.Nodes() {
		n, err := node.Do(ctx, node.B().PubsubNumsub().Channel(request, main).Build()).AsIntMap()
		if err != nil {
			return p, err
		}
		p.classic += int(n[request])
		p.plain += int(n[main])
		n, err = node.Do(ctx, node.B().PubsubShardnumsub().Channel(main).Build()).AsIntMap()
		switch {
		case err == nil:
			p.sharded += int(n[main])
		case unknownCommand(err):
			p.noSharded = true
		default:
			return p, err
		}
	}
	return p, nil
}

// strangers names an adapter of the population that is not the pod's own, ""
// when there is none for sure.
func (p population) strangers(o Options) Adapter {
	onChannels := o.Adapter == Streams && !o.StreamSharded
	onShards := o.Adapter == Sharded || o.Adapter == Streams && o.StreamSharded
	switch {
	case p.classic > 0 && o.Adapter != Classic:
		return Classic
	case p.plain > p.classic && !onChannels: // classic servers that hear room by room are in both
		return Streams
	case p.sharded > 0 && !onShards:
		return Sharded // or streams on sharded channels, which is as wrong
	}
	return ""
}

// needsShards reports whether the adapter can't do without sharded pub/sub.
func (o Options) needsShards() bool {
	return o.Adapter == Sharded || o.Adapter == Streams && o.StreamSharded
}

// unknownCommand reports whether Redis doesn't have a command.
func unknownCommand(err error) bool {
	text := strings.ToLower(err.Error())
	return strings.Contains(text, "unknown command") || strings.Contains(text, "unknown pubsub subcommand") || strings.Contains(text, "unknown subcommand")
}

// forbidden reports whether the Redis user may not do something.
func forbidden(err error) bool {
	return err != nil && strings.HasPrefix(err.Error(), "NOPERM")
}
