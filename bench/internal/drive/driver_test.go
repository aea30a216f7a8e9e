//go:build linux

package drive

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
)

// pods are n gateways of one cluster; every lose-th message is sent to nobody, and
// every double-th twice.
func pods(t *testing.T, n, lose, double int64) (addrs []string) {
	t.Helper()
	hub := cluster.NewHub()
	var sent atomic.Int64
	for range n {
		s, err := server.New(server.Options{Backplane: hub.Backplane(), Origins: []string{"*"}})
		if err != nil {
			t.Fatal(err)
		}
		ns := s.Of("/")
		ns.On("join", func(_ context.Context, c *server.Conn, e *server.Event) (server.Reply, error) {
			var room string
			if err := json.Unmarshal(e.Args, &room); err != nil {
				return server.Reply{}, err
			}
			return server.Reply{}, c.Join(room)
		})
		ns.On("echo", func(_ context.Context, _ *server.Conn, e *server.Event) (server.Reply, error) {
			return server.Reply{Args: e.Args}, nil
		})
		ns.On("send", func(_ context.Context, _ *server.Conn, e *server.Event) (server.Reply, error) {
			room, m, _ := bytes.Cut(e.Args, []byte(`",`))
			k := sent.Add(1)
			if lose > 0 && k%lose == 0 {
				return server.Reply{}, nil
			}
			if double > 0 && k%double == 0 {
				if err := ns.To(string(room[1:])).EmitRaw("m", m); err != nil {
					return server.Reply{}, err
				}
			}
			return server.Reply{}, ns.To(string(room[1:])).EmitRaw("m", m)
		})
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		web := httptest.NewServer(s)
		addrs = append(addrs, web.Listener.Addr().String())
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			_ = s.Shutdown(ctx)
			web.Close()
		})
	}
	return addrs
}

func open(t *testing.T, addrs []string) *Driver {
	t.Helper()
	o := Options{Protocol: SocketIO{}, Addrs: addrs, Rooms: []string{"a", "b"}, Size: 128}
	for i := range 20 {
		o.Clients = append(o.Clients, Client{Pod: i / 2 % len(addrs), Room: i % 2})
	}
	d, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// TestPace: everything that is sent comes once, and its latency is that of its way.
func TestPace(t *testing.T) {
	t.Parallel()
	d := open(t, pods(t, 2, 0, 0))
	marks := 0
	r, err := d.Pace(200, 50*time.Millisecond, 300*time.Millisecond, func() { marks++ }, func() { marks++ })
	if err != nil {
		t.Fatal(err)
	}
	if r.Lost != 0 || r.Disorder != 0 || marks != 2 {
		t.Errorf("lost %d, disorder %d, %d marks; want 0, 0, 2", r.Lost, r.Disorder, marks)
	}
	if r.Published < 10 || r.Delivered < 10 || len(r.Same) == 0 || len(r.Cross) == 0 {
		t.Errorf("published %d, delivered %d, %d on the same pod, %d on the other", r.Published, r.Delivered, len(r.Same), len(r.Cross))
	}
	if !slices.IsSorted(r.Same) || r.Same[0] < 0 || Quantile(r.Cross, 1) < Quantile(r.Cross, 0) {
		t.Errorf("latencies %v", r.Same)
	}
}

// TestEcho: each client has its own messages back, in order, one at a time.
func TestEcho(t *testing.T) {
	t.Parallel()
	d := open(t, pods(t, 1, 0, 0))
	r, err := d.Echo(50*time.Millisecond, 300*time.Millisecond, func() {}, func() {})
	if err != nil {
		t.Fatal(err)
	}
	if r.Delivered < 20 || r.Disorder != 0 || r.Lost != 0 || len(r.Same) < 20 || r.Same[0] < 0 {
		t.Errorf("%d round trips, %d of them wrong, %d lost, %d durations", r.Delivered, r.Disorder, r.Lost, len(r.Same))
	}
	d.protocol = Centrifugo{}
	if _, err := d.Echo(0, time.Millisecond, func() {}, func() {}); err == nil {
		t.Error("no error from a protocol without round trips")
	}
}

// TestFaultsAreSeen: what a server loses or says twice is counted.
func TestFaultsAreSeen(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name         string
		lose, double int64
		lost, twice  bool
	}{
		{name: "none"},
		{name: "lost", lose: 10, lost: true},
		{name: "twice", double: 10, twice: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := open(t, pods(t, 2, tt.lose, tt.double))
			r, err := d.Saturate(8, 50*time.Millisecond, 200*time.Millisecond, func() {}, func() {})
			if err != nil {
				t.Fatal(err)
			}
			if (r.Lost > 0) != tt.lost || (r.Disorder > 0) != tt.twice {
				t.Errorf("lost %d, twice or late %d; want some: %t, %t", r.Lost, r.Disorder, tt.lost, tt.twice)
			}
		})
	}
}

// TestLostConnection: a pod that goes away is an error that names it.
func TestLostConnection(t *testing.T) {
	t.Parallel()
	d := open(t, pods(t, 1, 0, 0))
	d.fail(0, context.Canceled)
	if _, err := d.Pace(10, 0, 10*time.Millisecond, func() {}, func() {}); err == nil {
		t.Error("no error")
	}
	if _, err := Open(Options{Protocol: SocketIO{}, Addrs: []string{"127.0.0.1:1"}}); err == nil {
		t.Error("no error from a port where nothing listens")
	}
}
