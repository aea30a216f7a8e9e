package interop_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/internal/rttest"
	"github.com/realtime-toolkit/rtk/pkg/emitter"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster/redis"
)

// adapter is one way in which servers speak to each other.
type adapter struct {
	name    string // of test/node/interop/adapters.js
	title   string // in docs/interop.md
	nest    bool   // the Node servers are NestJS gateways
	cluster bool   // on a Redis Cluster
	options redis.Options

	recovery time.Duration // connection state recovery, where it is tested
}

func (a *adapter) classic() bool { return a.options.Adapter == redis.Classic }

// has reports whether there is something that acts in the direction: an emitter
// for other adapters than the classic one is not published on npm.
func (a *adapter) has(d direction) bool { return d != fromNPMEmitter || a.classic() }

// signKey is used in some rows of adapters: Node servers must not mind.
var signKey = []byte("0123456789abcdef0123456789abcdef")

var adapters = []*adapter{
	{name: "classic", title: "classic", options: redis.Options{Adapter: redis.Classic}},
	{name: "classic-specific", title: "classic, specific responses", options: redis.Options{Adapter: redis.Classic, SpecificResponses: true, RoomSubscriptions: true, SignKey: signKey}},
	{name: "sharded-static", title: "sharded static", options: redis.Options{Adapter: redis.Sharded, ShardedMode: redis.Static}},
	{name: "sharded-dynamic", title: "sharded dynamic", options: redis.Options{Adapter: redis.Sharded, ShardedMode: redis.Dynamic}},
	{name: "sharded-dynamic-private", title: "sharded dynamic-private", options: redis.Options{Adapter: redis.Sharded, ShardedMode: redis.DynamicPrivate, SignKey: signKey}},
	{name: "sharded-dynamic", title: "sharded dynamic, Redis Cluster", cluster: true, options: redis.Options{Adapter: redis.Sharded, ShardedMode: redis.Dynamic}},
	{name: "streams", title: "streams", options: redis.Options{Adapter: redis.Streams}},
	{name: "streams-sharded", title: "streams, sharded pub/sub", options: redis.Options{Adapter: redis.Streams, StreamSharded: true}},
	{name: "classic", title: "NestJS 11, classic", nest: true, options: redis.Options{Adapter: redis.Classic}},
}

// id names the adapter in tests.
func (a *adapter) id() string {
	switch {
	case a.nest:
		return "nest-" + a.name
	case a.cluster:
		return "cluster-" + a.name
	}
	return a.name
}

// redis starts what the adapter runs on and returns its URL.
func (a *adapter) redis(t *testing.T) string {
	t.Helper()
	if a.cluster {
		return rttest.NewRedisCluster(t, 3, false).URL()
	}
	return rttest.Redis(t)
}

// kind is what a server is made of.
type kind string

const (
	node kind = "node"
	rtk  kind = "rtk"
)

// station is one server of a cluster.
type station struct {
	name string
	kind kind
	url  string
}

// members are the rooms of the clients that are connected to each server, in
// each namespace.
var members = map[string][]string{
	"in no room":    nil,
	"in r1":         {"r1"},
	"in r2":         {"r2"},
	"in r1 and r2":  {"r1", "r2"},
	"in комната#1€": {"комната#1€"},
}

// side is one server with its clients in one namespace. Its sender tells it what
// to do, and is in no room.
type side struct {
	*station
	sender  *peer
	members map[string]*peer
}

// peers are all clients of the side.
func (s *side) peers() []*peer {
	all := []*peer{s.sender}
	for _, p := range s.members {
		all = append(all, p)
	}
	return all
}

// fleet is what one adapter is tested with: two servers of each kind, so that
// every operation has one at home, one of its own kind and two of the other.
type fleet struct {
	*adapter
	redisURL string
	stations []*station
	emitter  *emitter.Emitter
}

func startFleet(t *testing.T, a *adapter) *fleet {
	t.Helper()
	return startFleetOn(t, a, a.redis(t), "node-a", "node-b", "rtk-a", "rtk-b")
}

