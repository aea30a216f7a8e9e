package interop_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/realtime-toolkit/rtk/internal/rttest"
)

// members are the rooms of the clients that are connected to each server.
var members = map[string][]string{
	"in no room":    nil,
	"in r1":         {"r1"},
	"in r2":         {"r2"},
	"in r1 and r2":  {"r1", "r2"},
	"in комната#1€": {"комната#1€"},
}

const placeholder = `{"_placeholder":true,"num":0}`

// broadcasts are emitted from each server in turn; every client of every server
// gets the same.
var broadcasts = []struct {
	name        string
	cmd         command
	args        string
	attachments [][]byte
	want        event
	reaches     []string // names of members
	only        string   // the one side that can send this
}{
	{
		name: "whole namespace", cmd: command{Via: "io", Event: "ev"}, args: `1,{"a":true},"x"`,
		want:    event{Name: "ev", Args: `1,{"a":true},"x"`},
		reaches: []string{"in no room", "in r1", "in r2", "in r1 and r2", "in комната#1€"},
	},
	{
		name: "whole namespace but the sender", cmd: command{Via: "socket", Event: "ev"},
		want:    event{Name: "ev"},
		reaches: []string{"in no room", "in r1", "in r2", "in r1 and r2", "in комната#1€"},
	},
	{
		name: "one room", cmd: command{Via: "io", To: []string{"r1"}, Event: "ev"}, args: `"news"`,
		want: event{Name: "ev", Args: `"news"`}, reaches: []string{"in r1", "in r1 and r2"},
	},
	{
		name: "several rooms, once each", cmd: command{Via: "io", To: []string{"r1", "r2"}, Event: "ev"}, args: `2`,
		want: event{Name: "ev", Args: `2`}, reaches: []string{"in r1", "in r2", "in r1 and r2"},
	},
	{
		name: "all except a room", cmd: command{Via: "io", Except: []string{"r1"}, Event: "ev"}, args: `3`,
		want: event{Name: "ev", Args: `3`}, reaches: []string{"in no room", "in r2", "in комната#1€"},
	},
	{
		name: "rooms except a room", cmd: command{Via: "io", To: []string{"r1", "r2"}, Except: []string{"r2"}, Event: "ev"}, args: `4`,
		want: event{Name: "ev", Args: `4`}, reaches: []string{"in r1"},
	},
	{
		name: "a room nobody is in", cmd: command{Via: "io", To: []string{"r9"}, Event: "ev"}, args: `5`,
		want: event{Name: "ev", Args: `5`},
	},
	{
		name: "volatile", cmd: command{Via: "io", Volatile: true, Event: "ev"}, args: `6`,
		want:    event{Name: "ev", Args: `6`},
		reaches: []string{"in no room", "in r1", "in r2", "in r1 and r2", "in комната#1€"},
	},
	{
		name: "binary", cmd: command{Via: "io", To: []string{"r1"}, Event: "bin"},
		args: `"before",{"deep":[` + placeholder + `]},null`, attachments: [][]byte{{0, 1, 2, 0xff}},
		want:    event{Name: "bin", Args: `"before",{"deep":[` + placeholder + `]},null`, Attachments: []string{"\x00\x01\x02\xff"}},
		reaches: []string{"in r1", "in r1 and r2"},
	},
	{
		name: "unicode", cmd: command{Via: "io", To: []string{"комната#1€"}, Event: "событие"}, args: `"é€😀 \"\\\n","` + "\u2028" + `"`,
		want:    event{Name: "событие", Args: `"é€😀 \"\\\n","` + "\u2028" + `"`},
		reaches: []string{"in комната#1€"},
	},
	{
		name: "numbers", cmd: command{Via: "io", Event: "ev"}, args: `0,-1,127,128,65536,4294967296,9007199254740991,-2147483649,1.5,-0.001,1e-7,true,null,[],{}`,
		want:    event{Name: "ev", Args: `0,-1,127,128,65536,4294967296,9007199254740991,-2147483649,1.5,-0.001,1e-7,true,null,[],{}`},
		reaches: []string{"in no room", "in r1", "in r2", "in r1 and r2", "in комната#1€"},
	},
	{
		// notepack.io writes whole numbers beyond 64 bits as others.
		name: "numbers that Node's encoder loses", only: "rtk", cmd: command{Via: "io", Event: "ev"}, args: `1e+21,-1e+300`,
		want:    event{Name: "ev", Args: `1e+21,-1e+300`},
		reaches: []string{"in no room", "in r1", "in r2", "in r1 and r2", "in комната#1€"},
	},
	{
		// What JSON doesn't have is made of these by the Node server.
		name: "dates and NaN", only: "node", cmd: command{Via: "io", Event: "ev"},
		args:    `{"$date":"2000-06-13T00:00:00.123Z"},{"$nan":true}`,
		want:    event{Name: "ev", Args: `"2000-06-13T00:00:00.123Z",null`},
		reaches: []string{"in no room", "in r1", "in r2", "in r1 and r2", "in комната#1€"},
	},
}

