package server_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
)

// TestServerSideEmit sends events to the other pods, in order; clients and the
// own pod don't get them.
func TestServerSideEmit(t *testing.T) {
	t.Parallel()
	got := [3]chan string{make(chan string, 300), make(chan string, 300), make(chan string, 300)}
	gs := hubPods(t, 3, server.Options{}, func(pod int, s *server.Server) {
		s.Of("/").OnServerSideEmit("tick", func(_ context.Context, e *server.ServerSideEvent) (server.Reply, error) {
			got[pod] <- fmt.Sprintf("%s %s %s %v", e.Name, e.Args, e.Attachments, e.WantsAck)
			return server.Reply{Args: []byte(`"for nobody"`)}, nil
		})
	})
	c := gs[1].joined(t, "/")
	n := gs[0].Of("/")
	for i := range 100 {
		if err := n.ServerSideEmit("unknown", i); err != nil {
			t.Fatal(err)
		}
		if err := n.ServerSideEmit("tick", i, []byte("bin")); err != nil {
			t.Fatal(err)
		}
	}
	for _, pod := range []int{1, 2} {
		for i := range 100 {
			want := fmt.Sprintf(`tick %d,{"_placeholder":true,"num":0} [bin] false`, i)
			if m := <-got[pod]; m != want {
				t.Fatalf("pod %d got %s, want %s", pod, m, want)
			}
		}
	}
	_ = n.Emit("end")
	c.is(`42["end"]`)
	if len(got[0]) > 0 {
		t.Errorf("the own pod got %s", <-got[0])
	}
}

func TestServerSideEmitAck(t *testing.T) {
	t.Parallel()
	gs := hubPods(t, 3, server.Options{}, func(pod int, s *server.Server) {
		on := func(event string, fn func() (server.Reply, error)) {
			s.Of("/").OnServerSideEmit(event, func(context.Context, *server.ServerSideEvent) (server.Reply, error) { return fn() })
		}
		on("ask", func() (server.Reply, error) { return server.Reply{Args: fmt.Appendf(nil, `%d,"more"`, pod)}, nil })
		on("nothing", func() (server.Reply, error) { return server.Reply{}, nil })
		on("refuse", func() (server.Reply, error) { return server.Reply{}, server.Errorf("no", "not now") })
		on("fail", func() (server.Reply, error) { return server.Reply{}, errors.New("s3cret") })
		on("panic", func() (server.Reply, error) { panic("s3cret") })
		on("silent", func() (server.Reply, error) { return server.Reply{None: pod == 1, Args: []byte("true")}, nil })
	})
	n := gs[0].Of("/")
	const internal = `{"ok":false,"error":{"code":"internal","message":"Internal server error"}}`
	for _, tc := range []struct {
		event string
		want  []string
		err   error
	}{
		{"ask", []string{"1", "2"}, nil},
		{"nothing", []string{"null", "null"}, nil},
		{"refuse", []string{`{"ok":false,"error":{"code":"no","message":"not now"}}`, `{"ok":false,"error":{"code":"no","message":"not now"}}`}, nil},
		{"fail", []string{internal, internal}, nil},
		{"panic", []string{internal, internal}, nil},
		{"silent", []string{"true"}, cluster.ErrPartial},
		{"unknown", nil, cluster.ErrPartial},
	} {
		ctx, cancel := t.Context(), context.CancelFunc(func() {})
		if tc.err != nil {
			ctx, cancel = context.WithTimeout(ctx, 300*time.Millisecond)
		}
		replies, err := n.ServerSideEmitAck(ctx, tc.event, 1)
		cancel()
		if !errors.Is(err, tc.err) {
			t.Errorf("%s: error %v, want %v", tc.event, err, tc.err)
		}
		if diff := cmp.Diff(tc.want, texts(replies)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.event, diff)
		}
	}
}

// TestServerSideReserved are the names that Node refuses, and one that only
// clients may not use.
func TestServerSideReserved(t *testing.T) {
	t.Parallel()
	n := hubPods(t, 1, server.Options{}, nil)[0].Of("/")
	for _, event := range []string{"connect", "connection", "new_namespace"} {
		if err := n.ServerSideEmit(event); !errors.Is(err, server.ErrReservedEvent) {
			t.Errorf("%s: %v, want ErrReservedEvent", event, err)
		}
		if _, err := n.ServerSideEmitAck(t.Context(), event); !errors.Is(err, server.ErrReservedEvent) {
			t.Errorf("%s: %v, want ErrReservedEvent", event, err)
		}
	}
	if err := n.ServerSideEmit("disconnect"); err != nil {
		t.Errorf("disconnect: %v", err)
	}
	if err := n.ServerSideEmit("x", func() {}); err == nil {
		t.Error("an argument that is no JSON passed")
	}
	if replies, err := n.ServerSideEmitAck(t.Context(), "alone"); err != nil || len(replies) != 0 {
		t.Errorf("without other pods: %v, %v", replies, err)
	}
}

// TestServerSideEmitOfFamily sends to the namespaces of a family, whose handlers
// are the family's.
func TestServerSideEmitOfFamily(t *testing.T) {
	t.Parallel()
	got := make(chan string, 4)
	var families [2]*server.Namespace
	gs := hubPods(t, 2, server.Options{}, func(pod int, s *server.Server) {
		families[pod] = s.OfFunc(func(name string, _ []byte) bool { return name == "/t-1" || name == "/t-2" })
		families[pod].OnServerSideEmit("tick", func(_ context.Context, e *server.ServerSideEvent) (server.Reply, error) {
			got <- string(e.Args)
			return server.Reply{}, nil
		})
	})
	gs[0].joined(t, "/t-1")
	gs[1].joined(t, "/t-1")
	gs[1].joined(t, "/t-2") // of which pod 0 knows nothing
	if err := families[0].ServerSideEmit("tick", 1); err != nil {
		t.Fatal(err)
	}
	if err := families[1].ServerSideEmit("tick", 2); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for range 2 {
		seen[<-got]++
	}
	if diff := cmp.Diff(map[string]int{"1": 1, "2": 1}, seen); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if _, err := families[0].ServerSideEmitAck(t.Context(), "tick"); !errors.Is(err, server.ErrFamily) {
		t.Errorf("ServerSideEmitAck of a family: %v, want ErrFamily", err)
	}
}
