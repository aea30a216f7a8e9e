package redis

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster/internal/queue"
)

// message is one PUBLISH. payload is written to the socket as it is and must not
// change.
type message struct {
	channel  string
	payload  []byte
	volatile bool      // for now or never: not kept for a Redis that is away
	queued   time.Time // set by push
	expires  time.Time // not sent after; the outbox's bound when zero
}

func (m message) size() int { return len(m.channel) + len(m.payload) }

func (m message) stale(now time.Time) bool { return now.After(m.expires) }

// sender is the way to Redis, apart so that the publisher's logic is tested
// without it.
type sender interface {
	// ping returns nil when Redis can be published to now.
	ping(ctx context.Context) error
	// send publishes in order and reports how many Redis took. With
	// errNotConnected nothing was sent; with another error the rest may or may
	// not have reached Redis.
	send(ctx context.Context, batch []message) (sent int, err error)
}

const (
	batchMessages = 1024
	batchBytes    = 1 << 20
)

// returnGrace is how long the outbox waits after Redis has come back: longer than
// the other pods take to try again, so that they hear what is in it.
const returnGrace = 2 * maxBackoff

// publisher owns the outbox: the one goroutine that runs it sends everything, so
// that order holds.
type publisher struct {
	sender      sender
	outbox      *queue.Queue[message]
	age         time.Duration // how long a message is kept
	beat        *heartbeat
	channel     string // of the heartbeat
	interval    time.Duration
	ioTimeout   time.Duration
	onLost      func()        // when the connection is lost, nil for nothing
	moves       func() uint64 // how often the server has become another, nil for never
	moved       uint64        // that at the last connect
	parked      int           // messages in front of the outbox that had to wait
	parkedBytes int
	kick        chan struct{} // asks for a heartbeat now
	log         *slog.Logger

	hurry     atomic.Bool // holds nothing back: the pod closes
	up        atomic.Bool
	problem   atomic.Pointer[string] // the last failure, nil when all is well
	published atomic.Uint64
	dropped   atomic.Uint64
	sending   atomic.Int64 // messages out of the outbox and not yet answered
}

// push puts a message in the outbox and reports whether it did; it never waits.
func (p *publisher) push(m message) bool {
	if m.volatile && !p.up.Load() {
		p.dropped.Add(1)
		return false
	}
	m.queued = time.Now()
	if latest := m.queued.Add(p.age); m.expires.IsZero() || m.expires.After(latest) {
		m.expires = latest
	}
	n := p.outbox.Push(m, m.size())
	if n > 0 {
		p.dropped.Add(uint64(n))
	}
	return n == 0 || m.size() <= p.outbox.MaxBytes()
}

// run sends until ctx ends.
func (p *publisher) run(ctx context.Context) {
	for {
		hold, ok := p.connect(ctx)
		if !ok {
			return
		}
		err := p.flow(ctx, hold)
		p.up.Store(false)
		if p.onLost != nil {
			p.onLost()
		}
		if ctx.Err() != nil {
			return
		}
		p.report("publish: " + reason(err))
	}
}

// connect pings until Redis answers. Nothing is taken out of the outbox before,
// so that a Redis that is away costs no message. After an outage or at another
// server, hold is how long the outbox is to wait: the other pods must have time to
// hear again.
func (p *publisher) connect(ctx context.Context) (hold time.Duration, ok bool) {
	var b backoff
	for {
		err := p.withTimeout(ctx, p.sender.ping)
		if err == nil {
			if p.moves != nil {
				if now := p.moves(); now != p.moved {
					p.moved, hold = now, returnGrace
				}
			}
			p.problem.Store(nil)
			p.up.Store(true)
			return hold, true
		}
		if ctx.Err() != nil {
			return 0, false
		}
		hold = returnGrace
		now := time.Now()
		p.dropped.Add(uint64(p.outbox.DropOldest(func(m message) bool { return m.stale(now) })))
		p.report("connect: " + reason(err))
		if !b.wait(ctx) {
			return 0, false
		}
	}
}

// flow sends until the first error; for the time of hold only heartbeats.
func (p *publisher) flow(ctx context.Context, hold time.Duration) error {
	held := hold > 0
	release := time.NewTimer(hold)
	defer release.Stop()
	ticker := time.NewTicker(p.interval)
	defer ticker.Stop()
	batch := make([]message, 0, 64)
	due := true // the first heartbeat goes out at once
	for {
		batch = batch[:0]
		if due {
			batch = append(batch, message{channel: p.channel, payload: []byte(p.beat.send(time.Now()))})
		}
		beats := len(batch)
		ready := p.outbox.Ready()
		if held = held && !p.hurry.Load(); held {
			ready = nil
		} else {
			// What has to wait is in front: it must not keep the rest from its turn.
			batch = p.outbox.Drain(batch, batchMessages+p.parked, batchBytes+p.parkedBytes)
			p.parked, p.parkedBytes = 0, 0
			batch = p.fresh(batch, beats)
		}
		if len(batch) > 0 {
			if err := p.sendBatch(ctx, batch, beats); err != nil {
				return err
			}
		}
		due = false
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ready:
		case <-release.C:
			held = false
		case <-ticker.C:
			due = true
		case <-p.kick:
			due = true
		}
	}
}

