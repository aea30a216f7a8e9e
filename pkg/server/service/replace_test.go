package service

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// named is a service that acknowledges with its name, once it may.
type named struct {
	name string
	may  chan struct{} // nil: at once
}

func (n *named) Call(_ context.Context, c *Call) (*Answer, error) {
	if n.may != nil && c.Hook == HookEvent {
		<-n.may
	}
	ack, err := json.Marshal(n.name)
	return &Answer{Ack: ack}, err
}

// TestReplace: calls that have come are made by the old service, later ones by
// the new, all in order, and the old one is let go after its last call.
func TestReplace(t *testing.T) {
	t.Parallel()
	before, after := &named{"old", make(chan struct{})}, &named{"new", nil}
	gone := make(chan Service, 1)
	route := func(s Service, more ...Hook) Route {
		return Route{Namespace: "/ns", Events: "*", Hooks: more, To: &Target{Name: "svc", Service: s}}
	}
	b, url := start(t, Options{}, nil, route(before))
	c := join(t, url)
	c.send(`42/ns,1["x"]`)
	c.send(`42/ns,2["x"]`)
	deadline := time.Now().Add(patience)
	for b.Stats()[0].InFlight == 0 || waiting(b) == 0 {
		if time.Now().After(deadline) {
			t.Fatal("the calls did not come")
		}
		time.Sleep(time.Millisecond)
	}
	if err := b.Replace([]Route{route(after, HookDisconnect)}, func(s Service) { gone <- s }); err != nil {
		t.Fatal(err)
	}
	c.send(`42/ns,3["x"]`)
	select {
	case <-gone:
		t.Error("the old service was let go with calls under way")
	default:
	}
	close(before.may)
	for _, want := range []string{`43/ns,1["old"]`, `43/ns,2["old"]`, `43/ns,3["new"]`} {
		c.want(want)
	}
	select {
	case s := <-gone:
		if s != before {
			t.Errorf("%v was let go", s)
		}
	case <-time.After(patience):
		t.Fatal("the old service was not let go")
	}
	if got := b.Stats(); len(got) != 1 || got[0].Calls != 3 {
		t.Errorf("the figures do not go on: %+v", got)
	}
	// The same again lets nobody go.
	if err := b.Replace([]Route{route(after)}, func(s Service) { t.Errorf("%v was let go", s) }); err != nil {
		t.Fatal(err)
	}
	// Another name is another service, and no events are none.
	other := Route{Namespace: "/ns", Hooks: []Hook{HookJoin}, To: &Target{Name: "other", Service: before}}
	if err := b.Replace([]Route{other}, func(s Service) { gone <- s }); err != nil {
		t.Fatal(err)
	}
	if s := <-gone; s != after {
		t.Errorf("%v was let go", s)
	}
	c.send(`42/ns,4["x"]`)
	c.want(`43/ns,4[{"ok":false,"error":{"code":"unknown_event"`)
}

func waiting(b *Binding) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, l := range b.lanes {
		n += len(l.queue)
	}
	return n
}

// TestReplaceUnderLoad changes services all the time: each event is
// acknowledged once.
func TestReplaceUnderLoad(t *testing.T) {
	t.Parallel()
	route := func(s Service) []Route {
		return []Route{{Namespace: "/ns", Events: "*", Hooks: Hooks, To: &Target{Name: "svc", Service: s}}}
	}
	b, url := start(t, Options{}, nil, route(&named{name: "0"})...)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				if err := b.Replace(route(&named{name: "n"}), func(Service) {}); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	c := join(t, url)
	for range 200 {
		c.send(`42/ns,1["x"]`)
		if f := c.read(); !strings.HasPrefix(f, `43/ns,1["`) || strings.Contains(f, "error") {
			t.Fatal(f)
		}
	}
	close(stop)
	wg.Wait()
}

// TestReplaceRefuses what only a start can do, and changes nothing then.
func TestReplaceRefuses(t *testing.T) {
	t.Parallel()
	svc := &named{name: "old"}
	to := &Target{Name: "svc", Service: svc}
	routes := []Route{
		{Namespace: "/ns", Events: "*", To: to, Contract: []Event{{Name: "x"}}},
		{Namespace: "/hooks", Hooks: []Hook{HookConnect}, To: to},
		{Namespace: "/a-*", Events: "*", To: to},
		{Namespace: "~/b-[0-9]+", Events: "*", To: to},
	}
	b, url := start(t, Options{}, nil, routes...)
	with := func(change func(r []Route) []Route) []Route { return change(append([]Route(nil), routes...)) }
	for _, tc := range []struct {
		name, want string
		routes     []Route
	}{
		{"a new namespace", "namespace /more is new", with(func(r []Route) []Route {
			return append(r, Route{Namespace: "/more", Events: "*", To: to})
		})},
		{"a namespace without routes", "namespace /hooks has lost its routes", with(func(r []Route) []Route { return append(r[:1], r[2:]...) })},
		{"first events", "namespace /hooks had no events before", with(func(r []Route) []Route { r[1].Events = "*"; return r })},
		{"another contract", "namespace /ns has another contract", with(func(r []Route) []Route { r[0].Contract = nil; return r })},
		{"patterns in another order", "another order", with(func(r []Route) []Route { r[2], r[3] = r[3], r[2]; return r })},
		{"a bad route", "service route 0: neither events nor hooks", with(func(r []Route) []Route { r[0].Events = ""; return r })},
	} {
		if err := b.Replace(tc.routes, func(Service) { t.Errorf("%s: a service was let go", tc.name) }); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %s", tc.name, err, tc.want)
		}
	}
	swapped := with(func(r []Route) []Route { r[0], r[1] = r[1], r[0]; return r })
	if err := b.Replace(swapped, func(Service) { t.Error("a service was let go") }); err != nil {
		t.Errorf("names in another order: %v", err)
	}
	c := join(t, url)
	c.send(`42/ns,1["x"]`)
	c.want(`43/ns,1["old"]`)
}

// TestPatterns: names come before patterns, patterns in the order of the routes.
func TestPatterns(t *testing.T) {
	t.Parallel()
	to := func(name string) *Target { return &Target{Name: name, Service: &named{name: name}} }
	_, url := start(
		t, Options{}, nil,
		Route{Namespace: "/org-*", Events: "*", Hooks: []Hook{HookConnect}, To: to("glob")},
		Route{Namespace: "~/(org|team)-[0-9]+", Events: "*", To: to("regexp")},
		Route{Namespace: "/org-main", Events: "*", To: to("name")},
	)
	got := map[string]string{}
	for _, ns := range []string{"/org-7", "/team-7", "/org-main", "/org-a/b", "/team-x", "/x/org-1"} {
		c := dial(t, url)
		c.send(`40` + ns + `,`)
		if f := c.read(); !strings.HasPrefix(f, `40`) {
			got[ns] = strings.TrimPrefix(f, `44`+ns+`,`)
			continue
		}
		c.send(`42` + ns + `,1["x"]`)
		got[ns] = strings.TrimPrefix(c.read(), `43`+ns+`,1`)
	}
	const invalid = `{"message":"Invalid namespace"}`
	want := map[string]string{
		"/org-7": `["glob"]`, "/team-7": `["regexp"]`, "/org-main": `["name"]`,
		"/org-a/b": invalid, "/team-x": invalid, "/x/org-1": invalid,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
