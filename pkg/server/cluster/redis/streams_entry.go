package redis

import (
	"strconv"
	"strings"

	"github.com/redis/rueidis"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/wire/redisadapter"
)

// streamEntry is one entry as read; what isn't there is empty.
type streamEntry struct {
	at                                    cluster.Offset
	uid, namespace, kind, data, signature string
}

// readEntries takes the answer of XRANGE or XREVRANGE apart.
func readEntries(result rueidis.RedisResult) ([]streamEntry, error) {
	list, err := result.ToArray()
	if err != nil {
		return nil, err
	}
	return entriesOf(list), nil
}

// readStream takes the answer of an XREAD of one stream apart: nothing when it
// waited in vain.
func readStream(result rueidis.RedisResult) ([]streamEntry, error) {
	message, err := result.ToMessage()
	if rueidis.IsRedisNil(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	// RESP3 has a map of streams, RESP2 a list of pairs.
	if message.IsMap() {
		streams, err := message.ToMap()
		if err != nil {
			return nil, err
		}
		for _, s := range streams {
			list, err := s.ToArray()
			return entriesOf(list), err
		}
		return nil, nil
	}
	pairs, err := message.ToArray()
	if err != nil || len(pairs) == 0 {
		return nil, err
	}
	pair, err := pairs[0].ToArray()
	if err != nil || len(pair) != 2 {
		return nil, err
	}
	list, err := pair[1].ToArray()
	return entriesOf(list), err
}

func entriesOf(list []rueidis.RedisMessage) []streamEntry {
	entries := make([]streamEntry, 0, len(list))
	for i := range list {
		pair, err := list[i].ToArray()
		if err != nil || len(pair) != 2 {
			continue
		}
		id, err := pair[0].ToString()
		if err != nil {
			continue
		}
		e := streamEntry{}
		var ok bool
		if e.at, ok = parseOffset(id); !ok {
			continue
		}
		fields, _ := pair[1].ToArray() // nil for an entry that was deleted meanwhile
		for f := 0; f+1 < len(fields); f += 2 {
			name, _ := fields[f].ToString()
			value, _ := fields[f+1].ToString()
			switch name {
			case redisadapter.StreamUID:
				e.uid = value
			case redisadapter.StreamNamespace:
				e.namespace = value
			case redisadapter.StreamType:
				e.kind = value
			case redisadapter.StreamData:
				e.data = value
			case redisadapter.StreamSignature:
				e.signature = value
			}
		}
		entries = append(entries, e)
	}
	return entries
}

// parseOffset reads the id of an entry.
func parseOffset(id string) (o cluster.Offset, ok bool) {
	ms, seq, ok := strings.Cut(id, "-")
	if !ok {
		return o, false
	}
	var errTime, errSeq error
	o.Time, errTime = strconv.ParseUint(ms, 10, 64)
	o.Seq, errSeq = strconv.ParseUint(seq, 10, 64)
	return o, errTime == nil && errSeq == nil
}

func formatOffset(o cluster.Offset) string {
	return strconv.FormatUint(o.Time, 10) + "-" + strconv.FormatUint(o.Seq, 10)
}

func before(a, b cluster.Offset) bool {
	return a.Time < b.Time || a.Time == b.Time && a.Seq < b.Seq
}

// preceding is the greatest offset before o.
func preceding(o cluster.Offset) cluster.Offset {
	switch {
	case o.Seq > 0:
		o.Seq--
	case o.Time > 0:
		o.Time, o.Seq = o.Time-1, 1<<64-1
	}
	return o
}
