package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
)

// pod records what it is told, and answers questions by answer.
type pod struct {
	sink
	answer func(q *cluster.Query, reply func(*cluster.Answer))
}

func (p *pod) note(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.got = append(p.got, what)
}

func (p *pod) Execute(c *cluster.Command) { p.note(fmt.Sprint(c.Op, " ", c.Targets)) }

func (p *pod) Answer(q *cluster.Query, reply func(*cluster.Answer)) {
	p.note(fmt.Sprint(q.Op, " ", string(q.Args)))
	if p.answer != nil {
		p.answer(q, reply)
	}
}

// TestHubCommands is that a pod is told everything in the order of who tells.
func TestHubCommands(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := cluster.NewHub()
		here, there, other := &pod{}, &pod{}, &pod{}
		a := join(t, h, here, "/")
		join(t, h, there, "/")
		join(t, h, other, "/chat")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()

		a.Publish(event("/", `["1"]`))
		a.Send(&cluster.Command{Op: cluster.OpJoin, Namespace: "/", Targets: []string{"2"}})
		_ = a.Ask(ctx, &cluster.Query{Op: cluster.OpServerSideEmit, Namespace: "/", Args: []byte(`["3"]`)}, nil)
		a.Publish(event("/", `["4"]`))
		a.Send(&cluster.Command{Op: cluster.OpLeave, Namespace: "/", Targets: []string{"5"}})
		synctest.Wait()

		want := []string{`/["1"]`, "socketsJoin [2]", `serverSideEmit ["3"]`, `/["4"]`, "socketsLeave [5]"}
		if diff := cmp.Diff(want, there.delivered()); diff != "" {
			t.Errorf("the other pod (-want +got):\n%s", diff)
		}
		if here.delivered() != nil || other.delivered() != nil {
			t.Errorf("the pod itself got %q, that of another namespace %q", here.delivered(), other.delivered())
		}
		if s := a.Status(); s.Published != 5 {
			t.Errorf("published %d, want 5", s.Published)
		}
	})
}

// TestHubAsk asks two pods that answer in all ways.
func TestHubAsk(t *testing.T) {
	t.Parallel()
	rooms := func(names ...string) *cluster.Answer { return &cluster.Answer{Rooms: names} }
	clients := func(n int) *cluster.Answer { return &cluster.Answer{Clients: n} }
	ack := func(text string) *cluster.Answer { return &cluster.Answer{Args: []byte(text)} }
	for _, tc := range []struct {
		name     string
		op       cluster.Op
		one, two []*cluster.Answer
		want     int // answers that count
		err      error
	}{
		{"both answer", cluster.OpAllRooms, []*cluster.Answer{rooms("a")}, []*cluster.Answer{rooms()}, 2, nil},
		{"one is silent", cluster.OpAllRooms, []*cluster.Answer{rooms("a")}, nil, 1, cluster.ErrPartial},
		{"both are silent", cluster.OpServerSideEmit, nil, nil, 0, cluster.ErrPartial},
		{"one answers twice", cluster.OpAllRooms, []*cluster.Answer{rooms("a"), rooms("b")}, []*cluster.Answer{rooms()}, 2, nil},
		{"an answer of a pod", cluster.OpServerSideEmit, []*cluster.Answer{ack("1")}, []*cluster.Answer{ack("2")}, 2, nil},
		{"no clients", cluster.OpBroadcastAck, []*cluster.Answer{clients(0)}, []*cluster.Answer{clients(0)}, 2, nil},
		{"all acknowledge", cluster.OpBroadcastAck, []*cluster.Answer{clients(2), ack("1"), ack("2")}, []*cluster.Answer{clients(1), ack("3")}, 5, nil},
		{"one doesn't", cluster.OpBroadcastAck, []*cluster.Answer{clients(2), ack("1")}, []*cluster.Answer{clients(1), ack("3")}, 4, cluster.ErrPartial},
		{"more than announced", cluster.OpBroadcastAck, []*cluster.Answer{clients(1), ack("1"), ack("2"), clients(5)}, []*cluster.Answer{clients(0), ack("3")}, 3, nil},
		{"not announced", cluster.OpBroadcastAck, []*cluster.Answer{ack("1")}, []*cluster.Answer{clients(0)}, 1, cluster.ErrPartial},
		{"a negative number", cluster.OpBroadcastAck, []*cluster.Answer{clients(-1)}, []*cluster.Answer{clients(0)}, 2, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := cluster.NewHub()
				asker := join(t, h, &pod{}, "/")
				late := make(chan func(*cluster.Answer), 2)
				for _, answers := range [][]*cluster.Answer{tc.one, tc.two} {
					join(t, h, &pod{answer: func(_ *cluster.Query, reply func(*cluster.Answer)) {
						for _, a := range answers {
							reply(a)
						}
						late <- reply
					}}, "/")
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				began, got := time.Now(), 0
				err := asker.Ask(ctx, &cluster.Query{Op: tc.op, Namespace: "/"}, func(*cluster.Answer) { got++ })
				if got != tc.want || !errors.Is(err, tc.err) {
					t.Errorf("%d answers, error %v, want %d and %v", got, err, tc.want, tc.err)
				}
				took, want := time.Since(began), time.Duration(0)
				if tc.err != nil {
					want = time.Minute
				}
				if took != want {
					t.Errorf("took %v, want %v", took, want)
				}
				synctest.Wait()
				for range 2 {
					(<-late)(ack("late"))
				}
				synctest.Wait()
				if got != tc.want {
					t.Error("an answer came after the end")
				}
			})
		})
	}
}

