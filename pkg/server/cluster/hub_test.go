package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
)

// sink records what is delivered to a pod with the given rooms.
type sink struct {
	rooms []string

	mu  sync.Mutex
	got []string
}

func (*sink) Execute(*cluster.Command) {}

func (*sink) Answer(*cluster.Query, func(*cluster.Answer)) {}

func (s *sink) HasRoom(_, room string) bool { return slices.Contains(s.rooms, room) }

func (s *sink) Deliver(b *cluster.Broadcast) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, b.Namespace+string(b.Args))
}

func (s *sink) delivered() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got
}

// join starts a pod on the hub.
func join(t *testing.T, h *cluster.Hub, s cluster.Sink, namespaces ...string) cluster.Backplane {
	t.Helper()
	b := h.Backplane()
	for _, ns := range namespaces {
		if err := b.AddNamespace(ns); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Start(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close(context.Background()) })
	return b
}

func event(ns, args string, rooms ...string) *cluster.Broadcast {
	return &cluster.Broadcast{Namespace: ns, Rooms: rooms, Args: []byte(args)}
}

func TestHub(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := cluster.NewHub()
		here, there, other := &sink{rooms: []string{"r1"}}, &sink{rooms: []string{"r1"}}, &sink{}
		a := join(t, h, here, "/")
		b := join(t, h, there, "/")
		c := join(t, h, other, "/chat")

		a.Publish(event("/", `["all"]`))
		a.Publish(event("/", `["room"]`, "r1"))
		a.Publish(event("/", `["unknown room"]`, "r2"))
		a.Publish(event("/", `["rooms"]`, "r2", "r1"))
		a.Publish(event("/chat", `["chat"]`))
		synctest.Wait()

		if diff := cmp.Diff([]string{`/["all"]`, `/["room"]`, `/["rooms"]`}, there.delivered()); diff != "" {
			t.Errorf("other pod (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{`/chat["chat"]`}, other.delivered()); diff != "" {
			t.Errorf("pod of another namespace (-want +got):\n%s", diff)
		}
		if got := here.delivered(); got != nil {
			t.Errorf("publisher got its own %v", got)
		}
		if s := a.Status(); s.Kind != "memory" || !s.Connected || s.Degraded || s.Published != 5 {
			t.Errorf("publisher's status %+v", s)
		}
		if s := b.Status(); s.Received != 3 || s.Overrun != 0 {
			t.Errorf("receiver's status %+v", s)
		}

		if err := c.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		a.Publish(event("/chat", `["too late"]`))
		synctest.Wait()
		if n := len(other.delivered()); n != 1 {
			t.Errorf("a closed pod got %d messages, want 1", n)
		}
		if s := c.Status(); s.Connected || !s.Degraded || s.Reason == "" {
			t.Errorf("closed pod's status %+v", s)
		}
	})
}

func TestHubOrder(t *testing.T) {
	t.Parallel()
	h := cluster.NewHub()
	there := &sink{}
	a, b := join(t, h, &sink{}, "/"), join(t, h, there, "/")
	const n = 10_000
	for i := range n {
		a.Publish(event("/", fmt.Sprintf("[%q,%d]", "n", i)))
	}
	for b.Status().Received < n {
		if b.Status().Overrun > 0 {
			t.Fatal("overrun")
		}
	}
	if err := b.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, got := range there.delivered() {
		if want := fmt.Sprintf("/[%q,%d]", "n", i); got != want {
			t.Fatalf("message %d is %s, want %s", i, got, want)
		}
	}
}

// TestHubCrossing has pods publish to each other while each delivers under a
// lock that it also publishes under, as a gateway's rooms do.
func TestHubCrossing(t *testing.T) {
	t.Parallel()
	h := cluster.NewHub()
	a, b := &locked{}, &locked{}
	pa, pb := h.Backplane(), h.Backplane()
	for pod, s := range map[cluster.Backplane]*locked{pa: a, pb: b} {
		if err := errors.Join(pod.AddNamespace("/"), pod.Start(t.Context(), s)); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	for pod, s := range map[cluster.Backplane]*locked{pa: a, pb: b} {
		wg.Go(func() {
			for range 1000 {
				s.mu.Lock()
				pod.Publish(event("/", `["x"]`))
				s.mu.Unlock()
			}
		})
	}
	wg.Wait()
	for _, pod := range []cluster.Backplane{pa, pb} {
		if err := pod.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

type locked struct{ mu sync.Mutex }

func (*locked) Execute(*cluster.Command) {}

func (*locked) Answer(*cluster.Query, func(*cluster.Answer)) {}

func (*locked) HasRoom(_, _ string) bool { return true }

func (l *locked) Deliver(*cluster.Broadcast) {
	l.mu.Lock()
	defer l.mu.Unlock()
}

func TestHubMisuse(t *testing.T) {
	t.Parallel()
	h := cluster.NewHub()
	b := join(t, h, &sink{})
	if err := b.Start(t.Context(), &sink{}); !errors.Is(err, cluster.ErrStarted) {
		t.Errorf("second Start: %v, want ErrStarted", err)
	}
	for range 2 {
		if err := b.Close(t.Context()); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	if err := b.Start(t.Context(), &sink{}); !errors.Is(err, cluster.ErrClosed) {
		t.Errorf("Start after Close: %v, want ErrClosed", err)
	}
	if err := b.AddNamespace("/"); !errors.Is(err, cluster.ErrClosed) {
		t.Errorf("AddNamespace after Close: %v, want ErrClosed", err)
	}
	if err := h.Backplane().Close(t.Context()); err != nil {
		t.Errorf("Close before Start: %v", err)
	}
}
