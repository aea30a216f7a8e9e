package redis

import (
	"fmt"
	"slices"
	"strings"

	"github.com/realtime-toolkit/rtk/pkg/server/internal/redisconn"
	"github.com/realtime-toolkit/rtk/pkg/wire/redisadapter"
)

// Uses says what a pod does with its Redis besides the adapter.
type Uses struct {
	// Namespaces are those of the gateway. A classic adapter hears each by a
	// pattern, which a user must be given word for word.
	Namespaces []string
	Directory  bool     // NewDirectory
	Throttle   bool     // limits that the pods share
	Recovery   bool     // of sessions, over the streams adapter
	Services   []string // streams of services, see package service/streams
}

// rights is what a user may do. The order is that of the output.
type rights struct{ keys, channels, commands []string }

func (r *rights) add(commands ...string) { r.commands = append(r.commands, commands...) }

// ACL returns the arguments of ACL SETUSER after the user's name and password
// that give a user exactly the rights that a pod with these options needs: reset,
// then keys, channels and commands.
func ACL(o Options, u Uses) ([]string, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	r := &rights{keys: []string{markKey(o.Prefix)}}
	r.add("ping", "hello", "client|setname", "eval", "time", "hgetall", "hset", "hdel", "expire")
	r.topology(o.URL)
	r.channels = append(r.channels, o.Prefix+"-rtk-heartbeat#*")
	r.add("publish", "subscribe", "unsubscribe", "pubsub|numsub", "pubsub|shardnumsub")
	switch o.Adapter {
	case Sharded:
		r.sharded(o)
	case Streams:
		r.streams(o, u.Recovery)
	default:
		if err := r.classic(o, u.Namespaces); err != nil {
			return nil, err
		}
	}
	if u.Directory {
		r.keys = append(r.keys, directoryKey(o.Prefix))
		r.add("hget")
	}
	if u.Throttle {
		r.keys = append(r.keys, o.Prefix+":throttle:*")
		r.add("evalsha", "get", "set")
	}
	for _, s := range u.Services {
		tagged := s
		if !strings.ContainsAny(s, "{}") {
			tagged = "{" + s + "}"
		}
		r.keys = append(r.keys, glob(s), glob(tagged)+":reply:*")
		r.add("evalsha", "xlen", "xadd", "xread", "xtrim", "del", "cluster|slots") // the last: its client asks whether this is a cluster
	}
	return r.list(), nil
}

// User is the user that the URL names, "" when it names none.
func (o Options) User() string {
	target, err := redisconn.Parse(o.URL, nil)
	if err != nil {
		return "" // Check reports it
	}
	return target.Username
}

// topology adds what finding the right server takes.
func (r *rights) topology(raw string) {
	target, err := redisconn.Parse(raw, nil)
	if err != nil {
		return // New refuses it
	}
	switch target.Kind {
	case redisconn.Cluster:
		r.add("cluster|info", "cluster|slots", "cluster|shards", "asking")
	case redisconn.Sentinel:
		r.add("role")
	}
	if target.DB != 0 {
		r.add("select")
	}
}

func (r *rights) classic(o Options, namespaces []string) error {
	for _, kind := range []string{"-request", "-response"} {
		r.channels = append(r.channels, o.Prefix+kind+"#*")
	}
	if o.RoomSubscriptions {
		r.channels = append(r.channels, o.Prefix+"#*")
	}
	r.add("psubscribe", "punsubscribe")
	for _, ns := range namespaces {
		if err := redisadapter.CheckName(ns); err != nil {
			return fmt.Errorf("%w: namespace %w", ErrOptions, err)
		}
		pattern := redisadapter.BroadcastPattern
		if o.RoomSubscriptions {
			pattern = socketPattern
		}
		r.channels = append(r.channels, pattern(o.Prefix, ns))
	}
	return nil
}

func (r *rights) sharded(o Options) {
	r.channels = append(r.channels, o.Prefix+"#*")
	r.add("ssubscribe", "sunsubscribe", "spublish")
}

func (r *rights) streams(o Options, recovery bool) {
	r.channels = append(r.channels, o.Prefix+"#*")
	if o.StreamSharded {
		r.add("ssubscribe", "sunsubscribe", "spublish")
	}
	r.keys = append(r.keys, glob(o.Stream))
	if o.StreamCount > 1 {
		r.keys = append(r.keys, glob(o.Stream)+"-*")
	}
	r.add("xadd", "xread", "xrange", "xrevrange", "xinfo|stream")
	if recovery {
		r.keys = append(r.keys, "sio:session:*")
		r.add("set", "get", "del")
	}
}

func (r *rights) list() []string {
	out := []string{"resetkeys", "resetchannels", "-@all"}
	for _, part := range []struct {
		mark  string
		names []string
	}{{"~", r.keys}, {"&", r.channels}, {"+", r.commands}} {
		slices.Sort(part.names)
		for _, name := range slices.Compact(part.names) {
			out = append(out, part.mark+name)
		}
	}
	return out
}

// glob writes a name as a pattern that only it matches.
func glob(name string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`, "]", `\]`).Replace(name)
}
