package interop_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// seen is a socket as fetchSockets shows it.
type seen struct {
	ID    string          `json:"id"`
	Rooms []string        `json:"rooms"`
	Data  json.RawMessage `json:"data"`
}

// fetched decodes and sorts what fetchSockets gave.
func fetched(t *testing.T, r result) []seen {
	t.Helper()
	var list []seen
	if err := json.Unmarshal(r.Value, &list); err != nil || list == nil {
		t.Fatalf("%s is no array of sockets: %v", r.Value, err)
	}
	for i := range list {
		slices.Sort(list[i].Rooms)
	}
	slices.SortFunc(list, func(a, b seen) int { return strings.Compare(a.ID, b.ID) })
	return list
}

// fetchSockets compares what a server says of the sockets of all others with
// what their own servers say, also when most servers have none of them.
func fetchSockets(t *testing.T, v *view, from *origin) {
	for _, tt := range []struct {
		name  string
		cmd   command
		peers []*peer
	}{
		{"all", command{}, v.peers()},
		{"of a room", command{To: []string{"r1"}}, v.in("in r1", "in r1 and r2")},
		{"of rooms except a room", command{To: []string{"r1", "r2"}, Except: []string{"r1"}}, v.in("in r2")},
		{"of one Node server", command{To: []string{v.side(node).members["in r2"].id()}}, []*peer{v.side(node).members["in r2"]}},
		{"of one rtk pod", command{To: []string{v.side(rtk).members["in r2"].id()}}, []*peer{v.side(rtk).members["in r2"]}},
		{"of nobody", command{To: []string{"r9"}}, nil},
	} {
		tt.cmd.Op = "fetchSockets"
		var want []seen
		for _, p := range tt.peers {
			data := json.RawMessage(`{"of":"` + p.label + `"}`)
			if r := p.do(t, command{Op: "data", Data: data}, ""); r.Error != "" {
				t.Fatalf("%s: %s", p.label, r.Error)
			}
			want = append(want, seen{ID: p.id(), Rooms: p.rooms(t), Data: data})
		}
		slices.SortFunc(want, func(a, b seen) int { return strings.Compare(a.ID, b.ID) })
		got := fetched(t, from.must(t, tt.cmd, ""))
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmp.Transformer("text", func(r json.RawMessage) string { return string(r) })); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func allRooms(t *testing.T, v *view, from *origin) {
	want := map[string]bool{}
	for _, p := range v.peers() {
		for _, room := range p.rooms(t) {
			want[room] = true
		}
	}
	var rooms []string
	if err := json.Unmarshal(from.must(t, command{Op: "allRooms"}, "").Value, &rooms); err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, room := range rooms {
		if got[room] {
			t.Errorf("%q twice", room)
		}
		got[room] = true
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rooms (-want +got):\n%s", diff)
	}
}

// eventually waits until each peer is in the rooms, or in none of them, as its
// own server says.
func eventually(t *testing.T, peers []*peer, in bool, rooms ...string) {
	t.Helper()
	for _, p := range peers {
		await(t, fmt.Sprintf("%s in %v: %v", p.label, rooms, in), func() bool { return member(t, p, in, rooms) })
	}
}

// await asks again and again until something holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("not after %s: %s", patience, what)
		}
	}
}

func member(t *testing.T, p *peer, in bool, rooms []string) bool {
	t.Helper()
	all := p.rooms(t)
	return !slices.ContainsFunc(rooms, func(r string) bool { return slices.Contains(all, r) != in })
}

func socketsJoin(t *testing.T, v *view, from *origin) {
	rooms := []string{v.unique("joined"), v.unique("joined too")}
	from.must(t, command{Op: "socketsJoin", To: []string{"r1", "r2"}, Except: []string{"r2"}, Rooms: rooms}, "")
	eventually(t, v.in("in r1"), true, rooms...)
	for _, p := range v.in("in no room", "in r2", "in r1 and r2") {
		if !member(t, p, false, rooms) {
			t.Errorf("%s is in %v", p.label, p.rooms(t))
		}
	}
	everywhere := v.unique("all")
	from.must(t, command{Op: "socketsJoin", Rooms: []string{everywhere}}, "")
	eventually(t, v.peers(), true, everywhere)
}

func socketsLeave(t *testing.T, v *view, from *origin) {
	left, kept := v.unique("left"), v.unique("kept")
	for _, p := range v.peers() {
		p.join(t, left, kept)
	}
	from.must(t, command{Op: "socketsLeave", To: []string{"r1"}, Rooms: []string{left, "r77"}}, "")
	eventually(t, v.in("in r1", "in r1 and r2"), false, left)
	for _, p := range v.in("in r1", "in r1 and r2") {
		if !member(t, p, true, []string{kept}) {
			t.Errorf("%s is in %v, want %s among them", p.label, p.rooms(t), kept)
		}
	}
	for _, p := range v.in("in no room", "in r2") {
		if !member(t, p, true, []string{left, kept}) {
			t.Errorf("%s is in %v, want %s among them", p.label, p.rooms(t), left)
		}
	}
	from.must(t, command{Op: "socketsLeave", Rooms: []string{left, kept}}, "")
	eventually(t, v.peers(), false, left, kept)
}

func disconnectSockets(t *testing.T, v *view, from *origin) { disconnect(t, v, from, false) }

func disconnectTransports(t *testing.T, v *view, from *origin) { disconnect(t, v, from, true) }

func disconnect(t *testing.T, v *view, from *origin, transport bool) {
	room := v.unique("doomed")
	var doomed []*peer
	for _, s := range v.sides {
		p := dial(t, s.url, v.namespace, s.name+" doomed")
		p.join(t, room)
		doomed = append(doomed, p)
	}
	spared := dial(t, v.sides[0].url, v.namespace, "spared")
	spared.join(t, room, "spared")
	from.must(t, command{Op: "disconnectSockets", To: []string{room}, Except: []string{"spared"}, Close: transport}, "")
	for _, p := range doomed {
		gone := p.left
		if transport {
			gone = p.closed
		}
		select {
		case <-gone:
		case <-time.After(patience):
			t.Errorf("%s is still connected", p.label)
		}
	}
	for _, p := range append(v.peers(), spared) {
		p.rooms(t) // fails for one that is gone
	}
	_ = spared.conn.Close()
}
