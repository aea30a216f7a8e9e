package redis

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestRoomSet goes through what may happen to a room, a second a step.
func TestRoomSet(t *testing.T) {
	t.Parallel()
	type step struct {
		comes, goes string // rooms whose members change
		note        string // a room that is noted without a change
		lost        bool   // the connection is made anew
		wait        time.Duration
		add, remove []string
	}
	tests := map[string][]step{
		"comes, goes, is forgotten": {
			{comes: "a", add: []string{"a"}},
			{goes: "a"},
			{wait: roomLinger - 2*time.Second},
			{remove: []string{"a"}},
			{comes: "a", add: []string{"a"}},
		},
		"goes and comes again in time": {
			{comes: "a", add: []string{"a"}},
			{goes: "a"},
			{comes: "a"},
			{wait: 2 * roomLinger},
		},
		"goes a second time, lingers from then": {
			{comes: "a", add: []string{"a"}},
			{goes: "a"},
			{comes: "a"},
			{goes: "a"},
			{wait: roomLinger - 3*time.Second},
			{},
			{remove: []string{"a"}},
		},
		"comes and goes before anybody looks": {{note: "a"}},
		"noted twice":                         {{comes: "a", add: []string{"a"}}, {note: "a"}},
		"several": {
			{comes: "a", add: []string{"a"}},
			{comes: "b", add: []string{"b"}},
			{goes: "b"},
			{goes: "a"},
			{wait: roomLinger - 2*time.Second, remove: []string{"b"}},
			{remove: []string{"a"}},
		},
		"a new connection has those with members": {
			{comes: "a", add: []string{"a"}},
			{comes: "b", add: []string{"b"}},
			{goes: "b"},
			{lost: true, add: []string{"a"}},
			{wait: 2 * roomLinger},
			{comes: "b", add: []string{"b"}},
			{lost: true, add: []string{"a", "b"}},
		},
	}
	for name, steps := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			members := make(map[string]bool)
			s := newRoomSet()
			s.has = func(_, room string) bool { return members[room] }
			names := func(keys []roomKey) (names []string) {
				for _, k := range keys {
					names = append(names, k.room)
				}
				slices.Sort(names)
				return names
			}
			now := time.Unix(0, 0)
			for i, step := range steps {
				now = now.Add(time.Second + step.wait)
				for room, in := range map[string]bool{step.comes: true, step.goes: false} {
					if room != "" {
						members[room] = in
						s.note(roomKey{"/", room})
					}
				}
				if step.note != "" {
					s.note(roomKey{"/", step.note})
				}
				var add []roomKey
				if step.lost {
					add = s.restart(now)
				}
				add = append(add, s.settle(now)...)
				s.confirm(add)
				if diff := cmp.Diff(step.add, names(add), cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("step %d subscribes (-want +got):\n%s", i, diff)
				}
				if diff := cmp.Diff(step.remove, names(s.expired(now)), cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("step %d unsubscribes (-want +got):\n%s", i, diff)
				}
			}
		})
	}
}
