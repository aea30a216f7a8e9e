package redis

import (
	"context"
	"errors"

	"github.com/redis/rueidis"

	"github.com/realtime-toolkit/rtk/pkg/server/internal/redisconn"
)

// numSub counts the subscribers of a channel, over all servers of a Cluster as
// npm's adapter does: each knows of its own. For one server it doesn't connect:
// without a connection it fails at once.
func (c *connector) numSub(ctx context.Context, channel string) (int, error) {
	return c.sum(ctx, channel, func(node rueidis.Client) rueidis.Completed {
		return node.B().PubsubNumsub().Channel(channel).Build()
	})
}

// shardNumSub is numSub for a sharded channel.
func (c *connector) shardNumSub(ctx context.Context, channel string) (int, error) {
	return c.sum(ctx, channel, func(node rueidis.Client) rueidis.Completed {
		return node.B().PubsubShardnumsub().Channel(channel).Build()
	})
}

func (c *connector) sum(ctx context.Context, channel string, cmd func(rueidis.Client) rueidis.Completed) (total int, err error) {
	client, err := c.byKey()
	if err != nil {
		return 0, err
	}
	if c.target.Kind != redisconn.Cluster {
		ctx = noDial(ctx)
	}
	answered := false
	for _, node := range client.Nodes() {
		counts, e := node.Do(ctx, cmd(node)).AsIntMap()
		if e != nil {
			err = e // a node that is down has no subscribers
			continue
		}
		n, ok := counts[channel]
		if !ok {
			return 0, errors.New("the count of subscribers leaves the channel out")
		}
		total += int(n)
		answered = true
	}
	if answered {
		return total, nil
	}
	return 0, err
}
