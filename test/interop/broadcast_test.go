package interop_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const placeholder = `{"_placeholder":true,"num":0}`

// everybody are the names of all members.
var everybody = []string{"in no room", "in r1", "in r2", "in r1 and r2", "in комната#1€"}

// broadcast is one way to emit; every client of every server gets the same.
type broadcast struct {
	name        string // of an operation of the matrix; several may share it
	cmd         command
	args        string
	attachments [][]byte
	want        event
	reaches     []string // names of members
	only        kind     // the one side that can send this
	nested      bool     // an attachment within an argument, which rtk's emitter has no way to say
}

var broadcasts = []broadcast{
	{
		name: "broadcast to all", cmd: command{Event: "ev"}, args: `1,{"a":true},"x"`,
		want: event{Name: "ev", Args: `1,{"a":true},"x"`}, reaches: everybody,
	},
	{
		name: "broadcast from a socket", cmd: command{Via: "socket", Event: "ev"},
		want: event{Name: "ev"}, reaches: everybody,
	},
	{
		name: "to a room", cmd: command{To: []string{"r1"}, Event: "ev"}, args: `"news"`,
		want: event{Name: "ev", Args: `"news"`}, reaches: []string{"in r1", "in r1 and r2"},
	},
	{
		name: "to a room nobody is in", cmd: command{To: []string{"r9"}, Event: "ev"}, args: `5`,
		want: event{Name: "ev", Args: `5`},
	},
	{
		name: "to several rooms, once each", cmd: command{To: []string{"r1", "r2"}, Event: "ev"}, args: `2`,
		want: event{Name: "ev", Args: `2`}, reaches: []string{"in r1", "in r2", "in r1 and r2"},
	},
	{
		name: "except rooms", cmd: command{Except: []string{"r1"}, Event: "ev"}, args: `3`,
		want: event{Name: "ev", Args: `3`}, reaches: []string{"in no room", "in r2", "in комната#1€"},
	},
	{
		name: "except rooms", cmd: command{To: []string{"r1", "r2"}, Except: []string{"r2"}, Event: "ev"}, args: `4`,
		want: event{Name: "ev", Args: `4`}, reaches: []string{"in r1"},
	},
	{
		name: "volatile", cmd: command{Volatile: true, Event: "ev"}, args: `6`,
		want: event{Name: "ev", Args: `6`}, reaches: everybody,
	},
	{
		name: "binary", cmd: command{To: []string{"r1"}, Event: "bin"},
		args: `"before",{"deep":[` + placeholder + `]},null`, attachments: [][]byte{{0, 1, 2, 0xff}}, nested: true,
		want:    event{Name: "bin", Args: `"before",{"deep":[` + placeholder + `]},null`, Attachments: []string{"\x00\x01\x02\xff"}},
		reaches: []string{"in r1", "in r1 and r2"},
	},
	{
		name: "binary", cmd: command{Event: "bin"}, args: placeholder + `,"x",{"_placeholder":true,"num":1}`, attachments: [][]byte{{}, {9}},
		want:    event{Name: "bin", Args: placeholder + `,"x",{"_placeholder":true,"num":1}`, Attachments: []string{"", "\x09"}},
		reaches: everybody,
	},
	{
		name: "text beyond ASCII", cmd: command{To: []string{"комната#1€"}, Event: "событие"}, args: `"é€😀 \"\\\n","` + "\u2028" + `"`,
		want:    event{Name: "событие", Args: `"é€😀 \"\\\n","` + "\u2028" + `"`},
		reaches: []string{"in комната#1€"},
	},
	{
		name: "numbers", cmd: command{Event: "ev"}, args: `0,-1,127,128,65536,4294967296,9007199254740991,-2147483649,1.5,-0.001,1e-7,true,null,[],{}`,
		want:    event{Name: "ev", Args: `0,-1,127,128,65536,4294967296,9007199254740991,-2147483649,1.5,-0.001,1e-7,true,null,[],{}`},
		reaches: everybody,
	},
	{
		// notepack.io writes whole numbers beyond 64 bits as others.
		name: "numbers", only: rtk, cmd: command{Event: "ev"}, args: `1e+21,-1e+300`,
		want: event{Name: "ev", Args: `1e+21,-1e+300`}, reaches: everybody,
	},
	{
		// What JSON doesn't have is made of these by the Node server.
		name: "dates and NaN", only: node, cmd: command{Event: "ev"},
		args: `{"$date":"2000-06-13T00:00:00.123Z"},{"$nan":true}`,
		want: event{Name: "ev", Args: `"2000-06-13T00:00:00.123Z",null`}, reaches: everybody,
	},
}

// run emits and compares what each client of each server got before the mark
// that follows.
func (b *broadcast) run(t *testing.T, v *view, from *origin) {
	t.Helper()
	cmd := b.cmd
	cmd.Op = "emit"
	from.must(t, cmd, b.args, b.attachments...)
	mark := v.mark()
	from.must(t, command{Op: "emit", Event: mark}, "")
	for _, s := range v.sides {
		for who, p := range s.members {
			var want []event
			if slices.Contains(b.reaches, who) {
				want = []event{b.want}
			}
			atLeast := 0
			if v.adapter.cluster {
				atLeast = len(want) // channels on several servers have no common order
			}
			if diff := cmp.Diff(want, p.collect(t, mark, atLeast), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", p.label, diff)
			}
		}
		// The senders are in no room either.
		want := slices.Contains(b.reaches, "in no room") && (cmd.Via != "socket" || s != from.side)
		if got := s.sender.until(t, mark); want != (len(got) == 1) {
			t.Errorf("%s got %v, want a message: %v", s.sender.label, got, want)
		}
	}
}
