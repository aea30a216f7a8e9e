package redis

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"github.com/realtime-toolkit/rtk/pkg/server/internal/redisconn"
)

const (
	// commandsAtOnce bounds the commands on their way in one round, so that a pod
	// of many rooms doesn't stall Redis when it subscribes anew.
	commandsAtOnce = 256
	// roundGap is the longest wait between such rounds, when there are more.
	roundGap = 20 * time.Millisecond
	// movedGap is how long a channel waits that the server doesn't have, or not
	// yet.
	movedGap = 100 * time.Millisecond
)

// shardNode keeps the subscriptions at one server.
type shardNode struct {
	owner  *shardSubscriber
	addr   string
	kick   chan struct{}
	cancel context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex
	dirty   map[string]struct{} // channels to look at
	have    map[string]struct{} // in force on the present connection
	session bool                // there is a connection
	busy    bool                // its goroutine is at work on what was dirty
}

func newShardNode(ctx context.Context, owner *shardSubscriber, addr string) *shardNode {
	n := &shardNode{
		owner: owner, addr: addr,
		kick: make(chan struct{}, 1), done: make(chan struct{}),
		dirty: make(map[string]struct{}), have: make(map[string]struct{}),
	}
	ctx, n.cancel = context.WithCancel(ctx)
	go n.run(ctx)
	return n
}

// ended reports whether the goroutine has.
func (n *shardNode) ended() bool {
	select {
	case <-n.done:
		return true
	default:
		return false
	}
}

// touch has the goroutine look at a channel.
func (n *shardNode) touch(channel string) {
	n.mu.Lock()
	n.dirty[channel] = struct{}{}
	n.mu.Unlock()
	n.wake()
}

func (n *shardNode) wake() {
	select {
	case n.kick <- struct{}{}:
	default:
	}
}

// has reports whether a channel is subscribed to, or about to be.
func (n *shardNode) has(channel string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, have := n.have[channel]
	_, dirty := n.dirty[channel]
	return have || dirty || n.busy
}

// state returns how many channels are in force, and whether all that are due
// are.
func (n *shardNode) state() (have int, settled bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.have), n.session && !n.busy && len(n.dirty) == 0
}

func (n *shardNode) run(ctx context.Context) {
	defer close(n.done)
	var b backoff
	for {
		err := n.connect(ctx, b.reset)
		n.mu.Lock()
		was := n.session
		n.session, n.busy = false, false
		clear(n.have)
		n.mu.Unlock()
		if ctx.Err() != nil {
			return
		}
		n.owner.lost(err, was)
		if !b.wait(ctx) {
			return
		}
	}
}

// connect subscribes on a connection of its own and returns when that is lost.
func (n *shardNode) connect(ctx context.Context, ready func()) error {
	client, err := n.owner.connector.node(n.addr)
	if err != nil {
		return err
	}
	conn, release := client.Dedicate()
	defer release()
	defer conn.Close()
	lost := conn.SetPubSubHooks(rueidis.PubSubHooks{OnMessage: n.owner.onMessage, OnSubscription: n.confirmed})
	ping, cancel := context.WithTimeout(ctx, n.owner.ioTimeout)
	err = conn.Do(ping, conn.B().Ping().Build()).Error()
	cancel()
	if err != nil {
		return err
	}
	n.begin()
	for {
		if err := n.work(ctx, conn); err != nil {
			return err
		}
		ready()
		ready = func() {}
		n.owner.settled()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-lost:
			if err == nil {
				err = rueidis.ErrClosing
			}
			return err
		case <-n.kick:
		}
	}
}

// begin makes all channels of the server due.
func (n *shardNode) begin() {
	s := n.owner
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.slots.Load()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.session = true
	clear(n.dirty)
	for c := range s.wanted {
		if m.Node(redisconn.Slot(c)) == n.addr {
			n.dirty[c] = struct{}{}
		}
	}
}

