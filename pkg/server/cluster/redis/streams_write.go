package redis

import (
	"context"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/wire/redisadapter"
)

// write runs the writer until ctx ends.
func (l *streamLog) write(ctx context.Context) {
	var b backoff
	for {
		l.tellLost()
		l.expire(time.Now())
		err := l.settle(ctx)
		if err == nil {
			b.reset()
			l.writeProblem.Store(nil)
			l.writing.Store(true)
			err = l.flow(ctx)
			l.writing.Store(false)
		}
		if ctx.Err() != nil {
			return
		}
		text := "write stream " + l.key + ": " + reason(err)
		if old := l.writeProblem.Swap(&text); old == nil || *old != text {
			n, _, _ := l.queued(time.Now())
			l.log.Warn("redis stream can't be written", "error", text, "queued", n)
		}
		if !b.wait(ctx) {
			return
		}
	}
}

// settle connects and finds out what of that which was sent is in the stream:
// when the reader is as far as the stream was a moment ago, what it has not met
// isn't there.
func (l *streamLog) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, l.options.IOTimeout)
	defer cancel()
	client, err := l.client()
	if err != nil {
		return err
	}
	last, err := l.last(ctx, client)
	if err != nil {
		return err
	}
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		l.mu.Lock()
		open, there := len(l.sent) > 0, l.located && !before(l.position, last)
		l.mu.Unlock()
		if !open || there {
			break
		}
		select {
		case <-ctx.Done():
			return errors.New("what was written can't be read back")
		case <-tick.C:
		}
	}
	l.takeBack()
	return nil
}

// flow writes until the first error.
func (l *streamLog) flow(ctx context.Context) error {
	tick := time.NewTicker(l.options.HeartbeatInterval)
	defer tick.Stop()
	for {
		l.tellLost()
		batch := l.batch()
		if len(batch) == 0 {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-l.wake:
			case <-tick.C: // a broken connection is noticed by use
				if err := l.ping(ctx); err != nil {
					return err
				}
			}
			continue
		}
		if err := l.add(ctx, batch); err != nil {
			return err
		}
	}
}

func (l *streamLog) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, l.options.IOTimeout)
	defer cancel()
	client, err := l.client()
	if err != nil {
		return err
	}
	_, err = l.last(noDial(ctx), client)
	return err
}

// add writes a batch in one go.
func (l *streamLog) add(ctx context.Context, batch []*record) error {
	ctx, cancel := context.WithTimeout(ctx, l.options.IOTimeout)
	defer cancel()
	client, err := l.client()
	if err != nil {
		return err
	}
	commands := make(rueidis.Commands, 0, len(batch))
	for _, r := range batch {
		commands = append(commands, l.command(client, r))
	}
	var broken error
	refused := ""
	for i, result := range client.DoMulti(noDial(ctx), commands...) {
		id, err := result.ToString()
		if err == nil {
			l.published.Add(1)
			l.answered(batch[i], id)
			continue
		}
		if no, ok := errors.AsType[*rueidis.RedisError](err); ok && !passing(no) && !moved(no) {
			l.refuse(batch[i])
			refused = "stream " + l.key + " refused: " + no.Error()
			continue
		}
		broken = err
	}
	switch {
	case broken != nil:
	case refused == "":
		l.writeProblem.Store(nil)
	default:
		if old := l.writeProblem.Swap(&refused); old == nil || *old != refused {
			l.log.Error("redis stream takes no messages", "error", refused)
		}
	}
	return broken
}

// moved reports whether another server has the stream now.
func moved(err *rueidis.RedisError) bool {
	for _, prefix := range []string{"MOVED", "ASK", "READONLY"} {
		if strings.HasPrefix(err.Error(), prefix) {
			return true
		}
	}
	return false
}

// command is the XADD of a record.
func (l *streamLog) command(client rueidis.Client, r *record) rueidis.Completed {
	var sum []byte
	if l.signer != nil {
		sum = l.signer.Sum(signedEntry(l.key, l.uid, r.namespace, r.kind, r.data)...)
	}
	return xadd(client, l.key, l.options.StreamMaxLen, l.uid, r.namespace, r.kind, r.data, sum)
}

// xadd is the XADD of npm's adapter, with the signature at the end when there is
// one.
func xadd(client rueidis.Client, key string, maxLen int, uid, namespace, kind, data string, signature []byte) rueidis.Completed {
	c := client.B().Xadd().Key(key).Maxlen().Almost().Threshold(strconv.Itoa(maxLen)).Id("*").
		FieldValue().FieldValue(redisadapter.StreamUID, uid).FieldValue(redisadapter.StreamNamespace, namespace).
		FieldValue(redisadapter.StreamType, kind).FieldValue(redisadapter.StreamData, data)
	if len(signature) > 0 {
		c = c.FieldValue(redisadapter.StreamSignature, base64.RawURLEncoding.EncodeToString(signature))
	}
	return c.Build()
}

// signed is what the signature of an entry is over.
func signedEntry(key, uid, namespace, kind, data string) [][]byte {
	return [][]byte{[]byte(key), []byte(uid), []byte(namespace), []byte(kind), []byte(data)}
}

// last returns the id of the latest entry, zero for none.
func (l *streamLog) last(ctx context.Context, client rueidis.Client) (cluster.Offset, error) {
	entries, err := readEntries(client.Do(ctx, client.B().Xrevrange().Key(l.key).End("+").Start("-").Count(1).Build()))
	if err != nil || len(entries) == 0 {
		return cluster.Offset{}, err
	}
	return entries[0].at, nil
}
