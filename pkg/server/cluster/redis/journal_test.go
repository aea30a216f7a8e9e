package redis_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/internal/rttest"
	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster/redis"
	"github.com/realtime-toolkit/rtk/pkg/wire/sse"
)

// gateway is a server whose topics keep history in the stream.
type gateway struct {
	*server.Server
	url string
}

func serveEvents(t *testing.T, redisURL string) *gateway {
	t.Helper()
	b, err := redis.New(redis.Options{URL: redisURL, Adapter: redis.Streams})
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.New(server.Options{Backplane: b, History: server.HistoryOptions{Rooms: []string{"kept*"}}})
	if err != nil {
		t.Fatal(err)
	}
	s.Of(server.EventsNamespace)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(s)
	t.Cleanup(func() {
		web.CloseClientConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		_ = s.Shutdown(ctx)
		web.Close()
	})
	return &gateway{s, web.URL}
}

func (g *gateway) publish(t *testing.T, topic string, v any) {
	t.Helper()
	if err := g.Topic(topic).Emit("n", v); err != nil {
		t.Fatal(err)
	}
}

// events is an open stream; cut ends it.
type events struct {
	in   chan sse.Message
	cut  context.CancelFunc
	last string // id
}

func (g *gateway) open(t *testing.T, topic, after string) *events {
	t.Helper()
	ctx, cut := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, g.url+"/events?topic="+topic, nil)
	if err != nil {
		t.Fatal(err)
	}
	if after != "" {
		r.Header.Set("Last-Event-ID", after)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %v %v", r.URL, res, err)
	}
	e := &events{in: make(chan sse.Message, 10_000), cut: cut}
	go func() {
		defer close(e.in)
		defer res.Body.Close()
		var p sse.Parser
		buf := make([]byte, 4096)
		for {
			n, err := res.Body.Read(buf)
			if err != nil {
				return
			}
			_ = p.Feed(buf[:n], func(m *sse.Message) error {
				if m.Kind == sse.KindEvent {
					c := *m
					c.Data = append([]byte(nil), m.Data...)
					e.in <- c
				}
				return nil
			})
		}
	}()
	t.Cleanup(cut)
	return e
}

// next returns the data of n events.
func (e *events) next(t *testing.T, n int) (data []string) {
	t.Helper()
	for len(data) < n {
		select {
		case m, ok := <-e.in:
			if !ok {
				t.Fatalf("the stream has ended after %v", data)
			}
			e.last = m.ID
			if m.Type == "gap" {
				m.Data = append([]byte("gap "), m.Data...)
			}
			data = append(data, string(m.Data))
		case <-time.After(15 * time.Second):
			t.Fatalf("nothing more in 15 s after %v, want %d", data, n)
		}
	}
	return data
}

func want(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// TestJournalEvents moves an event stream and a poll to another pod.
func TestJournalEvents(t *testing.T) {
	t.Parallel()
	r := rttest.NewRedisServer(t)
	a, b := serveEvents(t, r.URL()), serveEvents(t, r.URL())
	e := a.open(t, "kept1", "")
	a.publish(t, "kept1", 1)
	b.publish(t, "kept1", 2)
	if got := e.next(t, 2); len(got) != 2 {
		t.Fatal(got)
	}
	if strings.Contains(e.last, ".") || !strings.Contains(e.last, "-") {
		t.Errorf("cursor %q is not the id of an entry", e.last)
	}
	e.cut()
	for i := range 20 {
		[]*gateway{a, b}[i%2].publish(t, "kept1", 10+i)
		a.publish(t, "kept2", "of another topic")
	}
	again := b.open(t, "kept1", e.last)
	b.publish(t, "kept1", "live")
	got := again.next(t, 21)
	seen := make(map[string]int)
	for _, d := range got {
		seen[d]++
	}
	for i := range 20 {
		if seen[fmt.Sprint(10+i)] != 1 {
			t.Errorf("%d came %d times", 10+i, seen[fmt.Sprint(10+i)])
		}
	}
	c := serveEvents(t, r.URL()) // a pod that begins now
	want(t, "on a new pod", c.open(t, "kept1", e.last).next(t, 21), got...)

	res, err := http.Get(c.url + "/poll?topic=kept1&limit=5&since=" + e.last)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var page struct {
		Events []struct {
			ID   string
			Data json.RawMessage
		}
		Gaps []any
	}
	if err := json.NewDecoder(res.Body).Decode(&page); err != nil || len(page.Events) != 5 || len(page.Gaps) > 0 {
		t.Fatalf("%v %+v", err, page)
	}
	want(t, "on from a poll", b.open(t, "kept1", page.Events[4].ID).next(t, 16), got[5:]...)
	want(t, "from before the stream", b.open(t, "kept1", "9999999999999-0").next(t, 1), `gap {"reason":"invalid","topics":["kept1"]}`)
	want(t, "with a cursor of a pod", b.open(t, "kept1", "AAAAAAABAA").next(t, 1), `gap {"reason":"epoch","topics":["kept1"]}`)
}

// TestJournalOutage takes Redis away from one pod: its clients get what it sends
// at once, come back to it and miss nothing and get nothing twice; when Redis is
// back, the other pod has it all.
func TestJournalOutage(t *testing.T) {
	t.Parallel()
	r := rttest.NewRedisServer(t)
	proxy, err := rttest.NewProxy(r.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = proxy.Close() })
	a, b := serveEvents(t, "redis://"+proxy.Addr()), serveEvents(t, r.URL())
	stays, moves, far := a.open(t, "kept1", ""), a.open(t, "kept1", ""), b.open(t, "kept1", "")
	a.publish(t, "kept1", 1)
	for _, e := range []*events{stays, moves, far} {
		want(t, "before", e.next(t, 1), "1")
	}
	proxy.Refuse(true)
	proxy.Reset()
	began := time.Now()
	a.publish(t, "kept1", 2)
	want(t, "while it is away", stays.next(t, 1), "2")
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("the first message after the loss took %v", took)
	}
	want(t, "while it is away", moves.next(t, 1), "2")
	began = time.Now()
	a.publish(t, "kept1", 3)
	want(t, "while it is away", moves.next(t, 1), "3")
	t.Logf("a message while Redis is away took %v", time.Since(began))
	if !strings.Contains(moves.last, ".") {
		t.Errorf("cursor %q of a message without an offset", moves.last)
	}
	moves.cut()
	a.publish(t, "kept1", 4)
	again := a.open(t, "kept1", moves.last)
	want(t, "back while it is away", again.next(t, 1), "4")
	again.cut()
	a.publish(t, "kept1", 5)
	proxy.Refuse(false)
	want(t, "the other pod", far.next(t, 4), "2", "3", "4", "5")
	a.publish(t, "kept1", 6)
	want(t, "the other pod", far.next(t, 1), "6")
	back := a.open(t, "kept1", again.last)
	want(t, "back when Redis is", back.next(t, 2), "5", "6")
	a.publish(t, "kept1", 7)
	want(t, "who came back", back.next(t, 1), "7")
	want(t, "who stayed", stays.next(t, 5), "3", "4", "5", "6", "7")
	n := 7 // the first ones may still be given out early
	wait(t, "the cursor is an offset again", func() bool {
		if strings.Contains(back.last, ".") {
			n++
			a.publish(t, "kept1", n)
			want(t, "later", back.next(t, 1), fmt.Sprint(n))
		}
		return !strings.Contains(back.last, ".")
	})
}
