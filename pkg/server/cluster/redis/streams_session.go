package redis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/wire/redisadapter"
)

// sessionStore keeps sessions in Redis, where the streams adapter has them. A
// connection saves its session several times; of what waits only the latest is
// written.
type sessionStore struct {
	client    func() (rueidis.Client, error)
	ioTimeout time.Duration
	log       *slog.Logger
	wake      chan struct{}

	mu      sync.Mutex              // a leaf
	waiting map[string]*sessionSave // by head: of two connections that had one session only Redis knows whose it is
	order   []string                // heads, the longest waiting first
	busy    int                     // saves that are under way
	dropped uint64
}

// sessionSave is one save. An empty text deletes.
type sessionSave struct {
	pid, head, text string
	first           bool
	keep            time.Duration
	taken           func()
}

// maxSaves bounds the sessions that wait to be saved; over it the oldest is
// dropped. It will be saved again with the next lease, if its client is there.
const maxSaves = 1 << 17

// saveScript saves a session unless another owner has it: ARGV are the owner's
// head, the text or nothing, and milliseconds. One that was taken and is not yet
// its new owner's is an empty text.
const saveScript = `local v = redis.call('GET', KEYS[1])
if v and string.sub(v, 1, #ARGV[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return 1`

// takeScript takes a session if it is still what was read.
const takeScript = `if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], '', 'PX', ARGV[2])
return 1`

// takenFor is how long a session that was taken keeps the connection that had it
// from saving it again.
const takenFor = 10 * time.Second

func newSessionStore(c *connector, o Options) *sessionStore {
	return &sessionStore{
		client: c.byKey, ioTimeout: o.IOTimeout, log: o.Logger,
		wake: make(chan struct{}, 1), waiting: make(map[string]*sessionSave),
	}
}

func (x *sessionStore) save(s *cluster.Session, first bool, keep time.Duration, taken func()) {
	v := &sessionSave{pid: s.PID, head: redisadapter.SessionHead(s.Owner), first: first, keep: keep, taken: taken}
	if keep > 0 {
		text, err := redisadapter.EncodeSession(&redisadapter.Session{
			SID: s.SID, PID: s.PID, Rooms: s.Rooms, Data: s.Data, Owner: s.Owner,
			Namespace: s.Namespace, Begin: s.Begin, Holder: s.Holder, Values: s.Values,
		})
		if err != nil {
			x.log.Error("session can't be saved", "error", err)
			return
		}
		v.text = text
	}
	x.mu.Lock()
	if old := x.waiting[v.head]; old != nil {
		v.first = v.first || old.first
	} else {
		x.order = append(x.order, v.head)
	}
	x.waiting[v.head] = v
	x.bound()
	x.mu.Unlock()
	select {
	case x.wake <- struct{}{}:
	default:
	}
}

// bound drops what is too much. mu is held.
func (x *sessionStore) bound() {
	for len(x.order) > maxSaves {
		delete(x.waiting, x.order[0])
		x.order = x.order[1:]
		if x.dropped++; x.dropped == 1 {
			x.log.Error("sessions wait to be saved faster than Redis takes them: the oldest are dropped (said once)")
		}
	}
}

// len is how many sessions are not saved yet.
func (x *sessionStore) len() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.order) + x.busy
}

// run saves until ctx ends.
func (x *sessionStore) run(ctx context.Context) {
	var b backoff
	for {
		batch := x.batch()
		if len(batch) == 0 {
			select {
			case <-ctx.Done():
				return
			case <-x.wake:
			}
			continue
		}
		left := x.write(ctx, batch)
		x.settle(left)
		if len(left) == 0 {
			b.reset()
		} else if !b.wait(ctx) {
			return
		}
	}
}

func (x *sessionStore) batch() []*sessionSave {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := min(len(x.order), 256)
	batch := make([]*sessionSave, 0, n)
	for _, head := range x.order[:n] {
		batch = append(batch, x.waiting[head])
		delete(x.waiting, head)
	}
	if x.order = x.order[n:]; len(x.order) == 0 {
		x.order = nil
	}
	x.busy = n
	return batch
}

