package redis

import (
	"context"
	"errors"
)

// numSub counts the subscribers of a channel. It doesn't connect: without a
// connection it fails at once.
func (c *connector) numSub(ctx context.Context, channel string) (int, error) {
	client, err := c.get()
	if err != nil {
		return 0, err
	}
	counts, err := client.Do(noDial(ctx), client.B().PubsubNumsub().Channel(channel).Build()).AsIntMap()
	if err != nil {
		return 0, err
	}
	n, ok := counts[channel]
	if !ok {
		return 0, errors.New("PUBSUB NUMSUB leaves the channel out")
	}
	return int(n), nil
}
