package interop_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/internal/rttest"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster/redis"
)

// TestRecoveryElsewhere has a client lose its connection and come back at a
// server of the other kind: it is the same socket there, in the same rooms, with
// the same data, and gets what it missed, once.
func TestRecoveryElsewhere(t *testing.T) {
	t.Parallel()
	streams := &adapter{name: "streams", options: redis.Options{Adapter: redis.Streams}, recovery: 2 * time.Minute}
	f := startFleetOn(t, streams, rttest.Redis(t), "node-a", "rtk-a", "node-b", "rtk-b")
	v := f.connect(t, "/chat")
	for i, from := range v.sides {
		for _, to := range v.sides[i+1:] {
			for _, pair := range [][2]*side{{from, to}, {to, from}} {
				t.Run(fmt.Sprintf("from %s to %s", pair[0].name, pair[1].name), func(t *testing.T) {
					recoverAt(t, v, pair[0], pair[1])
				})
			}
		}
	}
}

func recoverAt(t *testing.T, v *view, from, to *side) {
	for _, p := range v.peers() {
		p.drain()
	}
	room, data := v.unique("recovered"), json.RawMessage(`{"n":[1,"два"]}`)
	before := dial(t, from.url, v.namespace, "before")
	before.join(t, room)
	before.do(t, command{Op: "data", Data: data}, "")
	witness := v.sides[0].sender // to see that all is in the stream
	witness.join(t, room)
	from.sender.do(t, command{Op: "emit", To: []string{room}, Event: "seen"}, `1`)
	last := before.next(t)
	offset := last.Args[strings.LastIndexByte(last.Args, ',')+1:]
	witness.until(t, "seen")

	before.conn.Abort()
	await(t, "the server notices", func() bool { return handshakes(t, from.sender)[before.id()] == nil })
	for _, s := range v.sides {
		s.sender.do(t, command{Op: "emit", To: []string{room}, Event: "missed"}, `"`+s.name+`"`)
		s.sender.do(t, command{Op: "emit", To: []string{"r2"}, Event: "of others"}, "")
	}
	for range v.sides {
		witness.until(t, "missed")
	}

	var session struct{ SID, PID string }
	if err := json.Unmarshal([]byte(*before.welcome.Load()), &session); err != nil {
		t.Fatal(err)
	}
	after := dialWith(t, to.url, v.namespace, "after", credentials{auth: fmt.Sprintf(`{"pid":%q,"offset":%s}`, session.PID, offset)})
	if after.id() != before.id() {
		t.Fatalf("it is %s, was %s: not recovered from offset %s", after.id(), before.id(), offset)
	}
	want := map[string]int{}
	for _, s := range v.sides {
		want[`missed "`+s.name+`"`] = 1
	}
	from.sender.do(t, command{Op: "emit", To: []string{room}, Event: "end"}, "")
	got := map[string]int{}
	for _, e := range after.until(t, "end") {
		got[e.Name+" "+e.Args[:strings.LastIndexByte(e.Args, ',')]]++
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("missed events (-want +got):\n%s", diff)
	}
	wantSocket := []seen{{ID: before.id(), Rooms: slices.Sorted(slices.Values([]string{before.id(), room})), Data: data}}
	if diff := cmp.Diff(wantSocket, fetched(t, from.sender.do(t, command{Op: "fetchSockets", To: []string{room}, Except: []string{witness.id()}}, ""))); diff != "" {
		t.Errorf("socket (-want +got):\n%s", diff)
	}
}
