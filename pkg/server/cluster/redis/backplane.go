package redis

import (
	"crypto/rand"
	"fmt"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
)

const (
	flushDelay = 100 * time.Microsecond
	keepAlive  = time.Second // a connection that was quiet for so long is pinged
)

// New makes a backplane. It checks the options and doesn't connect.
func New(o Options) (cluster.Backplane, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	connector, err := newConnector(o)
	if err != nil {
		return nil, err
	}
	switch o.Adapter {
	case Classic:
		b := newClassic(o, connector)
		if o.RoomSubscriptions {
			return classicRooms{b}, nil
		}
		return b, nil
	case Sharded:
		return newSharded(o, connector), nil
	case Streams:
		return newStreams(o, connector), nil
	}
	return nil, fmt.Errorf("%w: adapter %q is unknown", ErrOptions, o.Adapter)
}

// newUID makes a name of six characters, as Node's uid2 makes them: the pod's in
// its messages, or a request's.
func newUID() string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails
	for i := range b {
		b[i] = alphabet[b[i]&63]
	}
	return string(b[:])
}
