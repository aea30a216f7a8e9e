package redis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"github.com/realtime-toolkit/rtk/pkg/server/internal/redisconn"
)

// redialPatience bounds how long one server that can't be reached holds up what
// goes to the others.
const redialPatience = time.Second

// takeoverGrace is how long what goes to a server that has taken over waits: the
// other pods ask for the map within lookIdle, and may ask a server first that is
// silent.
const takeoverGrace = returnGrace + lookIdle

// shardSender publishes to sharded channels, each at the server that has its
// slot, over one pipelined connection to each. For a slot, order holds.
type shardSender struct {
	connector *connector
	subs      *shardSubscriber // keeps the map

	seen *redisconn.Map // the last map that was sent by

	mu   sync.Mutex
	away map[string]bool      // servers that could not be reached
	hold map[string]time.Time // servers that are back, or new, and what they get waits until then
}

func newShardSender(c *connector, subs *shardSubscriber) *shardSender {
	return &shardSender{connector: c, subs: subs, away: make(map[string]bool), hold: make(map[string]time.Time)}
}

// settle holds back what goes to servers that are new in a map: when one has
// taken over from another, the pods must have time to subscribe there.
func (s *shardSender) settle(m *redisconn.Map) {
	if m == s.seen {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, addr := range m.Nodes {
		if s.seen != nil && !slices.Contains(s.seen.Nodes, addr) {
			s.hold[addr] = time.Now().Add(takeoverGrace)
		}
	}
	s.seen = m
}

// held reports whether what goes to a server has to wait.
func (s *shardSender) held(addr string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	until, ok := s.hold[addr]
	if ok && time.Now().After(until) {
		delete(s.hold, addr)
		ok = false
	}
	return ok
}

// reached notes whether a server could be. One that is back is held back.
func (s *shardSender) reached(addr string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil:
		s.away[addr] = true
	case s.away[addr]:
		delete(s.away, addr)
		s.hold[addr] = time.Now().Add(returnGrace)
	}
}

var errSettling = errors.New("a server has just come back or taken over")

// unsentError says that some messages did not reach Redis, for certain, while
// others did or may have.
type unsentError struct {
	messages []message // in order
	lost     int       // messages that Redis may have had
	err      error
}

// Error says why.
func (e *unsentError) Error() string {
	return fmt.Sprintf("%d messages wait: %s", len(e.messages), reason(e.err))
}

var errNoMap = errors.New("the slots are not known yet")

// ping implements sender: one server that can be published to is enough, what is
// for the others waits.
func (s *shardSender) ping(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return errNoMap
	case <-s.subs.known:
	}
	m := s.subs.slots.Load()
	errs := make([]error, len(m.Nodes))
	var wg sync.WaitGroup
	for i, addr := range m.Nodes {
		wg.Go(func() { errs[i] = s.pingNode(ctx, addr) })
	}
	wg.Wait()
	for _, err := range errs {
		if err == nil {
			return nil
		}
	}
	s.subs.again()
	return errs[0]
}

func (s *shardSender) pingNode(ctx context.Context, addr string) error {
	client, err := s.connector.node(addr)
	if err != nil {
		return err
	}
	return client.Do(ctx, client.B().Ping().Build()).Error()
}

// send implements sender.
func (s *shardSender) send(ctx context.Context, batch []message) (sent int, err error) {
	m := s.subs.slots.Load()
	if m == nil {
		return 0, errNotConnected
	}
	if m.Single() {
		out := s.sendNode(ctx, redisconn.AnyNode, batch)
		if len(out.unsent) == len(batch) {
			return 0, errNotConnected
		}
		return out.sent, out.err
	}
	s.settle(m)
	rest, lost := batch, 0
	for try := 0; ; try++ {
		out := s.pass(ctx, m, rest)
		sent += out.sent
		lost += out.lost
		rest, err = out.unsent, out.err
		if len(rest) == 0 || try == 1 {
			break
		}
		s.subs.again()
		m = s.fresh(ctx, m)
		s.settle(m)
	}
	if len(rest) == 0 && lost == 0 {
		return sent, err
	}
	return sent, &unsentError{messages: rest, lost: lost, err: err}
}

