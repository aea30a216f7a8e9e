package redis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
)

// ErrAdapters is returned by Start when servers on the prefix have another
// adapter, or the same with other options: neither side would understand, or
// even hear, the other.
var ErrAdapters = errors.New("two adapters on one prefix")

// foreignFor is how long a message of another adapter keeps the pod degraded.
const foreignFor = time.Minute

// guard keeps a prefix to one adapter. A pod leaves a mark that the next one
// compares with its own; Node's servers leave none and are known by the channels
// that they hear, and later by what they send. It also counts the servers.
type guard struct {
	options    Options
	mark       mark
	client     func() (rueidis.Client, error)
	namespaces func() []string
	servers    func(ctx context.Context, namespace string) (int, error)
	log        *slog.Logger

	problem   atomic.Pointer[string] // a clash found while running
	counted   atomic.Int64           // servers
	foreign   atomic.Uint64
	foreignAt atomic.Int64 // unix nanoseconds
	told      atomic.Bool  // the log has a line about foreign messages
	limited   atomic.Bool  // the log has a line about missing rights
	deaf      atomic.Bool  // the log has a line about signing keys
}

// enter looks for others and leaves the mark. An error is for good; a Redis that
// can't be asked is none: run goes on trying.
func (g *guard) enter(ctx context.Context) error {
	for tries := 1; ; tries++ {
		client, err := g.client()
		if err != nil {
			return nil //nolint:nilerr // the subscriber says what is wrong with the connection
		}
		if err = g.look(ctx, client); err == nil {
			return nil
		}
		if tries < suspicions {
			select { // servers that come or go are between two states for a moment
			case <-ctx.Done():
			case <-time.After(enterEvery):
				continue
			}
		}
		g.leave(context.WithoutCancel(ctx)) // who doesn't come in keeps nobody out
		return err
	}
}

// look renews the mark and returns what must not be.
func (g *guard) look(ctx context.Context, client rueidis.Client) error {
	others, err := g.mark.put(ctx, client, g.options.Prefix)
	switch {
	case forbidden(err):
		g.tellLimited(err)
	case err != nil:
		return nil //nolint:nilerr // as above
	}
	for _, other := range others {
		if other.layout != g.mark.layout {
			return fmt.Errorf("%w: prefix %q has a pod (%s) with adapter %s, and this one has %s: give all the same adapter and options, or this one a prefix of its own; a pod that has died is forgotten after %s",
				ErrAdapters, g.options.Prefix, other.name(), other.layout, g.mark.layout, markTTL)
		}
	}
	g.compareKeys(others)
	return g.lookForNode(ctx, client)
}

// compareKeys tells of pods that refuse what this one sends, or the other way
// round. That is no reason not to start: a key is changed pod by pod.
func (g *guard) compareKeys(others []mark) {
	i := slices.IndexFunc(others, func(other mark) bool {
		switch {
		case g.mark.Key == other.Key:
			return false
		case g.mark.Key == "":
			return other.Required
		case other.Key == "":
			return g.mark.Required
		}
		return true
	})
	if i < 0 {
		g.deaf.Store(false) // a later one is told again
		return
	}
	if !g.deaf.Swap(true) {
		g.log.Warn("another pod on the redis prefix signs with another key, or not at all: messages between the two are refused; give all the same key",
			"prefix", g.options.Prefix, "pod", others[i].name())
	}
}

// lookForNode compares with servers that leave no mark.
func (g *guard) lookForNode(ctx context.Context, client rueidis.Client) error {
	for _, ns := range g.namespaces() {
		p, err := populationOf(ctx, client, g.options.Prefix, ns)
		switch {
		case forbidden(err):
			g.tellLimited(err)
			return nil
		case err != nil:
			return nil //nolint:nilerr // as above
		case p.noSharded && g.options.needsShards():
			return fmt.Errorf("%w: adapter %s needs Redis 7: this server has no sharded pub/sub; use another adapter or a newer Redis", ErrOptions, g.mark.layout)
		}
		if found := p.strangers(g.options); found != "" {
			return fmt.Errorf("%w: on prefix %q, namespace %q, servers listen as those with adapter %s do, and this one has %s: give all the same adapter, or this one a prefix of its own",
				ErrAdapters, g.options.Prefix, ns, found, g.mark.layout)
		}
	}
	return nil
}

// suspicions is how many looks in a row must find a clash before it is one:
// servers that come or go are between two states. At the start they follow each
// other after enterEvery, later after markEvery.
const (
	suspicions = 3
	enterEvery = 200 * time.Millisecond
)

// run renews the mark and counts the servers until ctx ends.
func (g *guard) run(ctx context.Context) {
	ticker := time.NewTicker(markEvery)
	defer ticker.Stop()
	suspected := 0
	for {
		if err := g.round(ctx); err == nil {
			suspected = 0
			g.problem.Store(nil)
		} else if suspected++; suspected >= suspicions {
			text := err.Error()
			if old := g.problem.Swap(&text); old == nil || *old != text {
				g.log.Error("redis prefix is not ours alone", "error", text)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (g *guard) round(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, markEvery)
	defer cancel()
	client, err := g.client()
	if err != nil {
		return nil //nolint:nilerr // the heartbeat tells that Redis is away
	}
	most := 0
	for _, ns := range g.namespaces() {
		if n, err := g.servers(ctx, ns); err == nil {
			most = max(most, n)
		}
	}
	g.counted.Store(int64(most))
	return g.look(ctx, client)
}

// leave takes the mark away, so that another adapter may come at once.
func (g *guard) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if client, err := g.client(); err == nil {
		_ = g.mark.remove(ctx, client, g.options.Prefix) // else it ends by itself
	}
}

// saw takes note of a message that couldn't be understood and reports whether it
// is another adapter's.
func (g *guard) saw(payload string) bool {
	from := codecOf(payload)
	if from == "" || from == g.mark.Adapter || from == Streams && g.mark.Adapter == Sharded {
		return false // a sharded server sends maps too
	}
	g.foreign.Add(1)
	g.foreignAt.Store(time.Now().UnixNano())
	if !g.told.Swap(true) {
		g.log.Error("redis prefix has messages of another adapter: they can't be delivered, and ours can't be read there",
			"prefix", g.options.Prefix, "theirs", string(from), "ours", g.mark.layout)
	}
	return true
}

// fill adds to a status what the guard knows.
func (g *guard) fill(s *cluster.Status) {
	s.Servers = int(g.counted.Load())
	s.Foreign = g.foreign.Load()
	if s.Degraded {
		return
	}
	if p := g.problem.Load(); p != nil {
		s.Degraded, s.Reason = true, *p
	} else if at := g.foreignAt.Load(); at != 0 && time.Since(time.Unix(0, at)) < foreignFor {
		s.Degraded, s.Reason = true, "another adapter sends on prefix "+g.options.Prefix
	}
}

func (g *guard) tellLimited(err error) {
	if !g.limited.Swap(true) {
		g.log.Warn("redis user has not all the rights to see whether another adapter is on the prefix; see rtk serve --print-redis-acl", "error", reason(err))
	}
}

// name is what people know a pod by.
func (m mark) name() string {
	if m.Pod != "" {
		return m.Pod
	}
	return m.uid
}
