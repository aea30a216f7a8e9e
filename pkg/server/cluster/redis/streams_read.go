package redis

import (
	"context"
	"encoding/base64"
	"errors"
	"time"

	"github.com/redis/rueidis"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/wire/redisadapter"
)

// readCount bounds one reading.
const readCount = 512

// count is how many entries are read at once: fewer than the stream has at least
// once it is trimmed, so that an answer that is not a full one has no gap.
func (l *streamLog) count() int64 { return int64(max(1, min(readCount, l.options.StreamMaxLen/2))) }

// read runs the reader until ctx ends; tell hears how each try to begin went.
func (l *streamLog) read(ctx context.Context, tell func(error)) {
	var b backoff
	for first := true; ; {
		err := l.reads(ctx, func() {
			b.reset()
			if !first {
				l.reconnects.Add(1)
			}
			first = false
			l.readProblem.Store(nil)
			l.reading.Store(true)
			tell(nil)
		})
		was := l.reading.Swap(false)
		if ctx.Err() != nil {
			return
		}
		l.mu.Lock()
		l.late = l.late || !l.located
		l.mu.Unlock()
		text := "read stream " + l.key + ": " + reason(err)
		l.readProblem.Store(&text)
		if was {
			l.log.Warn("redis stream is lost", "error", text)
		} else {
			tell(err)
		}
		if !b.wait(ctx) {
			return
		}
	}
}

// reads reads until the first error.
//
// While the pod is behind, it reads from its position on with that entry
// included: when the entry is there, the stream has not been trimmed past it.
// When it has caught up it waits with XREAD, whose answer can have no gap unless
// it is a full one: then it reads again in the first way.
func (l *streamLog) reads(ctx context.Context, ready func()) error {
	client, err := l.client()
	if err != nil {
		return err
	}
	clock, err := l.clock(ctx, client)
	if err != nil {
		return err
	}
	if err := l.locate(ctx, client); err != nil {
		return err
	}
	for behind := true; ; {
		if err := l.load(ctx, client, clock); err != nil {
			return err
		}
		var entries []streamEntry
		at := l.reached()
		if behind {
			var gap bool
			if entries, gap, err = l.next(ctx, client, at); err != nil {
				return err
			}
			if gap {
				if err := l.missed(ctx, client, entries); err != nil {
					return err
				}
			}
			if behind = len(entries) > 0; !behind {
				ready()
				ready = func() {}
			}
		} else {
			if entries, err = l.await(ctx, client, at); err != nil {
				return err
			}
			if int64(len(entries)) == l.count() {
				behind = true
				continue
			}
		}
		l.readAt.Store(time.Now().UnixNano())
		// Who has begun to follow meanwhile must hear of what came before first.
		if err := l.load(ctx, client, clock); err != nil {
			return err
		}
		l.take(entries, clock)
	}
}

// livelyBlock bounds a reading of a stream whose namespaces come and go: one that
// has just come is not told of anything before the reading is over.
const livelyBlock = 100 * time.Millisecond

// clock returns how far the clock of Redis is ahead of ours.
func (l *streamLog) clock(ctx context.Context, client rueidis.Client) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, l.options.IOTimeout)
	defer cancel()
	list, err := client.Do(ctx, client.B().Time().Build()).AsIntSlice()
	if err != nil {
		if forbidden(err) {
			return 0, nil
		}
		return 0, err
	}
	if len(list) != 2 {
		return 0, errors.New("TIME has no time")
	}
	return time.Until(time.Unix(list[0], list[1]*1000)), nil
}

// locate makes the end of the stream the position, the first time.
func (l *streamLog) locate(ctx context.Context, client rueidis.Client) error {
	l.mu.Lock()
	located := l.located
	l.mu.Unlock()
	if located {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, l.options.IOTimeout)
	defer cancel()
	last, err := l.last(ctx, client)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.position, l.located = last, true
	return nil
}

