package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/internal/rttest"
	"github.com/realtime-toolkit/rtk/pkg/client"
	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// ear is a client in /chat that keeps what it hears.
type ear struct {
	t      *testing.T
	conn   rt.Conn
	events chan string // of presence: action, user and count
	acks   chan string
}

func (e *ear) OnMessage(m *rt.Message) {
	switch {
	case m.AckID != rt.NoAck:
		e.acks <- string(m.Body)
	case m.Event == "presence":
		var p struct {
			Action, User, Scope string
			Count               int
		}
		if json.Unmarshal(m.Body, &p) == nil {
			e.events <- fmt.Sprint(p.Action, " ", p.User, " ", p.Count, " ", p.Scope)
		}
	}
}

func (e *ear) OnClose(rt.CloseInfo) {}

func listen(t *testing.T, g *rttest.Gateway, token string) *ear {
	t.Helper()
	target, err := rt.ParseTarget(g.URL + "/socket.io/")
	if err != nil {
		t.Fatal(err)
	}
	target.Namespace = "/chat"
	d := client.New(client.Options{})
	t.Cleanup(func() { d.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	e := &ear{t: t, events: make(chan string, 1000), acks: make(chan string, 1000)}
	if e.conn, err = d.Dial(ctx, &rt.DialRequest{Target: target, Auth: fmt.Appendf(nil, `{"token":%q}`, token)}, e); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.conn.Close() })
	return e
}

func (e *ear) ask(event, body string) string {
	e.t.Helper()
	if err := e.conn.Send(e.t.Context(), &rt.Outgoing{Event: event, Body: []byte(body), AckID: 1}); err != nil {
		e.t.Fatal(err)
	}
	select {
	case a := <-e.acks:
		return a
	case <-time.After(20 * time.Second):
		e.t.Fatalf("%s is not acknowledged", event)
		return ""
	}
}

func (e *ear) hears(want ...string) {
	e.t.Helper()
	for _, w := range want {
		select {
		case got := <-e.events:
			if got != w {
				e.t.Errorf("heard %q, want %q", got, w)
			}
		case <-time.After(30 * time.Second):
			e.t.Fatalf("%q is not told", w)
		}
	}
}

// users are those of the list, with its count and scope.
func (e *ear) users() string {
	e.t.Helper()
	var l struct {
		Members []struct{ User string }
		Count   int
		Scope   string
	}
	if a := e.ask("presence.list", `{"room":"r"}`); json.Unmarshal([]byte(a), &l) != nil {
		e.t.Fatalf("list %s", a)
	}
	var users []string
	for _, m := range l.Members {
		users = append(users, m.User)
	}
	return fmt.Sprintf("%s %d %s", strings.Join(users, ","), l.Count, l.Scope)
}

// TestPresenceOverPods is a room on three pods, each a process, over Redis: its
// members are those of all, also of one that is killed and comes back.
func TestPresenceOverPods(t *testing.T) {
	t.Parallel()
	redis := rttest.Redis(t)
	binary := rttest.Binary(t, true)
	serve := func() *rttest.Gateway {
		return rttest.Serve(t, binary, []string{"RTK_JWT_SECRET=" + testSecret}, "--redis", redis, "--service", "chat", "--presence", "/chat#r")
	}
	pods := []*rttest.Gateway{serve(), serve(), serve()}
	join := func(g *rttest.Gateway, user string) *ear {
		e := listen(t, g, mintToken(t, binary, "--sub", user))
		if a := e.ask("join", `{"room":"r"}`); !strings.Contains(a, `"ok":true`) {
			t.Fatalf("%s: %s", user, a)
		}
		return e
	}
	a := join(pods[0], "u1")
	a.hears("join u1 1 cluster")
	b := join(pods[1], "u2")
	a.hears("join u2 2 cluster")
	b.hears("join u2 2 cluster")
	c := join(pods[2], "u3")
	for _, e := range []*ear{a, b, c} {
		e.hears("join u3 3 cluster")
		if diff := cmp.Diff("u1,u2,u3 3 cluster", e.users()); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
	d := join(pods[2], "u4")
	for _, e := range []*ear{a, b, c, d} {
		e.hears("join u4 4 cluster")
	}

	// A user who is cut off and comes back to another pod was there all the time.
	b.conn.Abort()
	for deadline := time.Now().Add(4 * time.Second); presenceOf(t, pods[0]).Absent != 1; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the other pod does not know that somebody is absent")
		}
	}
	b = join(pods[0], "u2")
	if diff := cmp.Diff("u1,u2,u3,u4 4 cluster", a.users()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}

	killed := time.Now()
	if err := pods[2].Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for _, e := range []*ear{a, b} {
		got := map[string]bool{}
		for i := range 2 {
			select {
			case m := <-e.events:
				got[strings.Fields(m)[0]+" "+strings.Fields(m)[1]] = true
				if want := fmt.Sprint(3-i, " cluster"); !strings.HasSuffix(m, want) {
					t.Errorf("heard %q, want count and scope %s", m, want)
				}
			case <-time.After(30 * time.Second):
				t.Fatal("the members of the pod that was killed are still there")
			}
		}
		if diff := cmp.Diff(map[string]bool{"leave u3": true, "leave u4": true}, got); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
	if after := time.Since(killed); after > 12*time.Second {
		t.Errorf("a killed pod was missed after %v, the bound is 10s", after)
	}
	if a.users() != "u1,u2 2 cluster" {
		t.Errorf("list %s", a.users())
	}
	pods[2] = serve()
	c = join(pods[2], "u3")
	a.hears("join u3 3 cluster")
	b.hears("join u3 3 cluster")
	deadline := time.Now().Add(20 * time.Second)
	for c.users() != "u1,u2,u3 3 cluster" {
		if time.Now().After(deadline) {
			t.Fatalf("the new pod knows %s", c.users())
		}
		time.Sleep(50 * time.Millisecond)
	}
	if p := presenceOf(t, pods[0]); p.Rooms != 1 || p.Members != 3 || p.Remote != 1 || p.Pods != 2 {
		t.Errorf("figures %+v", p)
	}
}

type presenceFigures struct{ Rooms, Members, Remote, Absent, Pods int }

func presenceOf(t *testing.T, g *rttest.Gateway) presenceFigures {
	t.Helper()
	res, err := http.Get(g.Admin + "/stats")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var s struct{ Presence presenceFigures }
	if err := json.NewDecoder(res.Body).Decode(&s); err != nil {
		t.Fatal(err)
	}
	return s.Presence
}