// settle takes back what could not be written, where nothing newer waits.
func (x *sessionStore) settle(left []*sessionSave) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.busy = 0
	for _, v := range left {
		if newer := x.waiting[v.head]; newer != nil {
			newer.first = newer.first || v.first
			continue
		}
		x.waiting[v.head] = v
		x.order = append(x.order, v.head)
	}
	x.bound()
}

// write returns what could not be written. Each may be written twice.
func (x *sessionStore) write(ctx context.Context, batch []*sessionSave) (left []*sessionSave) {
	ctx, cancel := context.WithTimeout(ctx, x.ioTimeout)
	defer cancel()
	client, err := x.client()
	if err != nil {
		return batch
	}
	commands := make(rueidis.Commands, 0, len(batch))
	for _, v := range batch {
		key, ms := redisadapter.SessionKey(v.pid), v.keep.Milliseconds()
		if v.first && v.text != "" {
			commands = append(commands, client.B().Set().Key(key).Value(v.text).PxMilliseconds(ms).Build())
			continue
		}
		commands = append(commands, client.B().Eval().Script(saveScript).Numkeys(1).Key(key).Arg(v.head, v.text, strconv.FormatInt(ms, 10)).Build())
	}
	for i, result := range client.DoMulti(ctx, commands...) {
		v := batch[i]
		message, err := result.ToMessage()
		switch {
		case err == nil:
			if n, e := message.AsInt64(); e == nil && n == 0 && v.taken != nil {
				v.taken()
			}
		case refusedForGood(err):
			x.log.Error("session can't be saved", "error", reason(err))
		default:
			left = append(left, v)
		}
	}
	return left
}

// refusedForGood reports whether Redis is there and says no.
func refusedForGood(err error) bool {
	refused, ok := errors.AsType[*rueidis.RedisError](err)
	return ok && !passing(refused) && !moved(refused)
}

// handoverWait bounds the wait for a session that was taken and that its new
// connection has not saved yet. Redis is asked after handoverTick, then ever less.
const (
	handoverWait = time.Second
	handoverTick = 4 * time.Millisecond
)

// take implements cluster.Journal's TakeSession.
func (x *sessionStore) take(ctx context.Context, pid string, mine func(*cluster.Session) bool) (*cluster.Session, error) {
	client, err := x.client()
	if err != nil {
		return nil, fmt.Errorf("session: %s", reason(err))
	}
	key := redisadapter.SessionKey(pid)
	until, pause := time.Now().Add(handoverWait), handoverTick
	for tries := 3; tries > 0; { // its connection may save it at this moment
		text, err := client.Do(ctx, client.B().Get().Key(key).Build()).ToString()
		if rueidis.IsRedisNil(err) {
			return nil, cluster.ErrNoSession
		}
		if err != nil {
			return nil, fmt.Errorf("session: %s", reason(err))
		}
		if text == "" {
			// Its client was cut off again before that connection was saved.
			if time.Now().After(until) || !sleep(ctx, pause) {
				return nil, cluster.ErrNoSession
			}
			pause = min(2*pause, 16*handoverTick)
			continue
		}
		tries--
		s, err := redisadapter.DecodeSession(text)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", cluster.ErrNoSession, err)
		}
		session := &cluster.Session{
			SID: s.SID, PID: s.PID, Rooms: s.Rooms, Data: s.Data, Values: s.Values,
			Namespace: s.Namespace, Owner: s.Owner, Begin: s.Begin, Holder: s.Holder,
		}
		if session.PID != pid || !mine(session) {
			return nil, cluster.ErrNoSession
		}
		n, err := client.Do(ctx, client.B().Eval().Script(takeScript).Numkeys(1).Key(key).Arg(text, strconv.FormatInt(takenFor.Milliseconds(), 10)).Build()).AsInt64()
		if err != nil {
			return nil, fmt.Errorf("session: %s", reason(err))
		}
		if n == 1 {
			return session, nil
		}
	}
	return nil, cluster.ErrNoSession
}
