package redis

import (
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/wire/redisadapter"
)

// streamLog is one Redis stream: what the pod writes to it, and what all pods
// wrote, in the one order that Redis gave it. What the pod writes is its own
// until it has read it back: after the loss of a connection only the stream can
// tell what of it has arrived, and so nothing is lost, and nothing written twice.
//
// Two goroutines run it, one that writes and one that reads.
type streamLog struct {
	key     string
	uid     string
	options Options
	signer  *redisadapter.Signer
	client  func() (rueidis.Client, error)
	deliver func(*redisadapter.ClusterMessage) // of other pods, for nobody who follows
	wants   func(namespace string) bool
	log     *slog.Logger

	wake chan struct{} // there is something to write, or room to do so

	mu        sync.Mutex // a leaf
	waiting   []*record  // to be written, in order
	sent      []*record  // written, or perhaps; not read back
	bytes     int        // of both
	lost      []*record  // to be told
	lostBytes int
	following map[string]*following
	position  cluster.Offset // up to which all has been told
	located   bool           // position is one
	late      bool           // the stream could not be read at the first try

	writing, reading atomic.Bool // the way is well
	lively           atomic.Bool // namespaces came after the start
	readAt           atomic.Int64
	writeProblem     atomic.Pointer[string]
	readProblem      atomic.Pointer[string]

	published, received, heard, dropped, ignored, gaps, reconnects atomic.Uint64
}

// record is one message of this pod.
type record struct {
	namespace string
	kind      string
	data      string
	volatile  bool
	queued    time.Time
	tried     bool
	at        cluster.Offset // once Redis has told

	// Of a broadcast that somebody waits for.
	broadcast *cluster.Broadcast
	mark      any
	follower  cluster.Follower
}

func (r *record) size() int { return len(r.namespace) + len(r.data) + 128 }

// following is a namespace that somebody follows.
type following struct {
	follower cluster.Follower
	age      time.Duration
	since    cluster.Offset // what is not after it is past
	located  bool           // since is known
	begun    bool
}

// maxUnread bounds what is written and not read back.
const maxUnread = 1 << 13

// push takes a message in and reports whether it did; it never waits. A volatile
// one is for now or never.
//
// Over the bounds of the outbox the oldest is dropped and its follower told. As it
// is the writer that tells, and it may wait for Redis meanwhile, what is to be told
// has the same bounds: over them nothing is dropped for a new message, which is not
// taken in instead. The caller learns that at once, so every follower still hears
// of each of its messages.
func (l *streamLog) push(r *record) bool {
	r.queued = time.Now()
	size := r.size()
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.mark != nil {
		if f := l.following[r.namespace]; f != nil {
			r.follower = f.follower
		}
	}
	if r.volatile && !l.writing.Load() {
		l.dropped.Add(1)
		return false
	}
	defer l.signal()
	full := func() bool {
		return len(l.waiting)+len(l.sent) >= l.options.OutboxMessages || l.bytes+size > l.options.OutboxBytes
	}
	for full() && len(l.waiting) > 0 && len(l.lost) < l.options.OutboxMessages && l.lostBytes < l.options.OutboxBytes {
		l.drop(l.shift())
	}
	if full() {
		l.dropped.Add(1)
		return false
	}
	l.waiting = append(l.waiting, r)
	l.bytes += size
	return true
}

// shift takes the oldest out of what waits. mu is held.
func (l *streamLog) shift() *record {
	r := l.waiting[0]
	l.waiting[0] = nil
	l.waiting = l.waiting[1:]
	l.bytes -= r.size()
	return r
}

// drop gives a message up. mu is held.
func (l *streamLog) drop(r *record) {
	l.dropped.Add(1)
	l.lose(r)
}

// lose has the follower of a message told. mu is held.
func (l *streamLog) lose(r *record) {
	if r.follower != nil {
		l.lost = append(l.lost, r)
		l.lostBytes += r.size()
	}
}

func (l *streamLog) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// tellLost tells what will never be in the stream. The writer calls it.
func (l *streamLog) tellLost() {
	l.mu.Lock()
	lost := l.lost
	l.lost, l.lostBytes = nil, 0
	l.mu.Unlock()
	for _, r := range lost {
		r.follower.Lost(r.mark)
	}
}

