package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/server"
)

func withPresence(o server.Options, patterns ...string) server.Options {
	for _, p := range patterns {
		o.Presence = append(o.Presence, server.PresenceRule{Rooms: p})
	}
	return o
}

// presenceClient is a client that knows how the others see it.
type presenceClient struct {
	*client
	id    string
	scope string
}

func (g *gateway) present(t testing.TB) presenceClient {
	t.Helper()
	c := g.sio(t)
	return presenceClient{c, c.join("/")[:8], "pod"}
}

func (c presenceClient) told(action, room string, count int) string {
	return fmt.Sprintf(`42["presence",{"room":%q,"action":%q,"id":%q,"user":"anon-%s","count":%d,"scope":%q}]`, room, action, c.id, c.id, count, c.scope)
}

// into joins a room that has count members then.
func (c presenceClient) into(room string, count int) {
	c.t.Helper()
	c.send(fmt.Sprintf(`421["join",%q]`, room))
	c.is(c.told("join", room, count), `431[]`)
}

type presenceList struct {
	OK      bool
	Room    string
	Members []struct {
		ID, User string
		Since    int64
	}
	Count          int
	Truncated, Off bool
	Scope          string
	Error          struct{ Code string }
}

func (l presenceList) ids() string {
	var ids []string
	for _, m := range l.Members {
		ids = append(ids, m.ID)
	}
	return strings.Join(ids, " ")
}

func (c presenceClient) list(room string) presenceList {
	c.t.Helper()
	c.send(fmt.Sprintf(`422["presence.list",{"room":%q}]`, room))
	var l []presenceList
	if err := json.Unmarshal([]byte(c.want(`432[`)[3:]), &l); err != nil || len(l) != 1 {
		c.t.Fatalf("%v: %+v", err, l)
	}
	return l[0]
}

// TestPresenceEnds is how a member may go: the other one is told each time.
func TestPresenceEnds(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		end  func(g *gateway, c presenceClient, sid string)
	}{
		{"leaves", func(_ *gateway, c presenceClient, _ string) { c.send(`42["leave","r"]`) }},
		{"disconnects", func(_ *gateway, c presenceClient, _ string) { c.send(`41`) }},
		{"is disconnected", func(g *gateway, _ presenceClient, sid string) { g.Of("/").Conn(sid).Disconnect(false) }},
		{"is closed", func(g *gateway, _ presenceClient, sid string) { g.Of("/").Conn(sid).Disconnect(true) }},
		{"is cut off", func(_ *gateway, c presenceClient, _ string) { _ = c.ws.NetConn().Close() }},
		{"breaks the protocol", func(_ *gateway, c presenceClient, _ string) { c.send(`49`) }},
		{"falls silent", func(*gateway, presenceClient, string) {}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := startPipe(t, withPresence(server.Options{}, "r"), roomGateway)
				a := g.present(t)
				a.into("r", 1)
				c := g.sio(t)
				sid := c.join("/")
				b := presenceClient{c, sid[:8], "pod"}
				b.into("r", 2)
				a.is(b.told("join", "r", 2))
				tc.end(g, b, sid)
				for want := b.told("leave", "r", 1); ; {
					m, err := readLate(a.client, time.Minute)
					if m == "2" && err == nil {
						a.send("3")
						continue
					}
					if m != want {
						t.Fatalf("got %q, %v, want %q", m, err, want)
					}
					break
				}
				if l := a.list("r"); l.ids() != a.id || l.Count != 1 {
					t.Errorf("list %+v, want the one that is left", l)
				}
			})
		})
	}
}

func TestPresenceRooms(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := startPipe(t, withPresence(server.Options{Overflow: []server.OverflowRule{{Rooms: "lossy", Policy: server.OverflowLatest}}}, "r:*", "/#own", "/other#theirs", "lossy"), roomGateway)
		a, b := g.present(t), g.present(t)
		a.into("r:1", 1)
		time.Sleep(time.Second)
		b.into("r:1", 2)
		a.is(b.told("join", "r:1", 2))
		b.into("r:2", 1)
		a.into("own", 1)
		// Joining twice, leaving what one isn't in, and rooms without a rule tell nobody.
		for _, x := range []string{`["join","r:1"]`, `["leave","r:2"]`, `["join","plain"]`, `["join","theirs"]`, `["join","lossy"]`, `["leave","plain"]`} {
			a.send("423" + x)
			a.is(`433[]`)
		}
		b.send(`421["join","plain"]`)
		b.is(`431[]`)
		l := a.list("r:1")
		if want := a.id + " " + b.id; l.ids() != want || !l.OK || l.Count != 2 || l.Truncated || l.Off || l.Scope != "pod" || l.Room != "r:1" {
			t.Errorf("list %+v, want %s", l, want)
		} else if d := l.Members[1].Since - l.Members[0].Since; d != 1000 || l.Members[0].User != "anon-"+a.id {
			t.Errorf("list %+v, want a second between them", l)
		}
		for room, code := range map[string]string{"r:2": "forbidden", "r:nobody": "forbidden", "lossy": "no_presence", "theirs": "no_presence", "": "bad_request"} {
			if l := a.list(room); l.OK || l.Error.Code != code {
				t.Errorf("list of %q: %+v, want %s", room, l, code)
			}
		}
		b.send(`41`)
		a.is(b.told("leave", "r:1", 1)) // and nothing of r:2
		a.send(`424["leave","r:1"]`)
		a.is(`434[]`)
	})
}

