package server_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
)

// lossy is a backplane that loses what its pod sends while it is told to.
type lossy struct {
	cluster.Backplane

	mu   sync.Mutex
	lose func(b *cluster.Broadcast) bool
}

func (l *lossy) losing(fn func(b *cluster.Broadcast) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lose = fn
}

func (l *lossy) Publish(b *cluster.Broadcast) {
	l.mu.Lock()
	lose := l.lose != nil && l.lose(b)
	l.mu.Unlock()
	if !lose {
		l.Backplane.Publish(b)
	}
}

// presencePods are gateways with presence in room r that talk over a hub.
type presencePods struct {
	hub   *cluster.Hub
	pods  []*gateway
	links []*lossy
}

func startPresencePods(t *testing.T, n int, o server.Options) *presencePods {
	t.Helper()
	p := &presencePods{hub: cluster.NewHub()}
	for range n {
		p.add(t, o)
	}
	return p
}

func (p *presencePods) add(t *testing.T, o server.Options) *gateway {
	t.Helper()
	link := &lossy{Backplane: p.hub.Backplane()}
	o.Backplane = link
	g := startPipe(t, withPresence(o, "r", "x:*"), roomGateway)
	p.pods, p.links = append(p.pods, g), append(p.links, link)
	return g
}

// on connects a client to a pod, with a token when sub is not empty.
func (p *presencePods) on(t *testing.T, pod int, sub string) presenceClient {
	t.Helper()
	c := p.pods[pod].sio(t)
	if sub == "" {
		return presenceClient{c, c.join("/")[:8], "cluster"}
	}
	c.send(fmt.Sprintf(`40{"token":%q}`, orgToken(t, sub, "acme")))
	sid := strings.TrimPrefix(c.want(`40{"sid":"`), `40{"sid":"`)
	return presenceClient{c, sid[:8], "cluster"}
}

// hears returns what comes within d. It reads every few seconds, as a pipe holds
// nothing and a gateway gives up on who does not read.
func (c presenceClient) hears(d time.Duration) (got []string) {
	c.t.Helper()
	for end := time.Now().Add(d); ; {
		time.Sleep(min(time.Until(end), 4*time.Second))
		c.send(`428["presence.list",{"room":"r"}]`)
		for listed := false; !listed; {
			switch m := c.next(); {
			case m == "2":
				c.send("3")
			case strings.HasPrefix(m, `438`):
				listed = true
			default:
				got = append(got, m)
			}
		}
		if !time.Now().Before(end) {
			return got
		}
	}
}

func (c presenceClient) join(room string) {
	c.t.Helper()
	c.send(fmt.Sprintf(`429["join",%q]`, room))
	for c.next() != `439[]` {
	}
}

// TestPresencePods: events and lists are those of all pods, each member is told
// once, and a pod that stops takes its members with it.
func TestPresencePods(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := startPresencePods(t, 3, server.Options{})
		a, b, c := x.on(t, 0, ""), x.on(t, 1, ""), x.on(t, 2, "")
		a.into("r", 1)
		synctest.Wait()
		b.into("r", 2)
		synctest.Wait()
		c.into("r", 3)
		synctest.Wait()
		a.is(b.told("join", "r", 2), c.told("join", "r", 3))
		b.is(c.told("join", "r", 3))
		for _, who := range []presenceClient{a, b, c} {
			l := who.list("r")
			if l.Count != 3 || l.Scope != "cluster" || len(l.Members) != 3 {
				t.Errorf("list %+v, want three", l)
			}
		}
		b.send(`425["leave","r"]`)
		b.is(`435[]`)
		synctest.Wait()
		a.is(b.told("leave", "r", 2))
		c.is(b.told("leave", "r", 2))
		if s := x.pods[0].Stats().Presence; s == nil || s.Rooms != 1 || s.Members != 2 || s.Remote != 1 || s.Pods != 2 || s.Events != 4 {
			t.Errorf("figures %+v", s)
		}
		done := make(chan error, 1)
		go func() { done <- x.pods[2].Shutdown(context.Background()) }()
		if before := c.closed(0); len(before) > 0 {
			t.Errorf("a client of the pod that stops got %q", before)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		a.is(c.told("leave", "r", 1))
		if l := a.list("r"); l.ids() != a.id || l.Count != 1 {
			t.Errorf("list %+v, want one", l)
		}
	})
}

