package redis

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// A pod that dies leaves its mark for markTTL, and its prefix to that adapter.
const (
	markTTL   = 15 * time.Second
	markEvery = markTTL / 3
)

// mark is what an rtk pod says of itself to the others, in a field of the hash
// PREFIX:rtk. It is nothing that Node reads.
type mark struct {
	Pod     string  `json:"pod,omitempty"`
	Version string  `json:"version,omitempty"`
	Adapter Adapter `json:"adapter"`
	// Rooms is set when a classic pod hears room by room, on channels that the
	// streams adapter has too.
	Rooms bool `json:"rooms,omitempty"`
	// Key tells signing keys apart without telling anything of them; empty when
	// the pod signs nothing. Required is set when it takes nothing else.
	Key      string `json:"key,omitempty"`
	Required bool   `json:"required,omitempty"`

	uid    string // the field of the hash
	layout string
}

func markKey(prefix string) string { return prefix + ":rtk" }

func newMark(o Options, uid string) mark {
	m := mark{Pod: o.Pod, Version: o.Version, Adapter: o.Adapter, Rooms: o.Adapter == Classic && o.RoomSubscriptions, Required: o.SignRequired, uid: uid, layout: layout(o)}
	if len(o.SignKey) > 0 {
		h := hmac.New(sha256.New, o.SignKey)
		h.Write([]byte("rtk mark"))
		m.Key = hex.EncodeToString(h.Sum(nil)[:4])
	}
	return m
}

// layout is what must be the same on all servers of a prefix, without spaces.
func layout(o Options) string {
	switch o.Adapter {
	case Sharded:
		return string(Sharded) + "/" + string(o.ShardedMode)
	case Streams:
		channels := "pubsub"
		if o.StreamSharded {
			channels = "sharded"
		}
		return fmt.Sprintf("%s/%s/%d/%s", Streams, url.PathEscape(o.Stream), o.StreamCount, channels)
	}
	return string(o.Adapter)
}

// parseMark reads a field of the hash: TILL LAYOUT JSON.
func parseMark(uid, value string) (m mark, till time.Time, ok bool) {
	seconds, rest, _ := strings.Cut(value, " ")
	layout, text, ok := strings.Cut(rest, " ")
	n, err := strconv.ParseInt(seconds, 10, 64)
	if !ok || err != nil || json.Unmarshal([]byte(text), &m) != nil {
		return mark{}, time.Time{}, false
	}
	m.uid, m.layout = uid, layout
	return m, time.Unix(n, 0), true
}

// markScript puts a mark in, unless there is one of another layout, and returns
// the others. Redis runs it in one piece: of two pods that start at the same
// moment, one finds the other. An empty layout only removes.
var markScript = rueidis.NewLuaScriptNoSha(`
if ARGV[3] == '' then redis.call('HDEL', KEYS[1], ARGV[1]) return {} end
local now = tonumber(redis.call('TIME')[1])
local all, out, clash = redis.call('HGETALL', KEYS[1]), {}, false
for i = 1, #all, 2 do
  local till, layout = string.match(all[i + 1], '^(%d+) (%S+) ')
  if not till or tonumber(till) < now then
    redis.call('HDEL', KEYS[1], all[i])
  elseif all[i] ~= ARGV[1] then
    if layout ~= ARGV[3] then clash = true end
    out[#out + 1] = all[i]
    out[#out + 1] = all[i + 1]
  end
end
if not clash then
  redis.call('HSET', KEYS[1], ARGV[1], string.format('%d %s %s', now + tonumber(ARGV[2]), ARGV[3], ARGV[4]))
  redis.call('EXPIRE', KEYS[1], 10 * tonumber(ARGV[2]))
end
return out
`)

// put renews the mark and returns those of the other pods.
func (m mark) put(ctx context.Context, client rueidis.Client, prefix string) ([]mark, error) {
	text, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	return m.exec(ctx, client, prefix, m.layout, string(text))
}

// remove takes the mark away.
func (m mark) remove(ctx context.Context, client rueidis.Client, prefix string) error {
	_, err := m.exec(ctx, client, prefix, "", "")
	return err
}

func (m mark) exec(ctx context.Context, client rueidis.Client, prefix, layout, text string) ([]mark, error) {
	ttl := strconv.Itoa(int(markTTL / time.Second))
	list, err := markScript.Exec(ctx, client, []string{markKey(prefix)}, []string{m.uid, ttl, layout, text}).AsStrSlice()
	if err != nil {
		return nil, err
	}
	var others []mark
	for i := 0; i+1 < len(list); i += 2 {
		if other, _, ok := parseMark(list[i], list[i+1]); ok {
			others = append(others, other)
		}
	}
	return others, nil
}
