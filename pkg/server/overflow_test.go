package server

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// slowStream is a stream whose client takes frames when the test says so.
type slowStream struct {
	t    *testing.T
	conn *Conn
}

func newSlowStream(t *testing.T, s *Server, rooms ...string) *slowStream {
	t.Helper()
	c, err := s.openStream(streamConfig{
		Kind: kindSSE2, Namespace: s.Of(EventsNamespace), Rooms: rooms, Request: httptest.NewRequest(http.MethodGet, "/events", nil),
	})
	if err != nil {
		t.Fatal(err)
	}
	return &slowStream{t, c}
}

// take reads what waits, as "event data".
func (x *slowStream) take() (out []string) {
	x.t.Helper()
	l := x.conn.link
	for {
		l.mu.Lock()
		empty := l.queue.empty()
		l.mu.Unlock()
		if empty {
			return out
		}
		data, frames, bytes, err := l.pull(context.Background(), nil, 1<<20)
		if err != nil {
			x.t.Fatal(err)
		}
		l.pulled(frames, bytes)
		for block := range strings.SplitSeq(strings.TrimSuffix(string(data), "\n\n"), "\n\n") {
			var event, value string
			for line := range strings.SplitSeq(block, "\n") {
				if v, ok := strings.CutPrefix(line, "event: "); ok {
					event = v
				}
				if v, ok := strings.CutPrefix(line, "data: "); ok {
					value = v
				}
			}
			if event != "" {
				out = append(out, event+" "+value)
			}
		}
	}
}

func (x *slowStream) alive() bool { return x.conn.state.Load() == connOpen }

func overflowServer(t *testing.T, o Options) *Server {
	t.Helper()
	o.Logger = slog.New(slog.DiscardHandler)
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Of(EventsNamespace)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
		defer cancel()
		_ = s.Shutdown(ctx) // cuts off the streams that nobody reads
	})
	return s
}

