package streams

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"github.com/realtime-toolkit/rtk/pkg/server/service"
)

// Bus is the gateway's side. It is safe for concurrent use.
type Bus struct {
	opts  Options
	conn  *connection
	reply string // name of the reply stream

	cancel context.CancelFunc
	done   chan struct{} // closed when the reader has ended

	mu      sync.Mutex
	pending map[string]chan<- result // by call ID
}

var _ service.Service = (*Bus)(nil)

type result struct {
	answer *service.Answer
	err    error
}

// New makes a Bus, which Close ends. A Redis that can't be reached is tried again
// in the background; one that refuses the credentials is an error.
func New(o Options) (*Bus, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	option, dialer, err := clientOption(o.URL, o.TLS)
	if err != nil {
		return nil, err
	}
	b := &Bus{
		opts: o, conn: &connection{option: option, dialer: dialer}, done: make(chan struct{}), pending: map[string]chan<- result{},
		// A pod that starts again must not take the answers to its predecessor
		// for its own.
		reply: replyName(o.Stream, o.PodID+":"+rand.Text()[:10]),
	}
	if _, err := b.conn.dial(); err != nil {
		if re, ok := errors.AsType[*rueidis.RedisError](err); ok && !passing(re) {
			return nil, fmt.Errorf("redis: %w", err)
		}
		o.Logger.Warn("redis of a service is not reachable, trying again", "stream", o.Stream, "error", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	b.cancel = cancel
	go func() {
		defer close(b.done)
		b.read(ctx)
	}()
	return b, nil
}

// Close ends the bus. Calls that wait fail.
func (b *Bus) Close() {
	b.cancel()
	<-b.done
	if client, err := b.conn.get(); err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		_ = client.Do(ctx, client.B().Del().Key(b.reply).Build()).Error() // else it expires
		cancel()
	}
	b.conn.close()
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, ch := range b.pending {
		ch <- result{err: service.Unavailable(errNotConnected)}
		delete(b.pending, id)
	}
	b.pending = nil
}

// add puts a command on the stream unless it is full.
var add = rueidis.NewLuaScript(`
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[1]) then return false end
return redis.call('XADD', KEYS[1], '*', 'call', ARGV[2], 'reply', ARGV[3], 'deadline', ARGV[4])`)

var (
	errPending = errors.New("too many calls wait for their answers")
	errLen     = errors.New("the stream is full: the workers don't keep up")
)

// Call implements service.Service.
func (b *Bus) Call(ctx context.Context, c *service.Call) (*service.Answer, error) {
	event, err := service.EncodeCloudEvent(c)
	if err != nil {
		return nil, fmt.Errorf("encode the call: %w", err)
	}
	client, err := b.conn.get()
	if err != nil {
		return nil, service.Unavailable(err)
	}
	ctx, cancel := context.WithTimeout(ctx, b.opts.Deadline)
	defer cancel()
	// There is one disconnect a connection: that is bound enough.
	answer, err := b.expect(c.ID, c.Hook == service.HookDisconnect)
	if err != nil {
		return nil, err
	}
	defer b.forget(c.ID)
	deadline := time.Now().Add(b.opts.Deadline).UnixMilli()
	err = add.Exec(ctx, client, []string{b.opts.Stream}, []string{
		strconv.Itoa(b.opts.MaxLen), rueidis.BinaryString(event), b.reply, strconv.FormatInt(deadline, 10),
	}).Error()
	switch {
	case rueidis.IsRedisNil(err):
		return nil, service.Busy(errLen)
	case err != nil && ctx.Err() == nil:
		return nil, service.Unavailable(err)
	}
	select {
	case r := <-answer:
		return r.answer, r.err
	case <-ctx.Done():
		return nil, service.Timeout(ctx.Err())
	}
}

// expect registers a call that waits for its answer.
func (b *Bus) expect(id string, always bool) (<-chan result, error) {
	ch := make(chan result, 1)
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.pending == nil:
		return nil, service.Unavailable(errNotConnected)
	case len(b.pending) >= b.opts.Pending && !always:
		return nil, service.Busy(errPending)
	}
	b.pending[id] = ch
	return ch, nil
}

func (b *Bus) forget(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.pending, id)
}

// readFor is how long a read waits for something to come.
const readFor = time.Second

// read hands the answers to who waits for them, until ctx ends.
func (b *Bus) read(ctx context.Context) {
	last := "0" // the stream is new: everything on it is for this bus
	var again backoff
	for ctx.Err() == nil {
		client, err := b.conn.dial()
		var entries []rueidis.XRangeEntry
		if err == nil {
			entries, err = readEntries(ctx, client, client.B().Xread().Count(256).Block(readFor.Milliseconds()).Streams().Key(b.reply).Id(last).Build(), b.reply)
		}
		if err != nil {
			if ctx.Err() == nil {
				b.opts.Logger.Warn("read the answers of a service", "stream", b.opts.Stream, "error", err)
			}
			if !again.wait(ctx) {
				return
			}
			continue
		}
		again.failures = 0
		for i := range entries {
			last = entries[i].ID
			b.deliver(entries[i].FieldValues)
		}
		if len(entries) > 0 {
			trim, cancel := context.WithTimeout(ctx, ioTimeout)
			_ = client.Do(trim, client.B().Xtrim().Key(b.reply).Minid().Threshold(last).Build()).Error() // the next will do
			cancel()
		}
	}
}

// readEntries runs an XREAD or XREADGROUP of one stream.
func readEntries(ctx context.Context, client rueidis.Client, cmd rueidis.Completed, stream string) ([]rueidis.XRangeEntry, error) {
	ctx, cancel := context.WithTimeout(ctx, readFor+ioTimeout)
	defer cancel()
	streams, err := client.Do(ctx, cmd).AsXRead()
	if rueidis.IsRedisNil(err) {
		return nil, nil
	}
	return streams[stream], err
}

// deliver hands over one answer. One that nobody waits for any more is dropped.
func (b *Bus) deliver(fields map[string]string) {
	b.mu.Lock()
	ch := b.pending[fields["id"]]
	delete(b.pending, fields["id"])
	b.mu.Unlock()
	if ch == nil {
		return
	}
	if code := fields["code"]; code != "" {
		ch <- result{err: refusal(code, fields["message"])}
		return
	}
	a, err := service.ParseAnswer([]byte(fields["answer"]))
	if err != nil {
		err = service.Unavailable(fmt.Errorf("the reply is no %w", err))
	}
	ch <- result{a, err}
}

// refusal is the error that a worker's code stands for.
func refusal(code, message string) error {
	if code == service.CodeUnavailable {
		return service.Unavailable(errors.New(message))
	}
	return &service.Refusal{Code: code, Message: message}
}

// passing reports whether an error answer says that Redis is not ready yet.
func passing(err *rueidis.RedisError) bool {
	for _, prefix := range []string{"LOADING", "BUSY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "ERR max number of clients"} {
		if len(err.Error()) >= len(prefix) && err.Error()[:len(prefix)] == prefix {
			return true
		}
	}
	return false
}
