package server_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/server/history"
)

func (g *gateway) pollTopics(t *testing.T, query url.Values) (p polled) {
	t.Helper()
	status, body := g.http(t, http.MethodGet, "/poll?"+query.Encode(), "")
	if status != http.StatusOK || json.Unmarshal([]byte(body), &p) != nil {
		t.Fatalf("poll: %d %s", status, body)
	}
	return p
}

// TestHistoryOfRoomsHeard keeps history on a backplane that subscribes room by
// room: a topic is heard from the first who follows it until nobody has for the
// age of the history, and what was not heard is told as a gap.
func TestHistoryOfRoomsHeard(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const age = 20 * time.Second
		hub := cluster.NewHub()
		w := &watching{Backplane: hub.Backplane()}
		opts := server.Options{History: server.HistoryOptions{Rooms: []string{"/events#t:*"}, Limits: history.Limits{Age: age}}}
		events := func(s *server.Server) { s.Of(server.EventsNamespace) }
		opts.Backplane = w
		g := startPipe(t, opts, events)
		opts.Backplane = hub.Backplane()
		other := startPipe(t, opts, events)
		want := func(changes ...string) {
			t.Helper()
			got := w.changes()
			slices.Sort(got)
			if diff := cmp.Diff(changes, got); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
		}
		if w.sink.HasRoom("/events", "t:1") {
			t.Error("a topic is heard that nobody has followed")
		}
		first := g.pollTopics(t, url.Values{"topic": {"t:1"}})
		want("/events t:1 true")
		_ = other.Topic("t:1").Emit("m", 1)
		_ = other.Topic("t:2").Emit("m", 2) // which g doesn't hear
		synctest.Wait()
		p := g.pollTopics(t, url.Values{"topic": {"t:1"}, "since": {first.Cursor}})
		if len(p.Events) != 1 || string(p.Events[0].Data) != "1" || len(p.Gaps) != 0 {
			t.Errorf("a topic that is heard: %+v", p)
		}
		want()

		// A topic that is followed only now.
		p = g.pollTopics(t, url.Values{"topic": {"t:2"}, "since": {first.Cursor}})
		if len(p.Gaps) != 1 || p.Gaps[0].Reason != "expired" || len(p.Events) != 0 {
			t.Errorf("a topic that was not heard: %+v", p)
		}
		want("/events t:2 true")
		_ = other.Topic("t:2").Emit("m", 3)
		synctest.Wait()
		p = g.pollTopics(t, url.Values{"topic": {"t:2"}, "since": {p.Cursor}})
		if len(p.Events) != 1 || string(p.Events[0].Data) != "3" || len(p.Gaps) != 0 {
			t.Errorf("the same topic later: %+v", p)
		}

		// A client in a room, and for a while after it.
		c := g.joinedRoom(t, "/events", "t:3")
		want("/events t:3 true", "/events t:3 true")
		time.Sleep(2 * age)
		want("/events t:1 false", "/events t:2 false")
		_ = c.ws.Close()
		time.Sleep(age / 2)
		want("/events t:3 true")
		time.Sleep(age)
		want("/events t:3 false")
	})
}

// joinedRoom opens a plain WebSocket that is in a room.
func (g *gateway) joinedRoom(t *testing.T, namespace, room string) *client {
	t.Helper()
	c, resp := g.ws(t, "/ws?namespace="+url.QueryEscape(namespace), nil)
	if c == nil {
		t.Fatal(resp.Status)
	}
	n := g.Of(namespace)
	synctest.Wait()
	n.SocketsJoin(room)
	// The server's pings must not time out.
	go func() {
		for {
			if _, _, err := c.ws.ReadMessage(); err != nil {
				return
			}
		}
	}()
	return c
}
