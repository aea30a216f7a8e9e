package interop_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
)

// direction is where an operation starts.
type direction string

const (
	fromNode       direction = "Node → rtk"
	fromRTK        direction = "rtk → Node"
	fromNPMEmitter direction = "npm emitter → both"
	fromRTKEmitter direction = "rtk emitter → both"
)

var directions = []direction{fromNode, fromRTK, fromNPMEmitter, fromRTKEmitter}

// origin does what operations ask for, in one direction.
type origin struct {
	direction
	side *side // the server that acts; an emitter is on none
	act  func(t *testing.T, cmd command, args string, attachments ...[]byte) result
}

// must is act without an error.
func (o *origin) must(t *testing.T, cmd command, args string, attachments ...[]byte) result {
	t.Helper()
	r := o.act(t, cmd, args, attachments...)
	if r.Error != "" {
		t.Fatalf("%s: %s: %s", o.direction, cmd.Op, r.Error)
	}
	return r
}

// origin returns what acts in a direction that the adapter has.
func (v *view) origin(d direction) *origin {
	switch d {
	case fromNode, fromRTK:
		s := v.side(node)
		if d == fromRTK {
			s = v.side(rtk)
		}
		return &origin{direction: d, side: s, act: s.sender.do}
	case fromNPMEmitter:
		act := func(t *testing.T, cmd command, args string, attachments ...[]byte) result {
			t.Helper()
			cmd.Via = "emitter"
			return v.side(node).sender.do(t, cmd, args, attachments...)
		}
		return &origin{direction: d, act: act}
	case fromRTKEmitter:
		return v.rtkEmitter()
	}
	return nil
}

// operation is a row of the matrix.
type operation struct {
	name string
	run  func(*testing.T, *view, *origin)
	// lacks says why an adapter has nothing to test in a direction; "" if it has.
	lacks func(*adapter, direction) string
	once  bool // in one namespace only: it has to let time pass
}

// operations are the rows of the matrix: the broadcasts, then what servers ask
// each other.
func operations() (all []*operation) {
	for _, b := range broadcasts {
		i := slices.IndexFunc(all, func(o *operation) bool { return o.name == b.name })
		if i < 0 {
			i = len(all)
			all = append(all, &operation{name: b.name, run: func(*testing.T, *view, *origin) {}, lacks: func(_ *adapter, d direction) string {
				if b.cmd.Via == "socket" && !d.server() {
					return "an emitter has no sockets"
				}
				if b.name == "dates and NaN" && !d.javascript() {
					return "JSON has neither"
				}
				return ""
			}})
		}
		before := all[i].run
		all[i].run = func(t *testing.T, v *view, from *origin) {
			before(t, v, from)
			if (b.only == "" || (b.only == node) == from.javascript()) && !(b.nested && from.direction == fromRTKEmitter) {
				b.run(t, v, from)
			}
		}
	}
	return append(all,
		&operation{name: "to a socket by its id", run: toSocket},
		&operation{name: "500 events in order", run: burst},
		&operation{name: "broadcast with ack", run: broadcastAck, lacks: serversOnly},
		&operation{name: "broadcast with ack, binary", run: broadcastAckBinary, lacks: serversOnly},
		&operation{name: "broadcast with ack, one client silent", run: broadcastAckSilent, lacks: serversOnly, once: true},
		&operation{name: "fetchSockets", run: fetchSockets, lacks: serversOnly},
		&operation{name: "allRooms", run: allRooms, lacks: func(a *adapter, d direction) string {
			if d == fromNode && !a.classic() {
				return "the adapter of npm has no allRooms"
			}
			return serversOnly(a, d)
		}},
		&operation{name: "socketsJoin", run: socketsJoin},
		&operation{name: "socketsLeave", run: socketsLeave},
		&operation{name: "disconnectSockets", run: disconnectSockets},
		&operation{name: "disconnectSockets, transport too", run: disconnectTransports},
		&operation{name: "serverSideEmit", run: serverSideEmit},
		&operation{name: "serverSideEmit with ack", run: serverSideEmitAck, lacks: serversOnly},
		&operation{name: "server count", run: serverCount, lacks: func(_ *adapter, d direction) string {
			if d == fromNPMEmitter {
				return "the emitter of npm doesn't count"
			}
			return ""
		}},
	)
}

// server reports whether the direction starts at a server.
func (d direction) server() bool { return d == fromNode || d == fromRTK }

// javascript reports whether what is sent was encoded by npm's packages.
func (d direction) javascript() bool { return d == fromNode || d == fromNPMEmitter }

func serversOnly(_ *adapter, d direction) string {
	if !d.server() {
		return "an emitter gets no answers"
	}
	return ""
}

func toSocket(t *testing.T, v *view, from *origin) {
	for _, s := range v.sides {
		only := s.members["in r1"]
		from.must(t, command{Op: "emit", To: []string{only.id()}, Event: "private"}, `"`+s.name+`"`)
		mark := v.mark()
		from.must(t, command{Op: "emit", Event: mark}, "")
		for _, p := range v.peers() {
			if got := p.until(t, mark); (p == only) != (len(got) == 1) || len(got) > 1 {
				t.Errorf("to %s: %s got %v", only.label, p.label, got)
			}
		}
	}
}

// burst emits to a room and to all in turn: who is in the room gets all in order.
// On a Redis Cluster there is an order within one channel only.
func burst(t *testing.T, v *view, from *origin) {
	const n = 500
	from.must(t, command{Op: "burst", Event: "n", To: []string{"r1"}, Count: n, All: !v.adapter.cluster}, "")
	mark := v.mark()
	from.must(t, command{Op: "emit", Event: mark}, "")
	members := v.in("in r1", "in r1 and r2")
	for _, p := range v.peers() {
		if !slices.Contains(members, p) {
			p.until(t, mark)
			continue
		}
		got := p.collect(t, mark, n)
		wrong := -1
		for i, e := range got {
			if e.Args != strconv.Itoa(i) {
				wrong = i
				break
			}
		}
		if wrong >= 0 || len(got) != n {
			t.Errorf("%s: %d events, the first out of order is %d", p.label, len(got), wrong)
		}
	}
}

// unique makes a room name that no other cell uses.
func (v *view) unique(what string) string {
	v.marks++
	return fmt.Sprintf("%s %d", what, v.marks)
}