// confirmed runs on the reader's goroutine. A server that gives a slot away ends
// the subscriptions to its channels by itself.
func (n *shardNode) confirmed(s rueidis.PubSubSubscription) {
	switch s.Kind {
	case "ssubscribe":
		n.mu.Lock()
		n.have[s.Channel] = struct{}{}
		n.mu.Unlock()
	case "sunsubscribe":
		n.mu.Lock()
		_, had := n.have[s.Channel]
		delete(n.have, s.Channel)
		n.mu.Unlock()
		if had && n.owner.isWanted(s.Channel, n.addr) {
			n.touch(s.Channel)
			n.owner.again()
		}
	}
}

// work does what is due, in rounds.
func (n *shardNode) work(ctx context.Context, conn rueidis.DedicatedClient) error {
	for round := 0; ; round++ {
		commands, more := n.due(conn)
		if len(commands) == 0 {
			return nil
		}
		if round > 0 {
			if !sleep(ctx, rand.N(roundGap)) {
				return ctx.Err()
			}
		}
		if err := n.do(ctx, conn, commands); err != nil {
			return err
		}
		if !more {
			n.mu.Lock()
			n.busy = false
			n.mu.Unlock()
		}
	}
}

// command is one SSUBSCRIBE or SUNSUBSCRIBE and its channels.
type command struct {
	build    rueidis.Completed
	channels []string
}

// due takes some of what is dirty. In a Cluster a command takes the channels of
// one slot only, so each channel has its own.
func (n *shardNode) due(conn rueidis.DedicatedClient) (commands []command, more bool) {
	atOnce := 1
	if n.addr == redisconn.AnyNode {
		atOnce = subscribeAtOnce
	}
	n.mu.Lock()
	channels := make([]string, 0, min(len(n.dirty), atOnce*commandsAtOnce))
	for c := range n.dirty {
		if len(channels) == cap(channels) {
			break
		}
		channels = append(channels, c)
		delete(n.dirty, c)
	}
	more = len(n.dirty) > 0
	n.busy = len(channels) > 0
	n.mu.Unlock()
	var on, off []string
	for _, c := range channels {
		n.mu.Lock()
		_, have := n.have[c]
		n.mu.Unlock()
		switch want := n.owner.isWanted(c, n.addr); {
		case want && !have:
			on = append(on, c)
		case !want && have:
			off = append(off, c)
		}
	}
	for len(on) > 0 {
		k := min(len(on), atOnce)
		commands = append(commands, command{conn.B().Ssubscribe().Channel(on[:k]...).Build(), on[:k]})
		on = on[k:]
	}
	for len(off) > 0 {
		k := min(len(off), atOnce)
		commands = append(commands, command{conn.B().Sunsubscribe().Channel(off[:k]...).Build(), off[:k]})
		off = off[k:]
	}
	if len(commands) == 0 {
		n.mu.Lock()
		n.busy = false
		n.mu.Unlock()
	}
	return commands, more
}

// do sends commands and reads what the server says.
func (n *shardNode) do(ctx context.Context, conn rueidis.DedicatedClient, commands []command) error {
	ctx, cancel := context.WithTimeout(ctx, n.owner.ioTimeout)
	defer cancel()
	build := make(rueidis.Commands, len(commands))
	for i, c := range commands {
		build[i] = c.build
	}
	var moved []string
	for i, result := range conn.DoMulti(ctx, build...) {
		err := result.Error()
		if err == nil {
			continue
		}
		if refused, ok := errors.AsType[*rueidis.RedisError](err); !ok || !elsewhere(refused) {
			return err
		}
		moved = append(moved, commands[i].channels...)
	}
	if len(moved) > 0 {
		n.owner.again()
		time.AfterFunc(movedGap, func() {
			for _, c := range moved {
				n.touch(c)
			}
		})
	}
	return nil
}

// elsewhere reports whether a server says that another one has the slot, or that
// none has now. It has done nothing then.
func elsewhere(err error) bool {
	for _, prefix := range []string{"MOVED", "CLUSTERDOWN", "TRYAGAIN"} {
		if strings.HasPrefix(err.Error(), prefix) {
			return true
		}
	}
	return false
}
