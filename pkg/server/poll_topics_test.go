package server_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/server"
)

type polled struct {
	Events []struct {
		ID, Topic, Event string
		Data             json.RawMessage
	}
	Gaps []struct {
		Reason string
		Topics []string
	}
	Cursor string
}

func (p polled) texts() (out []string) {
	for _, e := range p.Events {
		out = append(out, fmt.Sprintf("%s %s %s", e.Topic, e.Event, e.Data))
	}
	return out
}

func (g *sseGateway) poll(t *testing.T, query string, header ...string) (int, polled) {
	t.Helper()
	res := g.get(t.Context(), t, http.MethodGet, "/poll?"+query, header...)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var p polled
	if err := json.Unmarshal(body, &p); err != nil {
		t.Fatalf("%q: %v", body, err)
	}
	return res.StatusCode, p
}

func TestPollTopics(t *testing.T) {
	t.Parallel()
	g := startSSE(t, "http1", keepAll())
	_, begin := g.poll(t, "topic=a&topic=b")
	if len(begin.Events) > 0 || begin.Cursor == "" {
		t.Fatalf("the first poll: %+v, want the present cursor", begin)
	}
	g.publish(t, "a", "x", 1)
	g.publish(t, "b", "y", "two")
	g.publish(t, "c", "z", 3)
	if err := g.Topic("a").Emit("none"); err != nil {
		t.Fatal(err)
	}
	since := "topic=a&topic=b&since=" + begin.Cursor
	_, p := g.poll(t, since)
	if diff := cmp.Diff([]string{"a x 1", `b y "two"`, "a none null"}, p.texts()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	_, one := g.poll(t, since+"&limit=1")
	_, rest := g.poll(t, "topic=a&topic=b&since="+one.Cursor)
	if len(one.Events) != 1 || len(rest.Events) != 2 || rest.Cursor != p.Cursor {
		t.Errorf("in pages: %v, then %v", one.texts(), rest.texts())
	}
	// The cursors of polls and of streams are the same.
	in := g.follow(t.Context(), t, "/events?topic=b", "Last-Event-ID", one.Cursor)
	if m := await(t, in, 0); string(m.Data) != `"two"` && m.ID == "" {
		t.Errorf("the stream after a poll: %+v", m)
	}
	if _, p := g.poll(t, "topic=a&since=BAgICAgIBQ"); len(p.Gaps) != 1 || p.Gaps[0].Reason != "epoch" || p.Cursor == "" {
		t.Errorf("a cursor of another pod: %+v", p)
	}

	t.Run("waits", func(t *testing.T) {
		begin := time.Now()
		if _, p := g.poll(t, "topic=a&wait=50ms&since="+rest.Cursor); len(p.Events) > 0 || time.Since(begin) < 50*time.Millisecond {
			t.Errorf("got %v after %v, want nothing after 50ms", p.texts(), time.Since(begin))
		}
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if _, p := g.poll(t, "topic=a&wait=30s&since="+rest.Cursor); len(p.Events) == 0 || p.texts()[0] != "a late 9" {
					t.Errorf("got %v, want the event", p.texts())
				}
			})
		}
		time.Sleep(30 * time.Millisecond)
		g.publish(t, "b", "other", 0)
		g.publish(t, "a", "late", 9)
		wg.Wait()
	})
	for query, status := range map[string]int{
		"": 400, "topic=a&wait=2h": 400, "topic=a&wait=x": 400, "topic=a&limit=0": 400, "topic=a&limit=x": 400,
	} {
		if got, _ := g.poll(t, query); got != status {
			t.Errorf("GET /poll?%s: %d, want %d", query, got, status)
		}
	}
}

func TestPollTopicsRefuses(t *testing.T) {
	t.Parallel()
	plain := startSSE(t, "http1", server.Options{})
	if got, _ := plain.poll(t, "topic=a"); got != http.StatusNotFound {
		t.Errorf("without history: %d", got)
	}
	g := startSSE(t, "http1", withAuth(t, keepAll()))
	if got, _ := g.poll(t, "topic=a"); got != http.StatusUnauthorized {
		t.Errorf("without a token: %d", got)
	}
	if got, _ := g.poll(t, "topic=a&token=x.y.z"); got != http.StatusUnauthorized {
		t.Errorf("with a bad token: %d", got)
	}
	if got, _ := g.poll(t, "topic=a", "Authorization", "Bearer "+token(t, time.Hour)); got != http.StatusOK {
		t.Errorf("with a token: %d", got)
	}
}