// expire gives up what has waited for too long.
func (l *streamLog) expire(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.waiting) > 0 && now.Sub(l.waiting[0].queued) > l.options.OutboxAge {
		l.drop(l.shift())
	}
}

// batch moves messages from those that wait to those that are sent.
func (l *streamLog) batch() []*record {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, bytes := 0, 0
	for n < min(len(l.waiting), batchMessages, maxUnread-len(l.sent)) && (n == 0 || bytes < batchBytes) {
		bytes += l.waiting[n].size()
		l.waiting[n].tried = true
		n++
	}
	out := slices.Clone(l.waiting[:n])
	l.sent = append(l.sent, out...)
	clear(l.waiting[:n])
	if l.waiting = l.waiting[n:]; len(l.waiting) == 0 {
		l.waiting = nil
	}
	return out
}

// takeBack puts what is sent and not in the stream in front of what waits.
func (l *streamLog) takeBack() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.sent) > 0 {
		l.waiting = append(l.sent, l.waiting...)
		l.sent = nil
	}
}

// refuse gives up a message that Redis doesn't take.
func (l *streamLog) refuse(r *record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.sent, r); i >= 0 {
		l.sent = slices.Delete(l.sent, i, i+1)
		l.bytes -= r.size()
		l.drop(r)
	}
}

// answered notes the place of a message that Redis took.
func (l *streamLog) answered(r *record, id string) {
	at, ok := parseOffset(id)
	l.mu.Lock()
	defer l.mu.Unlock()
	r.at = at
	if ok && !before(l.position, at) {
		l.passOver()
	}
}

// passOver forgets what is in the stream but was not read back, because the
// stream was trimmed past it: other pods have it, here it has no place. mu is
// held.
func (l *streamLog) passOver() {
	l.sent = slices.DeleteFunc(l.sent, func(r *record) bool {
		gone := r.at != (cluster.Offset{}) && !before(l.position, r.at)
		if gone {
			l.bytes -= r.size()
			l.lose(r)
		}
		return gone
	})
}

// match finds the message of this pod that an entry is, nil when it is none that
// is still open: then it is there twice.
func (l *streamLog) match(namespace, kind, data string) *record {
	is := func(r *record) bool { return r.data == data && r.namespace == namespace && r.kind == kind }
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, r := range l.sent {
		if !is(r) {
			continue
		}
		if i == 0 {
			l.sent[0] = nil
			l.sent = l.sent[1:]
		} else {
			l.sent = slices.Delete(l.sent, i, i+1)
		}
		l.bytes -= r.size()
		if len(l.sent) == maxUnread/2 {
			l.signal()
		}
		return r
	}
	// One that was taken back and was in the stream after all.
	for i, r := range l.waiting {
		if !r.tried {
			break
		}
		if is(r) {
			l.waiting = slices.Delete(l.waiting, i, i+1)
			l.bytes -= r.size()
			return r
		}
	}
	return nil
}

// queued returns how much has not been read back, and for how long.
func (l *streamLog) queued(now time.Time) (messages, bytes int, age time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, q := range [][]*record{l.sent, l.waiting} {
		if len(q) > 0 {
			age = max(age, now.Sub(q[0].queued))
		}
	}
	return len(l.waiting) + len(l.sent), l.bytes, age
}

// follow has f told of a namespace.
func (l *streamLog) follow(namespace string, age time.Duration, f cluster.Follower) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.following[namespace] = &following{follower: f, age: age, since: l.position, located: l.located}
}

// unfollow takes back what follow did. What is under way may yet be told.
func (l *streamLog) unfollow(namespace string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.following, namespace)
}

func (l *streamLog) reached() cluster.Offset {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.position
}

// level reports whether what is written now is read back at once.
func (l *streamLog) level() bool { return l.writing.Load() && l.reading.Load() }

// problem is what is wrong, "" when nothing is.
func (l *streamLog) problem(now time.Time) string {
	for _, p := range []*string{l.readProblem.Load(), l.writeProblem.Load()} {
		if p != nil {
			return *p
		}
	}
	if !l.level() {
		return "stream " + l.key + " is not read yet"
	}
	silence := now.Sub(time.Unix(0, l.readAt.Load()))
	if silence > l.options.HeartbeatInterval+l.options.HeartbeatTimeout {
		return "no answer to the reading of stream " + l.key + " for " + silence.Round(100*time.Millisecond).String()
	}
	return ""
}