// TestPresenceRefused: who may not join is not announced, and who is refused
// after it had joined leaves again.
func TestPresenceRefused(t *testing.T) {
	t.Parallel()
	g := start(t, withPresence(withPolicy(t, rightsPolicy, server.Options{}), "*"), func(s *server.Server) {
		roomGateway(s)
		s.Of("/").OnConnect(func(_ context.Context, c *server.Conn) error {
			if c.Identity().Subject != "mallory" {
				return nil
			}
			if err := c.Join("lobby"); err != nil {
				return err
			}
			return &server.Error{Code: "no", Message: "no"}
		})
	})
	open := func(sub, org string) *client {
		c := g.sio(t)
		c.send(fmt.Sprintf(`40{"token":%q}`, orgToken(t, sub, org)))
		return c
	}
	a := presenceClient{client: open("ana", "acme")}
	a.want(`40{`)
	a.send(`421["join","lobby"]`)
	a.want(`42["presence",{"room":"lobby","action":"join","id":"`)
	a.is(`431[]`)
	a.send(`421["join","org:other:x"]`)
	a.want(`431[{"ok":false`)
	if l := a.list("org:acme:x"); !l.OK || l.Count != 0 {
		t.Errorf("list of a room that the policy allows: %+v", l)
	}
	if l := a.list("org:other:x"); l.Error.Code != "forbidden" {
		t.Errorf("list of another's room: %+v", l)
	}
	b := open("bob", "other")
	b.want(`40{`)
	b.send(`421["join","org:acme:x"]`)
	b.want(`431[{"ok":false`)
	open("mallory", "acme").want(`44{`)
	for _, action := range []string{"join", "leave"} {
		if m := a.want(`42["presence",{"room":"lobby","action":"` + action); !strings.Contains(m, `"user":"mallory"`) {
			t.Errorf("got %s", m)
		}
	}
	if l := a.list("lobby"); len(l.Members) != 1 || l.Members[0].User != "ana" {
		t.Errorf("list %+v", l)
	}
}

// TestPresenceMax: a room that is too large is told so once, and once when it is
// small again.
func TestPresenceMax(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := startPipe(t, withPresence(server.Options{PresenceMax: 4}, "r"), roomGateway)
		var all []presenceClient
		for n := 1; n <= 4; n++ {
			c := g.present(t)
			c.into("r", n)
			for _, o := range all {
				o.is(c.told("join", "r", n))
			}
			all = append(all, c)
		}
		off := `42["presence",{"room":"r","action":"off","count":5,"scope":"pod"}]`
		e, f := g.present(t), g.present(t)
		e.send(`421["join","r"]`)
		e.is(off, `431[]`)
		f.send(`421["join","r"]`)
		f.is(`431[]`)
		for _, o := range all {
			o.is(off)
		}
		if l := f.list("r"); !l.OK || !l.Off || !l.Truncated || l.Count != 6 || len(l.Members) != 4 {
			t.Errorf("list %+v, want 4 of 6", l)
		}
		for _, o := range all {
			o.send(`421["leave","r"]`)
			o.is(`431[]`)
		}
		on := `42["presence",{"room":"r","action":"on","count":2,"scope":"pod"}]`
		e.is(on)
		f.is(on)
		if l := f.list("r"); l.Off || l.Truncated || l.Count != 2 {
			t.Errorf("list %+v, want all 2", l)
		}
		all[0].into("r", 3)
		e.is(all[0].told("join", "r", 3))
	})
}

// TestPresenceRecovery: a client that comes back is the same one, is told what
// happened meanwhile, and not of its own leaving.
func TestPresenceRecovery(t *testing.T) {
	t.Parallel()
	g := start(t, withPresence(server.Options{Recovery: time.Minute, PresenceGrace: -1}, "r"), func(s *server.Server) {
		s.Of("/").OnConnect(func(_ context.Context, c *server.Conn) error {
			if c.Recovered() {
				return nil
			}
			return c.Join("r")
		})
	})
	told := func(s sioSession, action string, n int) string {
		return fmt.Sprintf(`["presence",{"room":"r","action":%q,"id":%q,"user":"anon-%s","count":%d,"scope":"pod"}]`, action, s.SID[:8], s.SID[:8], n)
	}
	expect := func(c *client, s *sioSession, want ...string) {
		t.Helper()
		for _, w := range want {
			if got := c.event(c.next(), s); got != w {
				t.Fatalf("got %s, want %s", got, w)
			}
		}
	}
	a := g.sio(t)
	_, as := a.connect("")
	expect(a, &as, told(as, "join", 1))
	b := g.sio(t)
	_, bs := b.connect("")
	expect(b, &bs, told(bs, "join", 2))
	expect(a, &as, told(bs, "join", 2))
	b.ws.Close()
	expect(a, &as, told(bs, "leave", 1))
	g.away(t, 1)
	c := g.sio(t)
	_, cs := c.connect("")
	expect(a, &as, told(cs, "join", 2))
	b = g.sio(t)
	before, again := b.connect(bs.again())
	if diff := cmp.Diff([]string{told(cs, "join", 2)}, before); diff != "" || again.SID != bs.SID {
		t.Errorf("recovered %v, missed (-want +got):\n%s", again.SID == bs.SID, diff)
	}
	expect(b, &bs, told(bs, "join", 3))
	expect(a, &as, told(bs, "join", 3))
}

