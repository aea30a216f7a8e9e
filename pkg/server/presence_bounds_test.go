package server

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
)

// presenceAlone returns a server with presence, and views of other pods that belong
// to the test, not to the goroutine of the hub.
func presenceAlone(t *testing.T) (*Server, *podViews) {
	t.Helper()
	s, err := New(Options{
		Presence: []PresenceRule{{Rooms: "*"}}, Backplane: cluster.NewHub().Backplane(), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Shutdown(context.Background()) })
	s.Of("/")
	return s, &podViews{hub: s.presence, pods: make(map[string]*podView)}
}

func podText(kind string, part, parts int, changes ...podChange) json.RawMessage {
	text, err := json.Marshal(podMessage{Kind: kind, Pod: "q", Seq: 1, Part: part, Parts: parts, Changes: changes})
	if err != nil {
		panic(err)
	}
	return text
}

func aMember(i int) podChange {
	return podChange{Op: opJoin, Namespace: "/", Room: "r", Conn: fmt.Sprint("c", i), ID: "1"}
}

// What makes no sense is counted and takes no place, whatever it comes in.
func TestPresenceIgnored(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 1000)
	with := func(edit func(ch *podChange)) podChange {
		ch := aMember(1)
		edit(&ch)
		return ch
	}
	bad := []podChange{
		with(func(ch *podChange) { ch.Op = 1 }),
		with(func(ch *podChange) { ch.Namespace += long }),
		with(func(ch *podChange) { ch.Room = long }),
		with(func(ch *podChange) { ch.Conn = "" }),
		with(func(ch *podChange) { ch.Conn = long }),
		with(func(ch *podChange) { ch.ID = "" }),
		with(func(ch *podChange) { ch.ID = long }),
		with(func(ch *podChange) { ch.User = long }),
		with(func(ch *podChange) { ch.Owner = long }),
		with(func(ch *podChange) { ch.FromPod = long }),
		with(func(ch *podChange) { ch.FromConn = long }),
		with(func(ch *podChange) { ch.Op, ch.Room = opLeave, long }),
	}
	s, v := presenceAlone(t)
	v.handle(podText(podAll, 0, 2, append(bad, aMember(2))...))
	v.handle(podText(podChanges, 0, 0, append(bad, aMember(3))...))
	pod := v.pods["q"]
	if len(pod.collected) != 1 || len(pod.changed) != 1 || len(pod.members) != 1 || v.held != 2 {
		t.Errorf("%d collected, %d changed, %d members, %d held; want 1, 1, 1, 2", len(pod.collected), len(pod.changed), len(pod.members), v.held)
	}
	for _, text := range []string{`1`, `"x"`, `{}`, `{"k":"beat","p":"` + long + `"}`} {
		v.handle(json.RawMessage(text))
	}
	if n := int(v.ignored.Load()); n != 2*len(bad)+4 {
		t.Errorf("%d ignored, want %d", n, 2*len(bad)+4)
	}
	s.presence.views.ignored.Store(7)
	if b := s.Stats().Backplane; b.Ignored != 7 {
		t.Errorf("stats %+v, want 7 ignored", b)
	}
}

// What is held while pods send all of their members is bounded, over all pods; the
// one that goes over it is asked again.
func TestPresenceHeldBounded(t *testing.T) {
	t.Parallel()
	for name, last := range map[string]json.RawMessage{
		"part": podText(podAll, 1, 3, aMember(3), aMember(4)), "change": podText(podChanges, 0, 0, aMember(3), aMember(4)),
	} {
		_, v := presenceAlone(t)
		others := maxPresenceHeld - 3
		v.held = others
		v.handle(podText(podAll, 0, 3, aMember(1), aMember(2)))
		pod := v.pods["q"]
		if len(pod.collected) != 2 || pod.stale || v.dropped.Load() != 0 {
			t.Fatalf("%s: %+v before, %d dropped", name, pod, v.dropped.Load())
		}
		v.handle(last)
		if pod.collected != nil || pod.changed != nil || !pod.stale || v.held != others || v.dropped.Load() == 0 {
			t.Errorf("%s: %+v after, %d held of others' %d, %d dropped", name, pod, v.held, others, v.dropped.Load())
		}
		// Whatever ends it, nothing is held of it.
		v.held = 0
		v.handle(podText(podAll, 0, 2, aMember(1)))
		v.handle(podText(podAll, 0, 2, aMember(1), aMember(2)))
		v.handle(podText(podChanges, 0, 0, aMember(3)))
		if v.held != 3 {
			t.Errorf("%s: %d held, want 3", name, v.held)
		}
		v.handle(podText(podAll, 1, 2))
		if v.held != 0 || len(pod.members) != 3 {
			t.Errorf("%s: %d held at the end, %d members; want 0, 3", name, v.held, len(pod.members))
		}
		v.handle(podText(podAll, 0, 2, aMember(1)))
		v.drop(pod, false)
		if v.held != 0 || v.members.Load() != 0 {
			t.Errorf("%s: %d held of a pod that is gone, %d members", name, v.held, v.members.Load())
		}
	}
}

// What waits of the other pods is bounded in bytes.
func TestPresenceInboxBytes(t *testing.T) {
	t.Parallel()
	s, _ := presenceAlone(t)
	lone, err := New(Options{Presence: []PresenceRule{{Rooms: "*"}}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lone.Shutdown(context.Background()) })
	h := &presenceHub{srv: lone, inbox: make(chan json.RawMessage, presenceInbox)}
	m := make(json.RawMessage, 1<<20)
	for range presenceInboxBytes>>20 + 5 {
		h.receive(m)
	}
	if n := len(h.inbox); n != presenceInboxBytes>>20 || h.inboxBytes.Load() != presenceInboxBytes || h.overrun.Load() != 5 || !h.lost.Load() {
		t.Errorf("%d messages wait with %d bytes, %d did not fit", n, h.inboxBytes.Load(), h.overrun.Load())
	}
	s.presence.overrun.Store(5)
	if b := s.Stats().Backplane; b.Overrun != 5 {
		t.Errorf("stats %+v, want 5 overrun", b)
	}
	// What is taken out makes room.
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { h.run(stop) })
	for deadline := time.Now().Add(20 * time.Second); h.inboxBytes.Load() != 0 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	close(stop)
	wg.Wait()
	if n := h.inboxBytes.Load(); n != 0 || h.views.ignored.Load() != presenceInboxBytes>>20 {
		t.Errorf("%d bytes wait at the end, %d messages were handled", n, h.views.ignored.Load())
	}
}
