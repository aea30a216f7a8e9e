package faults_test

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/client"
	"github.com/realtime-toolkit/rtk/pkg/rt"
	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
)

const (
	pace     = 10 * time.Millisecond // between a pod's messages
	room     = "all"
	bulk     = "bulk" // a room of the second pod's clients alone
	patience = 30 * time.Second
)

// pod is a gateway with one client, which hears all pods.
type pod struct {
	index     int
	server    *server.Server
	backplane cluster.Backplane // nil for a pod alone
	sends     sends
	flows     []*flow // to this pod's client, by the sender's index
	health    health
}

// startPod starts a gateway and its client. With recovery its messages are kept.
func startPod(t *testing.T, index, pods int, b cluster.Backplane, recovery time.Duration) *pod {
	t.Helper()
	p := &pod{index: index, backplane: b}
	s, err := server.New(server.Options{
		Backplane: b, Recovery: recovery, Logger: slog.New(slog.DiscardHandler),
		QueueMessages: 1 << 16, QueueBytes: 64 << 20, // a fault's end brings much at once
	})
	if err != nil {
		t.Fatal(err)
	}
	p.server = s
	s.Of("/").OnConnect(func(_ context.Context, c *server.Conn) error {
		if index > 0 {
			if err := c.Join(bulk); err != nil {
				return err
			}
		}
		return c.Join(room)
	})
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(s)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = s.Shutdown(ctx) // of a pod whose Redis is gone it says what is left
		web.Close()
	})
	for range pods {
		p.flows = append(p.flows, &flow{from: len(p.flows), to: index})
	}
	p.connect(t, web.URL)
	return p
}

func (p *pod) connect(t *testing.T, address string) {
	t.Helper()
	u, err := url.Parse(address + "/socket.io/")
	if err != nil {
		t.Fatal(err)
	}
	d := client.New(client.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := d.Dial(ctx, &rt.DialRequest{Target: rt.Target{URL: u, Protocol: rt.SocketIO, Namespace: "/"}}, &listener{t, p})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		_ = d.Close()
	})
}

// listener notes what the client of a pod hears.
type listener struct {
	t   *testing.T
	pod *pod
}

func (l *listener) OnMessage(m *rt.Message) {
	from, numbered := strings.CutPrefix(m.Event, "n")
	if m.Kind != rt.KindEvent || !numbered {
		return
	}
	i, _ := strconv.Atoi(from)
	n, err := strconv.Atoi(string(m.Arg(0)))
	if err != nil {
		l.t.Errorf("message %s %s", m.Event, m.Body)
		return
	}
	l.pod.flows[i].arrived(n)
}

func (l *listener) OnClose(c rt.CloseInfo) {
	if c.By != rt.ByLocal && l.t.Context().Err() == nil {
		l.t.Errorf("the client of pod %d lost its connection: %+v", l.pod.index, c)
	}
}

// send has the pod send numbered messages until stop is closed, and more bytes to
// the room bulk while bytes says so.
func (p *pod) send(t *testing.T, wg *sync.WaitGroup, stop <-chan struct{}, bytes func() string) {
	event := "n" + strconv.Itoa(p.index)
	wg.Go(func() {
		tick := time.NewTicker(pace)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			if err := p.server.Of("/").To(room).Emit(event, p.sends.next()); err != nil {
				t.Error(err)
			}
			if load := bytes(); load != "" {
				_ = p.server.Of("/").To(bulk).Emit("bulk", load)
			}
		}
	})
}

// health are the changes of a pod's.
type health struct {
	mu      sync.Mutex
	changes []change
}

type change struct {
	degraded bool
	at       time.Time
}

// watch notes the pod's health until stop is closed.
func (p *pod) watch(wg *sync.WaitGroup, stop <-chan struct{}) {
	wg.Go(func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		was := false
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			if is := p.backplane.Status().Degraded; is != was {
				was = is
				p.health.mu.Lock()
				p.health.changes = append(p.health.changes, change{is, time.Now()})
				p.health.mu.Unlock()
			}
		}
	})
}

// spell is how long after a fault's begin a pod was degraded, negative for never,
// and how long after its end it was well for good.
type spell struct{ after, cleared time.Duration }

func (h *health) spell(broken, mended time.Time) spell {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := spell{after: -1}
	for i, c := range h.changes {
		switch {
		case !c.degraded:
			s.cleared = max(s.cleared, c.at.Sub(mended))
		case s.after < 0 && (i+1 == len(h.changes) || h.changes[i+1].at.After(broken)):
			s.after = max(0, c.at.Sub(broken))
		}
	}
	return s
}