// startFleetOn starts servers, of the kind that their names begin with.
func startFleetOn(t *testing.T, a *adapter, redisURL string, names ...string) *fleet {
	t.Helper()
	f := &fleet{adapter: a, redisURL: redisURL}
	starting := map[*station]*rttest.Process{}
	for _, name := range names {
		st := &station{name: name, kind: node}
		if strings.HasPrefix(name, "rtk") {
			st.kind = rtk
			st.url = pod(t, a, redisURL, name, nil).url
		} else {
			starting[st] = nodeServer(t, a, redisURL, name)
		}
		f.stations = append(f.stations, st)
	}
	for st, p := range starting {
		st.url = p.Line(t, patience)
	}
	return f
}

func nodeServer(t *testing.T, a *adapter, redisURL, name string) *rttest.Process {
	t.Helper()
	env := []string{"REDIS=" + redisURL, "ADAPTER=" + a.name, "NAME=" + name}
	if a.nest {
		env = append(env, "NEST=1")
	}
	if a.recovery > 0 {
		env = append(env, fmt.Sprintf("RECOVERY=%d", a.recovery.Milliseconds()))
	}
	return rttest.NodeEnv(t, env, "interop/server.js")
}

// view is one namespace of a cluster.
type view struct {
	*fleet
	namespace string
	sides     []*side
	marks     int
}

func (f *fleet) connect(t *testing.T, namespace string) *view {
	t.Helper()
	v := &view{fleet: f, namespace: namespace}
	for _, st := range f.stations {
		v.sides = append(v.sides, connect(t, st, namespace))
	}
	v.settle(t)
	return v
}

func connect(t *testing.T, st *station, namespace string) *side {
	t.Helper()
	s := &side{station: st, sender: dial(t, st.url, namespace, st.name+" sender"), members: make(map[string]*peer)}
	for who, rooms := range members {
		p := dial(t, st.url, namespace, st.name+" "+who)
		p.join(t, rooms...)
		s.members[who] = p
	}
	return s
}

// side returns the first side of a kind.
func (v *view) side(k kind) *side {
	return v.sides[slices.IndexFunc(v.sides, func(s *side) bool { return s.kind == k })]
}

// peers are all clients of the namespace.
func (v *view) peers() (all []*peer) {
	for _, s := range v.sides {
		all = append(all, s.peers()...)
	}
	return all
}

// in are the clients, on all servers, that members lists under the names.
func (v *view) in(names ...string) (list []*peer) {
	for _, s := range v.sides {
		for _, who := range names {
			list = append(list, s.members[who])
		}
	}
	return list
}

// mark returns a new event name for the end of something.
func (v *view) mark() string {
	v.marks++
	return fmt.Sprintf("end %d of %s", v.marks, v.namespace)
}

// settle broadcasts from each server, to all and to each room, until everybody
// who should receives: servers don't say when their subscriptions are in force,
// and some have one for each room.
func (v *view) settle(t *testing.T) {
	t.Helper()
	targets := map[string][]string{"": nil, "r1": {"in r1", "in r1 and r2"}, "r2": {"in r2", "in r1 and r2"}, "комната#1€": {"in комната#1€"}}
	for _, from := range v.sides {
		for room, who := range targets {
			waiting, cmd := v.in(who...), command{Op: "emit", Event: probe + from.name + room, To: []string{room}}
			if room == "" {
				waiting, cmd.To = v.peers(), nil
			}
			v.probe(t, from, cmd, waiting)
		}
		for _, s := range v.sides {
			p := s.members["in r1"]
			v.probe(t, from, command{Op: "emit", Event: probe + from.name + p.id(), To: []string{p.id()}}, []*peer{p})
		}
	}
	for _, from := range v.sides {
		mark := v.mark()
		from.sender.do(t, command{Op: "emit", Event: mark}, "")
		for _, p := range v.peers() {
			p.until(t, mark)
		}
	}
}

// probe emits until each client has received it.
func (v *view) probe(t *testing.T, from *side, cmd command, waiting []*peer) {
	t.Helper()
	for deadline := time.Now().Add(patience); len(waiting) > 0; {
		if time.Now().After(deadline) {
			t.Fatalf("%s does not reach %s in %s", from.name, waiting[0].label, patience)
		}
		if r := from.sender.do(t, cmd, ""); r.Error != "" {
			t.Fatalf("%s: %s", from.name, r.Error)
		}
		soon := time.After(100 * time.Millisecond)
		waiting = slices.DeleteFunc(waiting, func(p *peer) bool {
			for {
				select {
				case e := <-p.events:
					if e.Name == cmd.Event {
						return true
					}
				case <-soon:
					soon = time.After(0) // the others have had their time too
					return false
				}
			}
		})
	}
}
