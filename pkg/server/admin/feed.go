package admin

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"sync"
	"time"

	sse "github.com/r3labs/sse/v2"

	"github.com/realtime-toolkit/rtk/pkg/server/stats"
)

const (
	feedStream       = "operator"
	feedWriteTimeout = 500 * time.Millisecond
	// maxFeedClients bounds the feed: it is for a few people and dashboards.
	maxFeedClients = 16
)

// feed is the operator feed: an event "stats" with a stats.Pod at an interval,
// and an event "notice" when readiness or the link to the other pods changes.
//
// r3labs/sse serves it. One reader that stops would freeze its stream, so every
// write has a deadline; its log of past events grows without bound, so replay
// is off; its deregistration blocks for ever once the stream is closed, so
// close waits for the handlers first.
type feed struct {
	gw       Gateway
	interval time.Duration
	server   *sse.Server

	ctx    context.Context // ends the streams and the producer
	cancel context.CancelFunc
	done   sync.WaitGroup // the producer and the handlers

	mu      sync.Mutex
	clients int
	closed  bool
}

func newFeed(gw Gateway, interval time.Duration) *feed {
	f := &feed{gw: gw, interval: interval, server: sse.New()}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	f.server.AutoReplay = false
	f.server.SplitData = true
	f.server.BufferSize = 64
	f.server.CreateStream(feedStream)
	f.done.Go(f.produce)
	return f
}

func (f *feed) close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.cancel()
	f.done.Wait()
	f.server.Close()
}

// ServeHTTP streams until the client goes, falls behind, or the feed closes.
func (f *feed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	if f.closed || f.clients >= maxFeedClients {
		f.mu.Unlock()
		writeError(w, http.StatusServiceUnavailable, "busy", "the operator feed has no place left")
		return
	}
	f.clients++
	f.done.Add(1)
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		f.clients--
		f.mu.Unlock()
		f.done.Done()
	}()

	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(f.ctx, cancel)()
	r = r.WithContext(ctx)
	r.URL = &url.URL{Path: r.URL.Path, RawQuery: "stream=" + feedStream}
	r.Header = http.Header{} // no Last-Event-ID: there is nothing to resume
	w.Header().Set("X-Accel-Buffering", "no")
	f.server.ServeHTTP(&deadlineWriter{ResponseWriter: w, control: http.NewResponseController(w), fail: cancel}, r)
}

// produce publishes until the feed closes. Nothing is encoded while nobody
// listens.
func (f *feed) produce() {
	tick := time.NewTicker(f.interval)
	defer tick.Stop()
	var last *stats.Pod // nil when what was before is not known or long ago
	for {
		select {
		case <-f.ctx.Done():
			return
		case <-tick.C:
		}
		f.mu.Lock()
		idle := f.clients == 0
		f.mu.Unlock()
		if idle {
			last = nil
			continue
		}
		pod := f.gw.Stats()
		if last != nil {
			for _, n := range notices(last, &pod) {
				f.publish("notice", n)
			}
		}
		f.publish("stats", pod)
		last = &pod
	}
}

// publish never blocks: an event that finds the stream's buffer full is
// dropped, the next statistics have the same counters.
func (f *feed) publish(event string, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		return
	}
	f.server.TryPublish(feedStream, &sse.Event{Event: []byte(event), Data: data})
}

// notice is a change that an operator wants to see at once.
type notice struct {
	Level  string    `json:"level"` // "info" or "warn"
	Text   string    `json:"text"`
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
}

func notices(before, now *stats.Pod) (out []notice) {
	add := func(level, text, reason string) { out = append(out, notice{level, text, reason, now.Time}) }
	switch {
	case before.Ready && !now.Ready:
		add("warn", "the pod is not ready", now.Reason)
	case !before.Ready && now.Ready:
		add("info", "the pod is ready", "")
	}
	if before.Backplane != nil && now.Backplane != nil {
		switch {
		case !before.Backplane.Degraded && now.Backplane.Degraded:
			add("warn", "the link to the other pods is degraded", now.Backplane.Reason)
		case before.Backplane.Degraded && !now.Backplane.Degraded:
			add("info", "the link to the other pods works again", "")
		}
	}
	if now.Queues.SlowConsumers > before.Queues.SlowConsumers {
		add("warn", "slow consumers were disconnected", "")
	}
	if now.Refusals.StrikesClosed > before.Refusals.StrikesClosed {
		add("warn", "clients were disconnected for sending too much", "")
	}
	return out
}

// deadlineWriter gives each write a deadline and ends the request at the first
// that fails, which r3labs/sse ignores.
type deadlineWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	fail    context.CancelFunc
}

var _ http.Flusher = (*deadlineWriter)(nil)

func (w *deadlineWriter) Write(p []byte) (int, error) {
	_ = w.control.SetWriteDeadline(time.Now().Add(feedWriteTimeout)) // unsupported by recorders in tests
	n, err := w.ResponseWriter.Write(p)
	if err != nil {
		w.fail()
	}
	return n, err
}

// Flush implements http.Flusher, which r3labs/sse asks for by assertion.
func (w *deadlineWriter) Flush() {
	_ = w.control.SetWriteDeadline(time.Now().Add(feedWriteTimeout))
	if err := w.control.Flush(); err != nil {
		w.fail()
	}
}
