package redis

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/redis/rueidis"
)

// Directory keeps the addresses of the pods in one hash, PREFIX:pods, each with
// the time at which it ends by the clock of Redis. It implements
// peers.Directory, connects at the first call and is safe for concurrent use.
type Directory struct {
	key       string
	connector *connector
}

// announce puts one pod in and returns those that are not over: tag, address, …
// An empty address only removes.
var announce = rueidis.NewLuaScriptNoSha(`
local now = tonumber(redis.call('TIME')[1])
if ARGV[2] == '' then redis.call('HDEL', KEYS[1], ARGV[1]) return {} end
local taken = redis.call('HGET', KEYS[1], ARGV[1])
local till, url = nil, nil
if taken then till, url = string.match(taken, '^(%d+) (.*)$') end
if not till or tonumber(till) < now or url == ARGV[2] then
  redis.call('HSET', KEYS[1], ARGV[1], string.format('%d %s', now + tonumber(ARGV[3]), ARGV[2]))
end
redis.call('EXPIRE', KEYS[1], 10 * tonumber(ARGV[3]))
local out = {}
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local till, url = string.match(all[i + 1], '^(%d+) (.*)$')
  if till and tonumber(till) >= now then
    out[#out + 1] = all[i]
    out[#out + 1] = url
  else
    redis.call('HDEL', KEYS[1], all[i])
  end
end
return out
`)

// NewDirectory checks the options, of which it uses URL, TLS, Prefix and the
// timeouts. It does not connect.
func NewDirectory(o Options) (*Directory, error) {
	o.DialTimeout = cmp.Or(o.DialTimeout, 2*time.Second) // a stop may have to wait for it
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	c, err := newConnector(o)
	if err != nil {
		return nil, err
	}
	return &Directory{key: directoryKey(o.Prefix), connector: c}, nil
}

// Announce implements peers.Directory. A tag that another pod has keeps that
// pod's address.
func (d *Directory) Announce(ctx context.Context, tag, address string, ttl time.Duration) (map[string]string, error) {
	list, err := d.call(ctx, tag, address, ttl)
	if err != nil {
		return nil, fmt.Errorf("redis directory: %s", reason(err))
	}
	pods := make(map[string]string, len(list)/2)
	for i := 0; i+1 < len(list); i += 2 {
		pods[list[i]] = list[i+1]
	}
	return pods, nil
}

// Withdraw implements peers.Directory.
func (d *Directory) Withdraw(ctx context.Context, tag string) error {
	if _, err := d.call(ctx, tag, "", 0); err != nil {
		return fmt.Errorf("redis directory: %s", reason(err))
	}
	return nil
}

func (d *Directory) call(ctx context.Context, tag, address string, ttl time.Duration) ([]string, error) {
	client, err := d.connector.byKey()
	if err != nil {
		return nil, err
	}
	seconds := max(int64(ttl/time.Second), 1)
	return announce.Exec(ctx, client, []string{d.key}, []string{tag, address, fmt.Sprint(seconds)}).AsStrSlice()
}

// Close disconnects. Calls must have returned.
func (d *Directory) Close() { d.connector.close() }

func directoryKey(prefix string) string { return prefix + ":pods" }
