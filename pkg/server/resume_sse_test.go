package server_test

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/server/history"
	"github.com/realtime-toolkit/rtk/pkg/server/stats"
	"github.com/realtime-toolkit/rtk/pkg/wire/sse"
)

func keepAll() server.Options {
	return server.Options{History: server.HistoryOptions{Rooms: []string{"*"}}}
}

// open follows a stream that goes on after an id.
func (g *sseGateway) open(ctx context.Context, t *testing.T, path, after string) <-chan sse.Message {
	t.Helper()
	if after == "" {
		return g.follow(ctx, t, path)
	}
	return g.follow(ctx, t, path, "Last-Event-ID", after)
}

func (g *sseGateway) publish(t *testing.T, topic, event string, v any) {
	t.Helper()
	if err := g.Topic(topic).Emit(event, v); err != nil {
		t.Fatal(err)
	}
}

// TestSSEResume is a stream of two topics that is cut and comes back.
func TestSSEResume(t *testing.T) {
	t.Parallel()
	eachMode(t, func(t *testing.T, mode string) {
		g := startSSE(t, mode, keepAll())
		ctx, cut := context.WithCancel(t.Context())
		in := g.open(ctx, t, "/events?topic=a&topic=b", "")
		g.publish(t, "a", "x", 1)
		g.publish(t, "b", "x", 2)
		first, second := await(t, in, sse.KindEvent), await(t, in, sse.KindEvent)
		if string(first.Data) != "1" || string(second.Data) != "2" || first.ID == second.ID || first.ID == "" {
			t.Fatalf("got %+v and %+v", first, second)
		}
		cut()
		g.publish(t, "b", "x", 3)
		g.publish(t, "other", "x", "not for us")
		g.publish(t, "a", "y", 4)
		if err := g.Of(server.EventsNamespace).Emit("z", 5); err != nil { // to all
			t.Fatal(err)
		}
		for _, by := range []string{"header", "query"} {
			path, header := "/events?topic=a&topic=b", []string{"Last-Event-ID", first.ID}
			if by == "query" {
				path, header = path+"&lastEventId="+url.QueryEscape(first.ID), nil
			}
			in := g.follow(t.Context(), t, path, header...)
			if err := g.Topic("a").Volatile().Emit("live", by); err != nil { // not kept
				t.Fatal(err)
			}
			var got []string
			for range 5 {
				m := await(t, in, sse.KindEvent)
				got = append(got, m.Type+string(m.Data))
			}
			if diff := cmp.Diff([]string{"x2", "x3", "y4", "z5", `live"` + by + `"`}, got); diff != "" {
				t.Errorf("by %s (-want +got):\n%s", by, diff)
			}
		}
	})
}