// TestPresencePodDies: a pod that falls silent loses its members within ten
// seconds, and has them again when it is back.
func TestPresencePodDies(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := startPresencePods(t, 2, server.Options{})
		a, b := x.on(t, 0, ""), x.on(t, 1, "")
		a.into("r", 1)
		synctest.Wait()
		b.into("r", 2)
		synctest.Wait()
		a.is(b.told("join", "r", 2))
		for range 10 { // nothing happens to those that live
			if got := append(a.hears(4*time.Second), b.hears(0)...); got != nil {
				t.Errorf("got %q", got)
			}
		}
		x.links[1].losing(func(*cluster.Broadcast) bool { return true })
		if diff := cmp.Diff([]string(nil), a.hears(4*time.Second)); diff != "" {
			t.Errorf("too early (-want +got)\n%s", diff)
		}
		b.hears(0)
		if diff := cmp.Diff([]string{b.told("leave", "r", 1)}, a.hears(6*time.Second)); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		b.hears(0)
		x.links[1].losing(nil)
		if diff := cmp.Diff([]string{b.told("join", "r", 2)}, a.hears(10*time.Second)); diff != "" {
			t.Errorf("back (-want +got)\n%s", diff)
		}
		if got := b.hears(0); got != nil {
			t.Errorf("the one that heard all the time got %q", got)
		}
	})
}

// TestPresenceLoss: what is lost on the way is noticed and made good.
func TestPresenceLoss(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"all", "ask", "beat"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				x := startPresencePods(t, 2, server.Options{})
				a, b := x.on(t, 0, ""), x.on(t, 1, "")
				a.into("r", 1)
				a.hears(10 * time.Second) // the pods know each other
				var mu sync.Mutex
				lost := map[string]int{}
				for _, l := range x.links {
					l.losing(func(m *cluster.Broadcast) bool {
						mu.Lock()
						defer mu.Unlock()
						for _, k := range []string{"changes", kind} {
							if strings.Contains(string(m.Args), `"k":"`+k+`"`) && lost[k] == 0 {
								lost[k]++
								return true
							}
						}
						return false
					})
				}
				b.join("r")
				if diff := cmp.Diff([]string{b.told("join", "r", 2)}, a.hears(15*time.Second)); diff != "" {
					t.Errorf("(-want +got)\n%s", diff)
				}
				if lost["changes"] != 1 || lost[kind] != 1 {
					t.Errorf("lost %v", lost)
				}
				if l := a.list("r"); l.Count != 2 {
					t.Errorf("list %+v", l)
				}
			})
		})
	}
}

// TestPresenceGrace is who comes back in time, and where.
func TestPresenceGrace(t *testing.T) {
	t.Parallel()
	stop := func(x *presencePods, _ presenceClient) { _ = x.pods[1].Shutdown(context.Background()) }
	for _, tc := range []struct {
		name   string
		sub    string
		grace  time.Duration
		end    func(x *presencePods, c presenceClient)
		after  time.Duration // until somebody is back
		pod    int
		silent bool
	}{
		{"on the same pod", "bob", 0, cutOff, 3 * time.Second, 1, true},
		{"on another pod", "bob", 0, cutOff, 3 * time.Second, 2, true},
		{"on the pod of the others", "bob", 0, cutOff, 3 * time.Second, 0, true},
		{"too late", "bob", 0, cutOff, 6 * time.Second, 2, false},
		{"another user", "eve", 0, cutOff, 3 * time.Second, 2, false},
		{"longer grace", "bob", 20 * time.Second, cutOff, 15 * time.Second, 2, true},
		{"none", "bob", -1, cutOff, time.Second, 2, false},
		{"left by itself", "bob", 0, func(_ *presencePods, c presenceClient) { c.send("41") }, time.Second, 2, false},
		{"its pod stopped", "bob", 0, stop, 3 * time.Second, 2, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				x := startPresencePods(t, 3, withPolicy(t, `room "**" allow join, emit`, server.Options{PresenceGrace: tc.grace}))
				a, b := x.on(t, 0, "ana"), x.on(t, 1, "bob")
				a.join("r")
				time.Sleep(time.Second) // the order of the list
				b.join("r")
				synctest.Wait()
				a.want(`42["presence",{"room":"r","action":"join","id":"` + b.id)
				tc.end(x, b)
				got := a.hears(tc.after)
				c := x.on(t, tc.pod, tc.sub)
				c.join("r")
				for range 8 {
					got = append(got, a.hears(4*time.Second)...)
					c.hears(0)
				}
				if silent := len(got) == 0; silent != tc.silent {
					t.Errorf("heard %q, want silence %v", got, tc.silent)
				}
				id := c.id
				if tc.silent {
					id = b.id // the one that the others know
				}
				if l := a.list("r"); l.Count != 2 || l.Members[1].ID != id {
					t.Errorf("list %+v, want %s second", l, id)
				}
				c.send(`426["leave","r"]`)
				if m := a.want(`42["presence",{"room":"r","action":"leave"`); !strings.Contains(m, id) || !strings.Contains(m, `"count":1`) {
					t.Errorf("got %s, want that %s leaves", m, id)
				}
				synctest.Wait()
				for i, g := range x.pods {
					if s := g.Stats().Presence; s.Members != 1 && !(i == 1 && strings.HasSuffix(tc.name, "stopped")) {
						t.Errorf("pod %d: %+v", i, s)
					}
				}
			})
		})
	}
}

func cutOff(_ *presencePods, c presenceClient) { _ = c.ws.NetConn().Close() }

