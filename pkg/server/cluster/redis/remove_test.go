package redis_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/internal/rttest"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster/redis"
)

// TestRemoveNamespace has a namespace come and go on one pod, while another goes
// on: it gets what is sent while it has the namespace, and Redis is told of the
// rest.
func TestRemoveNamespace(t *testing.T) {
	t.Parallel()
	all := map[string]redis.Options{"streams": {Adapter: redis.Streams}, "streams sharded": {Adapter: redis.Streams, StreamSharded: true}}
	for name, o := range ways {
		all[name] = o
	}
	for name, o := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o.URL = rttest.Redis(t)
			here := newPeer(nil)
			a, b := start(t, o, here, "/", "/t"), start(t, o, newPeer(nil), "/", "/t")
			servers(t, b, "/t", 2)
			subscribed := a.Status().Subscriptions
			var want []string
			say := func(text string, heard bool) {
				t.Helper()
				before := a.Status().Heard
				b.Publish(event("/t", fmt.Sprintf("[%q]", text)))
				b.Publish(event("/", fmt.Sprintf("[%q]", text))) // is heard behind it
				if heard {
					want = append(want, fmt.Sprintf("/t [%q]", text))
				}
				want = append(want, fmt.Sprintf("/ [%q]", text))
				got := here.await(t, len(want))
				slices.Sort(want) // between namespaces there is no order
				slices.Sort(got)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("%s (-want +got):\n%s", text, diff)
				}
				if got := a.Status().Heard - before; o.Adapter != redis.Streams && !heard && got != 1 {
					t.Errorf("%s: heard %d messages, want the other namespace's alone", text, got)
				}
			}
			say("before", true)
			received := a.Status().Received
			for round := range 3 {
				a.RemoveNamespace("/t")
				a.RemoveNamespace("/t")
				a.RemoveNamespace("/never")
				servers(t, b, "/t", 1)
				wait(t, "the subscriptions are given up", func() bool { return a.Status().Subscriptions < subscribed })
				say(fmt.Sprint("without ", round), false)
				if err := a.AddNamespace("/t"); err != nil {
					t.Fatal(err)
				}
				servers(t, b, "/t", 2)
				wait(t, "the subscriptions are back", func() bool { return a.Status().Subscriptions == subscribed })
				say(fmt.Sprint("with ", round), true)
			}
			if s := a.Status(); s.Received < received || s.Degraded {
				t.Errorf("received %d after %d; degraded %v %s", s.Received, received, s.Degraded, s.Reason)
			}
		})
	}
}

// TestRemoveNamespaceBeforeStart: it is as if it had never been added.
func TestRemoveNamespaceBeforeStart(t *testing.T) {
	t.Parallel()
	o := redis.Options{URL: rttest.Redis(t)}
	b, err := redis.New(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, ns := range []string{"/", "/t"} {
		if err := b.AddNamespace(ns); err != nil {
			t.Fatal(err)
		}
	}
	b.RemoveNamespace("/t")
	if err := b.Start(t.Context(), newPeer(nil)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close(t.Context()) })
	other := start(t, o, newPeer(nil), "/", "/t")
	servers(t, other, "/", 2)
	servers(t, other, "/t", 1)
}

// TestFollowLate begins to follow a namespace while the pod reads the stream: what
// the stream holds is told first, then what is new, each once and in order; and
// again when it was removed in the meantime.
func TestFollowLate(t *testing.T) {
	t.Parallel()
	o := redis.Options{URL: rttest.Redis(t)}
	a, _ := follow(t, o, newPeer(nil), "/")
	b, _ := follow(t, o, newPeer(nil), "/", "/late")
	var sent []string
	say := func(by cluster.Backplane, text string) {
		t.Helper()
		sent = append(sent, fmt.Sprintf("[%q]", text))
		record(by, event("/late", sent[len(sent)-1]))
	}
	written := func(by cluster.Backplane) {
		t.Helper()
		wait(t, "all is in the stream", func() bool { return by.Status().Queued == 0 })
	}
	for round := range 3 {
		say(b, fmt.Sprint("old ", round))
		written(b)
		past := len(sent)
		f := new(follower)
		a.(cluster.Journal).Follow("/late", time.Hour, f)
		if err := a.AddNamespace("/late"); err != nil {
			t.Fatal(err)
		}
		for i := range 20 {
			say(b, fmt.Sprint("new ", round, " ", i))
		}
		written(b)
		say(a, fmt.Sprint("own ", round))
		written(a)
		say(b, fmt.Sprint("last ", round))
		wait(t, "the last one", func() bool { return len(f.plain()) >= len(sent) })
		if diff := cmp.Diff(sent, f.plain()); diff != "" {
			t.Errorf("round %d (-want +got):\n%s", round, diff)
		}
		got, _ := f.seen()
		for i, text := range got {
			if i >= past && text[0] == '~' {
				t.Errorf("round %d: %s is told as past", round, text)
			}
		}
		if f.early || f.begun != 1 {
			t.Errorf("round %d: told before it had begun: %v; begun %d times", round, f.early, f.begun)
		}
		a.RemoveNamespace("/late")
	}
}