// A client that is cut before its first event misses nothing: the stream begins
// with an id.
func TestSSEResumeFromTheBeginning(t *testing.T) {
	t.Parallel()
	g := startSSE(t, "http1", keepAll())
	res := g.get(t.Context(), t, "GET", "/events?topic=a")
	buf := make([]byte, 4096)
	var p sse.Parser
	for p.LastEventID() == "" {
		n, err := res.Body.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Feed(buf[:n], func(*sse.Message) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	res.Body.Close()
	g.publish(t, "a", "x", 1)
	in := g.open(t.Context(), t, "/events?topic=a", p.LastEventID())
	if m := await(t, in, sse.KindEvent); string(m.Data) != "1" {
		t.Errorf("got %+v, want what came in between", m)
	}
}

func TestSSEGap(t *testing.T) {
	t.Parallel()
	opts := server.Options{
		QueueMessages: 40,
		History:       server.HistoryOptions{Rooms: []string{"kept*", "long"}, Limits: history.Limits{Count: 3}},
	}
	type told struct {
		Reason string   `json:"reason"`
		Topics []string `json:"topics"`
	}
	g := startSSE(t, "http1", opts)
	in := g.open(t.Context(), t, "/events?topic=kept1", "")
	g.publish(t, "kept1", "x", 0)
	first := await(t, in, sse.KindEvent)
	for i := range 5 {
		g.publish(t, "kept1", "x", i+1)
	}
	for _, tc := range []struct {
		name, after, topics string
		gaps                []told
		events              []string
	}{
		{"expired", first.ID, "topic=kept1", []told{{"expired", []string{"kept1"}}}, []string{"3", "4", "5"}},
		{"only one of two", first.ID, "topic=kept1&topic=kept2", []told{{"expired", []string{"kept1"}}}, []string{"4", "5", `"expired"`}},
		{"other topic", first.ID, "topic=kept2", nil, nil},
		{"another pod", "BAgICAgIBQ", "topic=kept1", []told{{"epoch", []string{"kept1"}}}, nil},
		{"no cursor", "17", "topic=kept1", []told{{"invalid", []string{"kept1"}}}, nil},
		{"the future", first.ID[:8] + "AP__", "topic=kept1", []told{{"invalid", []string{"kept1"}}}, nil},
		{"not kept", first.ID, "topic=loose&topic=kept2", []told{{"no_history", []string{"loose"}}}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in := g.open(t.Context(), t, "/events?"+tc.topics, tc.after)
			for _, want := range tc.gaps {
				m := await(t, in, sse.KindEvent)
				var got told
				if m.Type != "gap" || json.Unmarshal(m.Data, &got) != nil || m.ID == "" {
					t.Fatalf("got %+v %s, want a gap with an id", m, m.Data)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("(-want +got):\n%s", diff)
				}
			}
			for _, want := range tc.events {
				if m := await(t, in, sse.KindEvent); string(m.Data) != want {
					t.Fatalf("got %s %s, want %s", m.Type, m.Data, want)
				}
			}
			topic, _ := url.ParseQuery(tc.topics)
			g.publish(t, topic.Get("topic"), "live", tc.name)
			if m := await(t, in, sse.KindEvent); m.Type != "live" {
				t.Errorf("got %s %s, want the live event and no gap", m.Type, m.Data)
			}
		})
	}
}

// TestSSEResumeUnderLoad: publishers that don't wait for each other, streams
// that are cut at any moment and come back with what they saw last. Each gets
// everything once, in the order of each publisher.
func TestSSEResumeUnderLoad(t *testing.T) {
	t.Parallel()
	opts := keepAll()
	opts.History.Limits.Count = 100_000
	opts.History.Limits.Bytes = 100 << 20
	opts.QueueMessages = 100_000
	opts.QueueBytes = 100 << 20
	g := startSSE(t, "http1", opts)
	const publishers, each, streams = 3, 2000, 4
	topics := []string{"a", "b", "c"}
	var wg sync.WaitGroup
	for p := range publishers {
		wg.Go(func() {
			for i := range each {
				e := g.Topic(topics[i%3])
				if i%5 == 0 {
					e = e.To(topics[(i+1)%3]) // in both, delivered once
				}
				if err := e.Emit("n", [2]int{p, i}); err != nil {
					t.Error(err)
				}
				if i%100 == 99 {
					time.Sleep(time.Millisecond)
				}
			}
		})
	}
	for s := range streams {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(s), 7))
			after, next, cuts := "", [publishers]int{}, 0
			deadline := time.Now().Add(30 * time.Second)
			for next != [publishers]int{each, each, each} {
				if time.Now().After(deadline) {
					t.Errorf("stream %d: got up to %v only, after %d cuts", s, next, cuts)
					return
				}
				ctx, cut := context.WithCancel(t.Context())
				in := g.open(ctx, t, "/events?topic=a&topic=b&topic=c", after)
				for left := 1 + rng.IntN(600); left > 0 && next != [publishers]int{each, each, each}; left-- {
					var m sse.Message
					select {
					case m = <-in:
					case <-time.After(10 * time.Second):
						t.Errorf("stream %d: nothing more after %v", s, next)
						cut()
						return
					}
					if m.Kind != sse.KindEvent {
						continue
					}
					var n [2]int
					if m.Type != "n" || json.Unmarshal(m.Data, &n) != nil {
						t.Errorf("stream %d: got %s %s", s, m.Type, m.Data)
						cut()
						return
					}
					if after == "" { // before it was there
						for i := range next {
							next[i] = -1
						}
					}
					if want := next[n[0]]; want >= 0 && n[1] != want {
						t.Errorf("stream %d: publisher %d: got %d, want %d (after %d cuts)", s, n[0], n[1], want, cuts)
						cut()
						return
					}
					next[n[0]] = n[1] + 1
					after = m.ID
				}
				cut()
				cuts++
			}
			if cuts < 3 {
				t.Errorf("stream %d was cut %d times only", s, cuts)
			}
		})
	}
	wg.Wait()
}

// Broadcasts of other pods are kept on each pod, also for rooms that nobody on it
// is in; a cursor of another pod is answered with a gap.
func TestSSEResumeAcrossPods(t *testing.T) {
	t.Parallel()
	hub := cluster.NewHub()
	pod := func() *sseGateway {
		o := keepAll()
		o.Backplane = hub.Backplane()
		return startSSE(t, "http1", o)
	}
	a, b := pod(), pod()
	ctx, cut := context.WithCancel(t.Context())
	in := a.open(ctx, t, "/events?topic=t", "")
	b.publish(t, "t", "x", 1)
	first := await(t, in, sse.KindEvent)
	cut()
	a.eventually(t, "the stream has ended", func(p stats.Pod) bool { return p.Clients.SSE == 0 })
	b.publish(t, "t", "x", 2)
	a.eventually(t, "the message has come", func(p stats.Pod) bool { return p.History.Messages == 2 })
	if m := await(t, a.open(t.Context(), t, "/events?topic=t", first.ID), sse.KindEvent); string(m.Data) != "2" {
		t.Errorf("on the same pod: got %s %s, want 2", m.Type, m.Data)
	}
	if m := await(t, b.open(t.Context(), t, "/events?topic=t", first.ID), sse.KindEvent); m.Type != "gap" {
		t.Errorf("on the other pod: got %s %s, want a gap", m.Type, m.Data)
	}
	if h := b.Stats().History; h.Gaps != 1 || h.Resumed != 1 {
		t.Errorf("statistics %+v, want one resumed with a gap", h)
	}
}