// next reads what follows at, of which gap says that it is not all.
func (l *streamLog) next(ctx context.Context, client rueidis.Client, at cluster.Offset) (entries []streamEntry, gap bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, l.options.IOTimeout)
	defer cancel()
	entries, err = readEntries(client.Do(ctx, client.B().Xrange().Key(l.key).Start(formatOffset(at)).End("+").Count(l.count()+1).Build()))
	if err != nil || at == (cluster.Offset{}) {
		return entries, false, err
	}
	if len(entries) > 0 && entries[0].at == at {
		return entries[1:], false, nil
	}
	return entries, true, nil
}

// await waits for what follows at.
func (l *streamLog) await(ctx context.Context, client rueidis.Client, at cluster.Offset) ([]streamEntry, error) {
	block := l.options.HeartbeatInterval
	if l.lively.Load() {
		block = min(block, livelyBlock)
	}
	ctx, cancel := context.WithTimeout(ctx, block+l.options.IOTimeout)
	defer cancel()
	return readStream(client.Do(ctx, client.B().Xread().Count(l.count()).Block(block.Milliseconds()).Streams().Key(l.key).Id(formatOffset(at)).Build()))
}

// missed deals with a stream that doesn't have the entry that was read last: it
// was trimmed past it, or is another one. rest is what it has after it.
func (l *streamLog) missed(ctx context.Context, client rueidis.Client, rest []streamEntry) error {
	ctx, cancel := context.WithTimeout(ctx, l.options.IOTimeout)
	defer cancel()
	at := l.reached()
	if len(rest) > 0 {
		at = preceding(rest[0].at)
	} else {
		last, err := l.last(ctx, client)
		if err != nil {
			return err
		}
		if before(last, at) { // not ours: the one that we read is gone
			at = last
		}
	}
	l.gaps.Add(1)
	l.log.Error("redis stream no longer has what this pod was about to read: it was trimmed or replaced meanwhile; clients that may have missed something are told",
		"stream", l.key)
	l.mu.Lock()
	l.position = at
	l.passOver()
	l.signal() // those are to be told
	all := make([]*following, 0, len(l.following))
	for _, f := range l.following {
		all = append(all, f)
	}
	l.mu.Unlock()
	for _, f := range all {
		if f.begun {
			f.follower.Begin(at, true)
		}
	}
	return nil
}

// take tells what has been read.
func (l *streamLog) take(entries []streamEntry, clock time.Duration) {
	l.heard.Add(uint64(len(entries)))
	for i := range entries {
		e := &entries[i]
		if e.uid == l.uid {
			l.takeOwn(e)
		} else if l.wants(e.namespace) {
			l.takeOther(e, clock, nil)
		}
		l.mu.Lock()
		l.position = e.at
		l.mu.Unlock()
	}
}

// takeOwn tells that a message of this pod has its place.
func (l *streamLog) takeOwn(e *streamEntry) {
	r := l.match(e.namespace, e.kind, e.data)
	if r != nil && r.follower != nil {
		r.follower.Recorded(&cluster.Entry{Broadcast: r.broadcast, At: e.at, Mark: r.mark})
	}
}