// TestPresenceGraceEnds: nobody waits longer for one that does not come back.
func TestPresenceGraceEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := startPresencePods(t, 2, withPolicy(t, `room "**" allow join, emit`, server.Options{}))
		a, b := x.on(t, 0, "ana"), x.on(t, 1, "bob")
		a.join("r")
		b.join("r")
		synctest.Wait()
		a.want(`42["presence"`)
		cutOff(x, b)
		if got := a.hears(4500 * time.Millisecond); got != nil {
			t.Errorf("too early: %q", got)
		}
		if got := a.hears(time.Second); len(got) != 1 || !strings.Contains(got[0], `"action":"leave"`) {
			t.Errorf("got %q, want the leave", got)
		}
	})
}

// TestPresenceSession: a client that recovers its session was there all the time.
func TestPresenceSession(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := startPipe(t, withPresence(server.Options{Recovery: time.Minute}, "r"), roomGateway)
		a, b := g.sio(t), g.sio(t)
		_, as := a.connect("")
		a.send(`421["join","r"]`)
		a.want(`42["presence"`)
		a.want(`431`)
		_, bs := b.connect("")
		b.send(`421["join","r"]`)
		b.event(b.next(), &bs)
		a.event(a.next(), &as)
		b.ws.Close()
		time.Sleep(2 * time.Second)
		b = g.sio(t)
		if before, again := b.connect(bs.again()); again.SID != bs.SID || before != nil {
			t.Fatalf("recovered %v, got %q", again.SID == bs.SID, before)
		}
		time.Sleep(10 * time.Second)
		a.send(`422["presence.list",{"room":"r"}]`)
		if m := a.want(`432[`); strings.Count(m, `"since"`) != 2 || !strings.Contains(m, `"count":2`) {
			t.Errorf("list %s", m)
		}
	})
}

// TestPresenceNewPod: a pod that comes late learns of all members, in parts.
func TestPresenceNewPod(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := startPresencePods(t, 1, server.Options{MaxRooms: 20000, QueueBytes: 64 << 20, QueueMessages: 1 << 20})
		c := x.pods[0].sio(t)
		conn := x.pods[0].Of("/").Conn(c.join("/"))
		_ = c.ws.SetReadDeadline(time.Time{})
		go func() {
			for {
				if _, _, err := c.ws.ReadMessage(); err != nil {
					return
				}
			}
		}()
		var rooms []string
		for i := range 7000 {
			rooms = append(rooms, fmt.Sprintf("x:%d", i))
		}
		if err := conn.Join(rooms...); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second) // it has told everybody once
		var lost atomic.Bool
		x.links[0].losing(func(m *cluster.Broadcast) bool { // the last part, once
			return strings.Contains(string(m.Args), `"i":13,"n":14`) && lost.CompareAndSwap(false, true)
		})
		late := x.add(t, server.Options{})
		time.Sleep(5 * time.Second)
		if s := late.Stats().Presence; s.Members != 0 || !lost.Load() {
			t.Errorf("%+v", s)
		}
		time.Sleep(15 * time.Second)
		if s := late.Stats().Presence; s.Members != 7000 || s.Remote != 7000 {
			t.Errorf("%+v", s)
		}
		conn.Leave(rooms...)
		synctest.Wait()
		if s := late.Stats().Presence; s.Members != 0 || s.Rooms != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// TestPresenceGarbage: what is no message of a pod is ignored.
func TestPresenceGarbage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		x := startPresencePods(t, 1, server.Options{})
		a := x.on(t, 0, "")
		a.into("r", 1)
		long := strings.Repeat("x", 1000)
		for _, m := range []string{
			`1`, `"x"`, `{}`, `{"p":"` + long + `","k":"beat"}`, `{"p":"q","k":"changes","c":[{"o":1}]}`,
			`{"p":"q","k":"changes","c":[{"o":43,"ns":"/","r":"r"}]}`,
			`{"p":"q","k":"changes","c":[{"o":43,"ns":"/","r":"r","c":"` + long + `","i":"1"}]}`,
			`{"p":"q","k":"changes","c":[{"o":43,"ns":"/nowhere","r":"r","c":"c","i":"1"}]}`,
			`{"p":"q","k":"changes","c":[{"o":43,"ns":"/","r":"plain","c":"c","i":"1"}]}`,
			`{"p":"q","k":"changes","c":[{"o":45,"ns":"/","r":"r","c":"c"}]}`,
			`{"p":"q","k":"all","i":3,"n":2}`, `{"p":"q","k":"all","n":-1,"c":[{"o":45}]}`, `{"p":"q","k":"ask","of":"z"}`, `{"p":"other","k":"gone"}`,
		} {
			x.pods[0].Deliver(&cluster.Broadcast{Namespace: "/.rtk", Args: []byte(`["presence",` + m + `]`)})
		}
		if got := a.hears(20 * time.Second); got != nil {
			t.Errorf("got %q", got)
		}
		if l := a.list("r"); l.Count != 1 {
			t.Errorf("list %+v", l)
		}
	})
}