// TestHubAskMany has many answers come in from many goroutines.
func TestHubAskMany(t *testing.T) {
	t.Parallel()
	const pods, clients = 5, 1000
	h := cluster.NewHub()
	asker := join(t, h, &pod{}, "/")
	var wg sync.WaitGroup
	for range pods {
		join(t, h, &pod{answer: func(_ *cluster.Query, reply func(*cluster.Answer)) {
			reply(&cluster.Answer{Clients: clients})
			for range clients {
				wg.Go(func() { reply(&cluster.Answer{Args: []byte("1")}) })
			}
		}}, "/")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	asked, acks := 0, 0
	err := asker.Ask(ctx, &cluster.Query{Op: cluster.OpBroadcastAck, Namespace: "/"}, func(a *cluster.Answer) {
		if a.Args == nil {
			asked += a.Clients
		} else {
			acks++
		}
	})
	if err != nil || asked != pods*clients || acks != pods*clients {
		t.Errorf("%d of %d, %v", acks, asked, err)
	}
	wg.Wait()
}

func TestHubAskMisuse(t *testing.T) {
	t.Parallel()
	h := cluster.NewHub()
	q := &cluster.Query{Op: cluster.OpAllRooms, Namespace: "/"}
	if err := h.Backplane().Ask(t.Context(), q, nil); !errors.Is(err, cluster.ErrNotStarted) {
		t.Errorf("before Start: %v, want ErrNotStarted", err)
	}
	asker := join(t, h, &pod{}, "/")
	if err := asker.Ask(t.Context(), q, nil); err != nil {
		t.Errorf("alone: %v", err)
	}
	asked := make(chan struct{})
	join(t, h, &pod{answer: func(*cluster.Query, func(*cluster.Answer)) { close(asked) }}, "/")
	go func() {
		<-asked
		_ = asker.Close(context.Background())
	}()
	if err := asker.Ask(t.Context(), q, nil); !errors.Is(err, cluster.ErrClosed) {
		t.Errorf("closed meanwhile: %v, want ErrClosed", err)
	}
	if err := asker.Ask(t.Context(), q, nil); !errors.Is(err, cluster.ErrClosed) {
		t.Errorf("after Close: %v, want ErrClosed", err)
	}
}

func TestHubServers(t *testing.T) {
	t.Parallel()
	h := cluster.NewHub()
	a := join(t, h, &pod{}, "/", "/chat")
	b := join(t, h, &pod{}, "/")
	join(t, h, &pod{}, "/")
	count := func(b cluster.Backplane, namespace string, want int) {
		t.Helper()
		if n, err := b.Servers(t.Context(), namespace); n != want || err != nil {
			t.Errorf("%d servers of %s, %v, want %d", n, namespace, err, want)
		}
	}
	count(a, "/", 3)
	count(a, "/chat", 1)
	count(b, "/chat", 2) // it counts itself wherever it asks
	_ = b.Close(t.Context())
	count(a, "/", 2)
}