// TestPresenceRace joins and leaves from many goroutines while somebody follows:
// counts go up and down by one, and what follows from list and events is right.
func TestPresenceRace(t *testing.T) {
	t.Parallel()
	g := start(t, withPresence(server.Options{QueueMessages: 1 << 20, QueueBytes: 1 << 30}, "r"), roomGateway)
	w := g.present(t)
	w.into("r", 1)
	var wg sync.WaitGroup
	for i := range 6 {
		c := g.sio(t)
		conn := g.Of("/").Conn(c.join("/"))
		go func() {
			for {
				if _, _, err := c.ws.ReadMessage(); err != nil {
					return
				}
			}
		}()
		for range 2 {
			wg.Go(func() {
				for range 50 {
					_ = conn.Join("r")
					conn.Leave("r")
				}
				if i%2 == 0 {
					conn.Disconnect(true)
				}
			})
		}
	}
	finished := make(chan struct{})
	go func() { wg.Wait(); close(finished) }()
	// follow asks for a list and applies the events before it.
	known, count := map[string]bool{w.id: true}, 1
	follow := func() map[string]bool {
		w.send(`422["presence.list",{"room":"r"}]`)
		for {
			m := w.next()
			if strings.HasPrefix(m, `432`) {
				var l []presenceList
				if err := json.Unmarshal([]byte(m[3:]), &l); err != nil {
					t.Fatal(err)
				}
				listed := map[string]bool{}
				for _, x := range l[0].Members {
					listed[x.ID] = true
				}
				return listed
			}
			var e []json.RawMessage
			var p struct {
				Action, ID string
				Count      int
			}
			if err := json.Unmarshal([]byte(m[2:]), &e); err != nil || json.Unmarshal(e[1], &p) != nil {
				t.Fatalf("%q: %v", m, err)
			}
			step := 1
			if p.Action == "leave" {
				step = -1
				delete(known, p.ID)
			} else {
				known[p.ID] = true
			}
			if p.Count != count+step {
				t.Fatalf("%s with count %d after %d", p.Action, p.Count, count)
			}
			count = p.Count
		}
	}
	for done := false; !done; {
		select {
		case <-finished:
			done = true
		default:
		}
		known = follow()
	}
	eventually(t, "those who were disconnected are gone", func() bool { return g.Of("/").Conns() == 4 })
	listed := follow()
	if diff := cmp.Diff(listed, known); diff != "" || len(listed) != 1 || !listed[w.id] {
		t.Errorf("list %v, want the one that never left; what events say (-list +events):\n%s", listed, diff)
	}
}

// TestPresencePlainWS: plain WebSocket clients take part.
func TestPresencePlainWS(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := startPipe(t, withPresence(server.Options{}, "r"), roomGateway)
		a := g.present(t)
		a.into("r", 1)
		p, _ := g.ws(t, "/ws", nil)
		p.send(`{"event":"join","data":"r"}`)
		p.want(`{"event":"presence","data":{"room":"r","action":"join","id":"`)
		a.want(`42["presence",{"room":"r","action":"join"`)
		p.send(`{"event":"presence.list","data":{"room":"r"},"id":7}`)
		if m := p.next(); strings.Count(m, `"since":`) != 2 || !strings.Contains(m, `"count":2,"truncated":false`) {
			t.Errorf("list %s", m)
		}
		_ = p.ws.Close()
		a.want(`42["presence",{"room":"r","action":"leave"`)
	})
}

func TestPresenceContract(t *testing.T) {
	t.Parallel()
	s, err := server.New(withPresence(server.Options{}, "/chat#*", "/events#x"))
	if err != nil {
		t.Fatal(err)
	}
	s.Of("/")
	s.Of("/chat")
	s.Of(server.EventsNamespace)
	var got []string
	for _, d := range s.Contract() {
		if !json.Valid(d.Payload.Schema) || d.FromClient && !json.Valid(d.Ack.Schema) {
			t.Errorf("schema of %s is not JSON", d.Event)
		}
		got = append(got, d.Namespace+" "+d.Event)
	}
	if diff := cmp.Diff([]string{"/chat presence.list", "/chat presence", "/events presence"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := server.New(withPresence(server.Options{}, "chat#x")); err == nil || !strings.Contains(err.Error(), "Presence") {
		t.Errorf("a bad pattern: %v", err)
	}
	if _, err := server.New(server.Options{PresenceMax: -1}); err == nil {
		t.Error("a negative limit is taken")
	}
}
