package server_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/policy"
	"github.com/realtime-toolkit/rtk/pkg/server/throttle"
)

// A changed limit holds for the next message of a connection that is there.
func TestReconfigureThrottle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := startPipe(t, server.Options{Throttle: throttle.Limit{Rate: 1, Burst: 2}}, echoGateway)
		c := g.joined(t, "/")
		ask := func(want bool) {
			t.Helper()
			c.send(`421["echo"]`)
			if got := c.next(); strings.Contains(got, "rate_limited") == want {
				t.Errorf("answer %q, want acceptance %v", got, want)
			}
		}
		ask(true)
		ask(true)
		ask(false)
		if err := g.Reconfigure(server.Live{}); err != nil { // off
			t.Fatal(err)
		}
		for range 10 {
			ask(true)
		}
		if err := g.Reconfigure(server.Live{Throttle: throttle.Limit{Rate: 0.001, Burst: 1}}); err != nil {
			t.Fatal(err)
		}
		ask(false)
		if err := g.Reconfigure(server.Live{Origins: []string{"nonsense"}}); err == nil || !strings.Contains(err.Error(), "Origins") {
			t.Errorf("a bad origin: %v", err)
		}
		ask(false) // nothing of it was applied
	})
}

// Changed rules hold for connections that are there, and forget nothing of what
// has been used up. Rules that come when there were none find them too.
func TestReconfigureRules(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := startPipe(t, server.Options{}, chatter)
		c := g.joined(t, "/")
		var name string
		say := func() string {
			t.Helper()
			c.send(`421["` + name + `"]`)
			if m := c.next(); strings.Contains(m, "rate_limited") {
				return "no"
			}
			return "yes"
		}
		live := func(change func(l *server.Live)) {
			t.Helper()
			l := g.Live()
			change(&l)
			if err := g.Reconfigure(l); err != nil {
				t.Fatal(err)
			}
		}
		event := func(limits ...string) throttle.Rules {
			var r throttle.Rules
			for _, l := range limits {
				if err := r.SetEvent(l); err != nil {
					t.Fatal(err)
				}
			}
			return r
		}
		var got []string
		step := func(event string, times int) {
			name = event
			for range times {
				got = append(got, event+" "+say())
			}
		}
		step("a", 1) // no limits
		live(func(l *server.Live) { l.Rules = rules(t, "ip.messages=0.001/s:2") })
		step("a", 3)
		live(func(l *server.Live) { l.Rules = rules(t, "ip.messages=0.001/s:3") })
		step("a", 2) // two of three were used up
		live(func(l *server.Live) { l.DryRun = true })
		step("a", 1)
		live(func(l *server.Live) { l.DryRun, l.Rules = false, event("a=0.001/s:1", "b=0.001/s:1") })
		step("a", 2)
		live(func(l *server.Live) { l.Rules = event("c=0.001/s:1", "a=0.001/s:1") })
		step("a", 1) // its own bucket, at another place
		step("b", 2)
		step("c", 2)
		live(func(l *server.Live) { l.Rules = throttle.Rules{} })
		step("c", 2)
		want := "a yes,a yes,a yes,a no,a yes,a no,a yes,a yes,a no,a no,b yes,b yes,c yes,c no,c yes,c yes"
		if diff := cmp.Diff(strings.Split(want, ","), got); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if r := g.Stats().Refusals; r.ThrottledByLimit["ip.messages"] != 2 || r.ThrottledByLimit["event"] != 3 {
			t.Errorf("counted %v", r.ThrottledByLimit)
		}
	})
}

// A changed policy holds at once: for joins, and for the rooms that connections
// are in.
func TestReconfigurePolicy(t *testing.T) {
	t.Parallel()
	parse := func(text string) *policy.Policy {
		p, err := policy.Parse("p", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	g := start(t, server.Options{Policy: parse(`room "a" allow join
room "b" allow join`)}, roomGateway)
	c := g.sio(t)
	conn := g.Of("/").Conn(c.join("/"))
	join := func(want string, rooms ...string) {
		t.Helper()
		var got []string
		for _, room := range rooms {
			if conn.Join(room) == nil {
				got = append(got, room)
			}
		}
		if diff := cmp.Diff(want, strings.Join(got, " ")); diff != "" {
			t.Errorf("joins (-want +got)\n%s", diff)
		}
	}
	join("a b", "a", "b", "c")
	l := g.Live()
	l.Policy = parse(`room "b" allow join
room "c" allow join`)
	if err := g.Reconfigure(l); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"b"}, conn.Rooms()); diff != "" {
		t.Errorf("rooms (-want +got)\n%s", diff)
	}
	join("b c", "a", "b", "c")
	l.Policy = nil
	if err := g.Reconfigure(l); err == nil || !strings.Contains(err.Error(), "the policy is gone") {
		t.Errorf("no policy: %v", err)
	}
	join("b", "a", "b")
}