// takeOther tells of another pod's message, or of any to fresh alone, which begins
// to follow.
func (l *streamLog) takeOther(e *streamEntry, clock time.Duration, fresh *following) {
	signature, err := base64.RawURLEncoding.DecodeString(e.signature)
	if err != nil || l.signer.Check(signature, signedEntry(l.key, e.uid, e.namespace, e.kind, e.data)...) != nil {
		l.ignored.Add(1)
		return
	}
	m, err := redisadapter.DecodeStream(e.uid, e.namespace, e.kind, e.data)
	if err != nil {
		l.ignored.Add(1)
		return
	}
	l.mu.Lock()
	f := l.following[e.namespace]
	begun := f != nil && f.begun
	l.mu.Unlock()
	switch other := m.Type != redisadapter.ClusterBroadcast; {
	case fresh != nil && (f != fresh || other):
		return
	case f == nil || other:
		l.deliver(m)
		return
	case fresh == nil && !begun:
		return // load will tell of it
	}
	l.received.Add(1)
	f.follower.Recorded(&cluster.Entry{
		Broadcast: &cluster.Broadcast{
			Namespace: m.Namespace, Rooms: m.Rooms, Except: m.Except, Args: m.Args, Attachments: m.Attachments,
			Volatile: m.Volatile, Compress: m.Compress, NoCompress: m.NoCompress,
		},
		At: e.at, Age: max(0, time.Since(time.UnixMilli(int64(e.at.Time)))+clock), Past: fresh != nil && !before(f.since, e.at),
	})
}

// load tells those who have begun to follow what the stream holds already.
func (l *streamLog) load(ctx context.Context, client rueidis.Client, clock time.Duration) error {
	l.mu.Lock()
	var fresh []*following
	names := make(map[string]*following)
	at, late := l.position, l.late
	for name, f := range l.following {
		if f.begun {
			continue
		}
		if !f.located {
			f.since, f.located = at, true
		}
		fresh = append(fresh, f)
		names[name] = f
	}
	l.mu.Unlock()
	if len(fresh) == 0 {
		return nil
	}
	age := time.Duration(0)
	for _, f := range fresh {
		age = max(age, f.age)
	}
	cutoff := cluster.Offset{Time: uint64(max(0, time.Now().Add(clock-age).UnixMilli()))}
	floor, err := l.floor(ctx, client, cutoff, at)
	if err != nil {
		return err
	}
	for _, f := range fresh {
		f.follower.Begin(floor, late)
	}
	for from := floor; before(from, at); {
		ctx, cancel := context.WithTimeout(ctx, l.options.IOTimeout)
		entries, err := readEntries(client.Do(ctx, client.B().Xrange().Key(l.key).Start(formatOffset(from)).End(formatOffset(at)).Count(l.count()).Build()))
		cancel()
		if err != nil {
			return err
		}
		for i := range entries {
			if e := &entries[i]; before(from, e.at) && names[e.namespace] != nil {
				l.takeOther(e, clock, names[e.namespace])
			}
		}
		if int64(len(entries)) < l.count() {
			break
		}
		from = entries[len(entries)-1].at
	}
	for _, f := range fresh {
		f.follower.Level(at)
		l.mu.Lock()
		f.begun = true
		l.mu.Unlock()
	}
	return nil
}

// floor is the place after which a pod that begins knows all: the beginning, when
// the stream was never trimmed and has nothing older than cutoff.
func (l *streamLog) floor(ctx context.Context, client rueidis.Client, cutoff, at cluster.Offset) (cluster.Offset, error) {
	ctx, cancel := context.WithTimeout(ctx, l.options.IOTimeout)
	defer cancel()
	entries, err := readEntries(client.Do(ctx, client.B().Xrange().Key(l.key).Start("-").End("+").Count(1).Build()))
	if err != nil {
		return at, err
	}
	if len(entries) == 0 {
		return at, nil
	}
	first := entries[0].at
	if !before(first, cutoff) {
		// Redis 7 tells how many entries there ever were.
		info, err := client.Do(ctx, client.B().XinfoStream().Key(l.key).Build()).AsMap()
		if err == nil {
			added, errAdded := asInt(info, "entries-added")
			length, errLength := asInt(info, "length")
			if errAdded == nil && errLength == nil && added == length {
				return cluster.Offset{}, nil
			}
		}
		return preceding(first), nil
	}
	if before(at, cutoff) {
		return at, nil
	}
	return preceding(cutoff), nil
}

func asInt(info map[string]rueidis.RedisMessage, key string) (int64, error) {
	m := info[key]
	return m.AsInt64()
}
