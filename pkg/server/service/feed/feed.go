// Package feed holds the topics that clients follow over server-sent events.
//
//	ticker         a price every second, made here, for trying things out
//	notifications  what programs publish
//	ci-log         what programs publish: the lines of a build
//
// The names are a convention: any topic may be followed and published to, and
// the last two have no producer here. Publish to them with POST /api/publish
// {"topic":"ci-log","event":"line","data":"ok  pkg/server"} on the admin
// listener, from any pod.
//
// Feed makes the events and knows no sockets; Register connects it to a server.
package feed

import (
	"context"
	"math"
	"math/rand/v2"
	"strconv"
	"time"
)

// The topics.
const (
	TopicTicker        = "ticker"
	TopicNotifications = "notifications"
	TopicCILog         = "ci-log"
)

// DefaultInterval is the time between two prices.
const DefaultInterval = time.Second

// Audience is who follows: the gateway, or a recorder in a test.
type Audience interface {
	// Listening reports whether a topic has a follower on this pod.
	Listening(topic string) bool
	// Send sends an event with one JSON value to the followers on this pod.
	// Every pod has a ticker of its own, so it must not cross pods.
	Send(topic, event string, data []byte) error
}

// Options of a Feed. The zero value is the defaults.
type Options struct {
	Interval time.Duration // between two prices; 0 is DefaultInterval
	Seed     uint64        // of the random walk; 0 takes a random one
}

// Feed makes the events of the ticker.
type Feed struct {
	interval time.Duration
	rng      *rand.Rand
	price    float64
	seq      uint64
}

// New returns a Feed. Run it once.
func New(opts Options) *Feed {
	f := &Feed{interval: opts.Interval, price: 100}
	if f.interval <= 0 {
		f.interval = DefaultInterval
	}
	if opts.Seed == 0 {
		opts.Seed = rand.Uint64()
	}
	f.rng = rand.New(rand.NewPCG(opts.Seed, 0))
	return f
}

// Run sends a price at every interval in which somebody listens, until ctx
// ends. The price stands still while nobody does.
func (f *Feed) Run(ctx context.Context, to Audience) {
	tick := time.NewTicker(f.interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			if !to.Listening(TopicTicker) {
				continue
			}
			if to.Send(TopicTicker, "price", f.next(now)) != nil {
				continue // the server stops; ctx ends next
			}
		}
	}
}

// price is what next writes.
type price struct {
	Symbol string  `json:"symbol"`
	Price  float64 `json:"price" schema:"minimum=1,maximum=10000"`
	Seq    uint64  `json:"seq" doc:"counts the prices of this pod"`
	At     int64   `json:"at" doc:"Unix time in milliseconds"`
}

// next walks the price by at most a half per cent and returns the event's data,
// for instance {"symbol":"RTK","price":100.25,"seq":1,"at":1767096277388}, at
// in Unix milliseconds.
func (f *Feed) next(now time.Time) []byte {
	f.seq++
	f.price = math.Round(f.price*(1+(f.rng.Float64()-0.5)/100)*100) / 100
	f.price = min(max(f.price, 1), 10_000)
	b := append(make([]byte, 0, 80), `{"symbol":"RTK","price":`...)
	b = strconv.AppendFloat(b, f.price, 'f', 2, 64)
	b = append(b, `,"seq":`...)
	b = strconv.AppendUint(b, f.seq, 10)
	b = append(b, `,"at":`...)
	b = strconv.AppendInt(b, now.UnixMilli(), 10)
	return append(b, '}')
}
