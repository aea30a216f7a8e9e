//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/gorilla/websocket"
)

// reader is the program that someone writes in an afternoon to do the same: a
// goroutine for each socket, gorilla/websocket with small buffers, the numbers
// checked, the latency in an HdrHistogram. It is what `rtk bench` is measured
// against.
type reader struct {
	addr    string
	clients int
	rate    float64
	length  time.Duration

	start              time.Time
	received, disorder atomic.Int64
	shards             [4]shard
}

type shard struct {
	mu sync.Mutex
	h  *hdrhistogram.Histogram
}

// readerResult is what reader prints.
type readerResult struct {
	Published, Received, Disorder int64
	P50, P99                      int64 // microseconds
}

// dials is how many handshakes are under way at once.
const dials = 64

func (r *reader) run(ctx context.Context, w io.Writer) error {
	r.start = time.Now()
	for i := range r.shards {
		r.shards[i].h = hdrhistogram.New(1, time.Minute.Microseconds(), 3)
	}
	pool := &sync.Pool{}
	dialer := websocket.Dialer{ReadBufferSize: 1024, WriteBufferSize: 1024, WriteBufferPool: pool}
	conns := make([]*websocket.Conn, r.clients+1)
	slots := make(chan struct{}, dials)
	errs := make([]error, len(conns))
	var dialing, reading sync.WaitGroup
	for i := range conns {
		slots <- struct{}{}
		dialing.Go(func() {
			defer func() { <-slots }()
			path := "/ws?room=1"
			if i == r.clients {
				path = "/ws?pub=1"
			}
			c, resp, err := dialer.DialContext(ctx, "ws://"+r.addr+path, nil)
			if err != nil {
				errs[i] = err
				return
			}
			_ = resp.Body.Close()
			conns[i] = c
			if i < r.clients {
				reading.Go(func() { r.read(c, i) })
			}
		})
	}
	dialing.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	time.Sleep(settle)
	published, err := r.publish(ctx, conns[r.clients])
	time.Sleep(settle)
	for _, c := range conns {
		_ = c.Close()
	}
	reading.Wait()
	if err != nil {
		return err
	}
	all := r.shards[0].h
	for i := range r.shards[1:] {
		all.Merge(r.shards[i+1].h)
	}
	return json.NewEncoder(w).Encode(readerResult{
		Published: published, Received: r.received.Load(), Disorder: r.disorder.Load(),
		P50: all.ValueAtPercentile(50), P99: all.ValueAtPercentile(99),
	})
}

// settle is waited for before the first message and after the last.
const settle = time.Second

// publish sends at an open schedule.
func (r *reader) publish(ctx context.Context, c *websocket.Conn) (int64, error) {
	begin := time.Now()
	n := int64(r.rate * r.length.Seconds())
	for k := range n {
		due := begin.Add(time.Duration(float64(k) / r.rate * float64(time.Second)))
		time.Sleep(time.Until(due))
		if ctx.Err() != nil {
			return k, ctx.Err()
		}
		text := fmt.Sprintf(`{"n":"%010d%019d","x":"%s"}`, k, due.Sub(r.start), padding)
		if err := c.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
			return k, err
		}
	}
	return n, nil
}

// padding makes messages of about 128 bytes.
const padding = "---------------------------------------------------------------------------------"

func (r *reader) read(c *websocket.Conn, i int) {
	next := int64(0)
	s := &r.shards[i%len(r.shards)]
	for {
		_, p, err := c.ReadMessage()
		if err != nil {
			return
		}
		at := bytes.Index(p, []byte(`"n":"`))
		if at < 0 || len(p) < at+34 {
			r.disorder.Add(1)
			continue
		}
		p = p[at+5:]
		if n := number(p[:10]); n != next {
			r.disorder.Add(1)
			next = n
		}
		next++
		r.received.Add(1)
		late := time.Since(r.start) - time.Duration(number(p[10:29]))
		s.mu.Lock()
		_ = s.h.RecordValue(late.Microseconds()) // below a minute, or it is not recorded
		s.mu.Unlock()
	}
}

func number(p []byte) (v int64) {
	for _, c := range p {
		v = v*10 + int64(c-'0')
	}
	return v
}