// fresh waits a moment for a newer map than m.
func (s *shardSender) fresh(ctx context.Context, m *redisconn.Map) *redisconn.Map {
	const tries, gap = 10, 10 * time.Millisecond
	for range tries {
		if now := s.subs.slots.Load(); now != m {
			return now
		}
		if !sleep(ctx, gap) {
			break
		}
	}
	return s.subs.slots.Load()
}

// outcome is what became of messages.
type outcome struct {
	sent, lost int
	unsent     []message // in order
	where      []int     // their places
	err        error     // the last one
}

// pass sends each message to the server that has its slot, to all servers at the
// same time.
func (s *shardSender) pass(ctx context.Context, m *redisconn.Map, batch []message) (total outcome) {
	groups := make(map[string][]message)
	index := make(map[string][]int)
	for i, msg := range batch {
		addr := m.Node(redisconn.Slot(msg.channel))
		groups[addr] = append(groups[addr], msg)
		index[addr] = append(index[addr], i)
	}
	unsent := make([]bool, len(batch))
	var mu sync.Mutex
	var wg sync.WaitGroup
	for addr, group := range groups {
		wg.Go(func() {
			out := s.sendNode(ctx, addr, group)
			mu.Lock()
			defer mu.Unlock()
			total.sent += out.sent
			total.lost += out.lost
			if out.err != nil {
				total.err = out.err
			}
			for _, k := range out.where {
				unsent[index[addr][k]] = true
			}
		})
	}
	wg.Wait()
	for i, msg := range batch {
		if unsent[i] {
			total.unsent = append(total.unsent, msg)
		}
	}
	return total
}

// sendNode sends to one server.
func (s *shardSender) sendNode(ctx context.Context, addr string, batch []message) (out outcome) {
	none := func(err error) outcome {
		out := outcome{unsent: batch, err: err}
		for i := range batch {
			out.where = append(out.where, i)
		}
		return out
	}
	if addr == "" {
		return none(errors.New("CLUSTERDOWN nobody has the slot"))
	}
	if s.held(addr) {
		return none(errSettling)
	}
	client, err := s.connector.node(addr)
	if err != nil {
		return none(err)
	}
	away := false
	for from := 0; from < len(batch); from += batchMessages {
		part := batch[from:min(from+batchMessages, len(batch))]
		if len(out.where) == 0 && out.lost == 0 {
			away = s.sendPart(ctx, client, addr, part, from, &out) || away
			continue
		}
		for i, m := range part { // behind what could not be sent, so that order holds
			out.unsent, out.where = append(out.unsent, m), append(out.where, from+i)
		}
	}
	if away && addr != redisconn.AnyNode {
		redial, cancel := context.WithTimeout(ctx, redialPatience)
		defer cancel()
		err := s.pingNode(redial, addr)
		s.reached(addr, err)
		if err != nil {
			out.err = err
		}
	}
	return out
}

// sendPart sends what rueidis takes on its one connection: more than 2000 commands
// would go over another. It reports whether there was no connection.
func (s *shardSender) sendPart(ctx context.Context, client rueidis.Client, addr string, part []message, from int, out *outcome) (away bool) {
	commands := make(rueidis.Commands, len(part))
	for i, m := range part {
		commands[i] = client.B().Spublish().Channel(m.channel).Message(rueidis.BinaryString(m.payload)).Build()
	}
	for i, result := range client.DoMulti(noDial(ctx), commands...) {
		err := result.Error()
		if err == nil {
			out.sent++
			continue
		}
		out.err = err
		refused, ok := errors.AsType[*rueidis.RedisError](err)
		switch {
		case errors.Is(err, errNotConnected):
			away = true
		case ok && addr != redisconn.AnyNode && (elsewhere(refused) || passing(refused)):
		default:
			out.lost++
			continue
		}
		out.unsent, out.where = append(out.unsent, part[i]), append(out.where, from+i)
	}
	return away
}