// fresh takes out what is behind the heartbeats and too old to be sent.
func (p *publisher) fresh(batch []message, beats int) []message {
	now := time.Now()
	kept := batch[:beats]
	for _, m := range batch[beats:] {
		if m.stale(now) {
			p.dropped.Add(1)
			continue
		}
		kept = append(kept, m)
	}
	clear(batch[len(kept):])
	return kept
}

func (p *publisher) sendBatch(ctx context.Context, batch []message, beats int) error {
	total := len(batch) - beats
	p.sending.Store(int64(total))
	defer p.sending.Store(0)
	sent := 0
	err := p.withTimeout(ctx, func(ctx context.Context) (err error) {
		sent, err = p.sender.send(ctx, batch)
		return err
	})
	if some, ok := errors.AsType[*unsentError](err); ok {
		return p.keep(ctx, some, total)
	}
	if errors.Is(err, errNotConnected) {
		p.dropped.Add(uint64(p.outbox.Return(batch[beats:], message.size)))
		clear(batch)
		return err
	}
	sent = max(0, sent-beats)
	p.published.Add(uint64(sent))
	if err != nil {
		p.dropped.Add(uint64(total - sent))
	}
	clear(batch)
	if refused, ok := errors.AsType[*rueidis.RedisError](err); ok && !passing(refused) {
		// Redis is there and says no, to a channel perhaps: another connection
		// would hear the same. The next good batch, a heartbeat's at the
		// latest, clears the problem.
		p.report("publish refused: " + refused.Error())
		return nil
	}
	if err == nil {
		p.problem.Store(nil)
	}
	return err
}

// keep puts back what some servers of a Cluster could not take, and goes on
// after a moment: the others take theirs.
func (p *publisher) keep(ctx context.Context, some *unsentError, total int) error {
	const moment = 50 * time.Millisecond
	back := slices.DeleteFunc(some.messages, func(m message) bool { return m.channel == p.channel })
	p.dropped.Add(uint64(some.lost + p.outbox.Return(back, message.size)))
	p.published.Add(uint64(max(0, total-len(back)-some.lost)))
	for _, m := range back {
		p.parked++
		p.parkedBytes += m.size()
	}
	p.report("publish: " + reason(some.err))
	if !sleep(ctx, moment) {
		return ctx.Err()
	}
	return nil
}

// report makes a problem show in the status and logs it when it is new.
func (p *publisher) report(text string) {
	if old := p.problem.Swap(&text); old == nil || *old != text {
		p.log.Warn("redis can't be published to", "error", text, "queued", p.outbox.Len())
	}
}

// drain lets the outbox wait no longer than it must.
func (p *publisher) drain() {
	p.hurry.Store(true)
	p.beatNow()
}

// beatNow sends a heartbeat soon rather than on the next tick.
func (p *publisher) beatNow() {
	select {
	case p.kick <- struct{}{}:
	default:
	}
}

func (p *publisher) withTimeout(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, p.ioTimeout)
	defer cancel()
	return f(ctx)
}

// queued returns how many messages have not been answered by Redis.
func (p *publisher) queued() int { return p.outbox.Len() + int(p.sending.Load()) }

// waiting returns how long the oldest message has been in the outbox.
func (p *publisher) waiting(now time.Time) time.Duration {
	m, ok := p.outbox.Oldest()
	if !ok {
		return 0
	}
	return now.Sub(m.queued)
}

// redisSender publishes over the client's one pipelined connection.
type redisSender struct {
	connector *connector
	commands  rueidis.Commands // reused
}

func (s *redisSender) ping(ctx context.Context) error {
	client, err := s.connector.get()
	if err != nil {
		return err
	}
	return client.Do(ctx, client.B().Ping().Build()).Error()
}

func (s *redisSender) send(ctx context.Context, batch []message) (sent int, err error) {
	client, err := s.connector.get()
	if err != nil {
		return 0, errNotConnected
	}
	s.commands = s.commands[:0]
	for _, m := range batch {
		s.commands = append(s.commands, client.B().Publish().Channel(m.channel).Message(rueidis.BinaryString(m.payload)).Build())
	}
	for _, result := range client.DoMulti(noDial(ctx), s.commands...) {
		if e := result.Error(); e != nil {
			err = e // the last is as good as any to tell what is wrong
			continue
		}
		sent++
	}
	if err != nil {
		// The client may still be about to write them: its reader fails the
		// commands of a connection that is lost while its writer has them.
		s.commands = nil
	} else {
		clear(s.commands)
	}
	return sent, err
}