func rule(t *testing.T, text string) OverflowRule {
	t.Helper()
	r, err := ParseOverflow(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestOverflowPolicies(t *testing.T) {
	t.Parallel()
	type tick struct {
		S string `json:"s"`
		N int    `json:"n"`
	}
	for _, tc := range []struct {
		name  string
		rule  string
		send  func(topic, other func(event string, v any))
		want  []string
		ended bool
		stats string // dropped, superseded
	}{
		{
			name: "disconnect", rule: "x=disconnect",
			send: func(topic, _ func(string, any)) {
				for i := range 11 {
					topic("e", i)
				}
			},
			ended: true, stats: "0 0",
		},
		{
			name: "drop oldest", rule: "topic=drop-oldest",
			send: func(topic, _ func(string, any)) {
				for i := range 13 {
					topic("e", i)
				}
			},
			want:  []string{"e 3", "e 4", "e 5", "e 6", "e 7", "e 8", "e 9", "e 10", "e 11", "e 12"},
			stats: "3 0",
		},
		{
			name: "what may not be dropped stays", rule: "topic=drop-oldest",
			send: func(topic, other func(string, any)) {
				other("keep", 1)
				topic("e", 0)
				other("keep", 2)
				for i := range 9 {
					topic("e", i+1)
				}
				other("keep", 3)
			},
			want:  []string{"keep 1", "keep 2", "e 3", "e 4", "e 5", "e 6", "e 7", "e 8", "e 9", "keep 3"},
			stats: "3 0",
		},
		{
			name: "nothing may be dropped", rule: "topic=drop-oldest",
			send: func(topic, other func(string, any)) {
				topic("e", 0)
				for i := range 11 {
					other("keep", i)
				}
			},
			ended: true, stats: "1 0",
		},
		{
			name: "latest", rule: "topic=latest",
			send: func(topic, other func(string, any)) {
				for i := range 100 {
					topic("e", i)
					topic("f", i)
					if i == 50 {
						other("keep", i)
					}
				}
			},
			want:  []string{"keep 50", "e 99", "f 99"},
			stats: "0 198",
		},
		{
			name: "latest by key", rule: "topic=latest:s",
			send: func(topic, _ func(string, any)) {
				for i := range 50 {
					topic("e", tick{[]string{"a", "b", "c"}[i%3], i})
				}
			},
			want:  []string{`e {"s":"c","n":47}`, `e {"s":"a","n":48}`, `e {"s":"b","n":49}`},
			stats: "0 47",
		},
		{
			name: "more keys than the queue takes", rule: "topic=latest:s",
			send: func(topic, _ func(string, any)) {
				for i := range 12 {
					topic("e", tick{fmt.Sprint(i), i})
				}
			},
			want: func() (w []string) {
				for i := 2; i < 12; i++ {
					w = append(w, fmt.Sprintf(`e {"s":"%d","n":%d}`, i, i))
				}
				return w
			}(),
			stats: "2 0",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := overflowServer(t, Options{QueueMessages: 10, Overflow: []OverflowRule{rule(t, tc.rule)}, SSERetry: -1})
			x := newSlowStream(t, s, "topic", "other")
			send := func(topic string) func(string, any) {
				return func(event string, v any) {
					if err := s.Topic(topic).Emit(event, v); err != nil {
						t.Error(err)
					}
				}
			}
			tc.send(send("topic"), send("other"))
			q := s.Stats().Queues
			if got := fmt.Sprint(q.OverflowDropped, q.Superseded); got != tc.stats {
				t.Errorf("dropped and superseded: %s, want %s", got, tc.stats)
			}
			if tc.ended {
				if q.SlowConsumers != 1 {
					t.Errorf("%+v, want the stream ended", q)
				}
				return
			}
			if q.DeepestMessages != int64(len(tc.want)) || q.DeepestBytes != q.Bytes || !x.alive() {
				t.Errorf("depths %+v, want %d messages", q, len(tc.want))
			}
			if diff := cmp.Diff(tc.want, x.take()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if q := s.Stats().Queues; q.Messages != 0 || q.Bytes != 0 {
				t.Errorf("after all was taken: %+v", q)
			}
		})
	}
}

func TestOverflowCoalesce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := overflowServer(t, Options{Overflow: []OverflowRule{rule(t, "pos=coalesce:100ms")}, SSERetry: -1})
		x := newSlowStream(t, s, "pos", "other")
		var got []string
		for i := range 25 { // 10 ms each
			if err := s.Topic("pos").Emit("e", i); err != nil {
				t.Error(err)
			}
			if i == 3 {
				if err := s.Topic("pos").Emit("f", i); err != nil {
					t.Error(err)
				}
				if err := s.Topic("other").Emit("now", i); err != nil {
					t.Error(err)
				}
			}
			synctest.Wait()
			got = append(got, x.take()...)
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(time.Second)
		got = append(got, x.take()...)
		if len(got) != 6 || got[0] != "e 0" || got[1] != "now 3" || got[2] != "f 3" || got[5] != "e 24" {
			t.Errorf("got %v, want the first at once, then the latest of each 100 ms", got)
		}
		synctest.Wait()
		c := &s.Of(EventsNamespace).coalescer
		c.mu.Lock()
		defer c.mu.Unlock()
		if n := len(c.windows); n != 0 {
			t.Errorf("%d windows are open after a second", n)
		}
		if c := s.Stats().Queues.Coalesced; c != 21 {
			t.Errorf("coalesced %d, want 21", c)
		}
	})
}

// TestQueueCut holds cut against a slice.
func TestQueueCut(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var q queue
		var want []*frame
		for range 400 {
			switch rng.IntN(4) {
			case 0, 1:
				f := &frame{wire: []byte{byte(rng.IntN(20))}}
				q.push(f)
				want = append(want, f)
			case 2:
				if len(want) > 0 {
					if got := q.pop(); got != want[0] {
						t.Fatal("pop got another frame")
					}
					want = want[1:]
				}
			default:
				like := &frame{wire: []byte{byte(rng.IntN(20))}}
				same := func(g, f *frame) bool { return g.wire[0] == f.wire[0] }
				i := slices.IndexFunc(want, func(g *frame) bool { return same(g, like) })
				got := q.cut(like, same)
				if i < 0 {
					if got != nil {
						t.Fatal("cut found what isn't there")
					}
					continue
				}
				if got != want[i] {
					t.Fatal("cut took another frame")
				}
				want = slices.Delete(want, i, i+1)
			}
			if q.empty() != (len(want) == 0) {
				t.Fatal("empty is wrong")
			}
		}
		for _, f := range want {
			if q.pop() != f {
				t.Fatal("the rest is out of order")
			}
		}
	}
}