// sides are the servers of one cluster with the clients of each.
type side struct {
	url     string
	sender  *peer
	members map[string]*peer
}

func connect(t *testing.T, url, namespace string) *side {
	t.Helper()
	s := &side{url: url, sender: dial(t, url, namespace), members: make(map[string]*peer)}
	for name, rooms := range members {
		s.members[name] = dial(t, url, namespace)
		s.members[name].join(t, rooms...)
	}
	return s
}

// TestBroadcasts has a Node server and an rtk pod exchange every kind of
// broadcast, both ways, and npm's emitter reach both.
func TestBroadcasts(t *testing.T) {
	t.Parallel()
	redis := rttest.Redis(t)
	node := rttest.NodeEnv(t, []string{"REDIS=" + redis}, "interop-server.js").Line(t, patience)
	rtk := pod(t, redis)
	for _, namespace := range []string{"/", "/chat"} {
		t.Run(namespace, func(t *testing.T) {
			t.Parallel()
			servers := map[string]*side{"node": connect(t, node, namespace), "rtk": connect(t, rtk, namespace)}
			settle(t, servers)
			for _, from := range []struct{ side, via string }{{"node", ""}, {"rtk", ""}, {"node", "emitter"}} {
				for i, b := range broadcasts {
					cmd := b.cmd
					if from.via != "" {
						cmd.Via = from.via
					}
					name := fmt.Sprintf("from %s %s/%s", from.side, cmd.Via, b.name)
					if b.only != "" && b.only != from.side {
						continue
					}
					t.Run(name, func(t *testing.T) {
						sender := servers[from.side].sender
						sender.tell(t, cmd, b.args, b.attachments...)
						mark := fmt.Sprintf("end of %s %s %d", from.side, cmd.Via, i)
						sender.tell(t, command{Via: markVia(cmd.Via), Event: mark}, "")
						for at, s := range servers {
							for who, p := range s.members {
								var want []event
								if slices.Contains(b.reaches, who) {
									want = []event{b.want}
								}
								if diff := cmp.Diff(want, p.until(t, mark), cmpopts.EquateEmpty()); diff != "" {
									t.Errorf("client of %s %s (-want +got):\n%s", at, who, diff)
								}
							}
							// The senders are in no room either.
							want := slices.Contains(b.reaches, "in no room") && (cmd.Via != "socket" || at != from.side)
							if got := s.sender.until(t, mark); want != (len(got) == 1) {
								t.Errorf("sender of %s got %v, want a message: %v", at, got, want)
							}
						}
					})
				}
			}
		})
	}
}

// markVia sends the mark the same way as what it follows: the emitter's
// messages and the adapter's are not ordered against each other.
func markVia(via string) string {
	if via == "emitter" {
		return "emitter"
	}
	return "io"
}

// settle broadcasts from each side until the other receives it: the Node server
// doesn't say when its subscriptions are in force.
func settle(t *testing.T, servers map[string]*side) {
	t.Helper()
	for from, s := range servers {
		for at, other := range servers {
			if at == from {
				continue
			}
			probe := "probe from " + from
			for arrived := false; !arrived; {
				s.sender.tell(t, command{Via: "io", Event: probe}, "")
				select {
				case e := <-other.sender.events:
					arrived = e.Name == probe
				case <-time.After(50 * time.Millisecond):
				}
			}
		}
	}
	for from, s := range servers {
		mark := "settled " + from
		s.sender.tell(t, command{Via: "io", Event: mark}, "")
		for _, to := range servers {
			to.sender.until(t, mark)
			for _, p := range to.members {
				p.until(t, mark)
			}
		}
	}
}

// TestNotCountedAsServer: a pod answers no requests yet, so it must not be
// waited for by a Node server that asks the cluster for its sockets.
func TestNotCountedAsServer(t *testing.T) {
	t.Parallel()
	redis := rttest.Redis(t)
	node := rttest.NodeEnv(t, []string{"REDIS=" + redis}, "interop-server.js").Line(t, patience)
	pod(t, redis)
	p := dial(t, node, "/")
	if got := p.call(t, "servers", ""); got != "1" {
		t.Errorf("fetchSockets of the Node server: %s, want 1 socket and no timeout", got)
	}
}
