package faultproxy_test

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/internal/rttest"
	"github.com/realtime-toolkit/rtk/pkg/faultproxy"
)

// line is one connection through a proxy in memory, in fake time.
type line struct {
	t              *testing.T
	p              *faultproxy.Proxy
	client, server net.Conn
	start          time.Time
}

func newLine(t *testing.T) *line {
	t.Helper()
	front, back := rttest.NewListener(), rttest.NewListener()
	l := &line{t: t, start: time.Now(), p: faultproxy.New(front, faultproxy.Options{
		Dial: func(ctx context.Context) (net.Conn, error) { return back.DialContext(ctx, "tcp", "x") },
	})}
	var err error
	if l.client, err = front.DialContext(t.Context(), "tcp", "x"); err != nil {
		t.Fatal(err)
	}
	if l.server, err = back.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = l.p.Close()
		_ = l.client.Close()
		_ = l.server.Close()
		_ = back.Close()
	})
	return l
}

// arrival is what came and when, from the beginning of the test.
type arrival struct {
	At   time.Duration
	What string
}

// receive reads until n bytes have come or the connection ends.
func (l *line) receive(from net.Conn, n int) (got []arrival) {
	buf := make([]byte, 1<<16)
	for n > 0 {
		k, err := from.Read(buf)
		if k > 0 {
			got = append(got, arrival{time.Since(l.start), string(buf[:k])})
			n -= k
		}
		if err != nil {
			return append(got, arrival{time.Since(l.start), "end"})
		}
	}
	return got
}

func (l *line) send(to net.Conn, s string) {
	if _, err := io.WriteString(to, s); err != nil {
		l.t.Errorf("write: %v", err)
	}
}

func (l *line) want(got []arrival, want ...arrival) {
	l.t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		l.t.Errorf("(-want +got)\n%s", d)
	}
}

func TestLatency(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLine(t)
		l.send(l.client, "a")
		l.want(l.receive(l.server, 1), arrival{0, "a"})
		l.p.Set(faultproxy.Toxics{Latency: 200 * time.Millisecond})
		l.send(l.client, "b")
		l.send(l.server, "c")
		l.want(l.receive(l.server, 1), arrival{200 * time.Millisecond, "b"})
		l.want(l.receive(l.client, 1), arrival{200 * time.Millisecond, "c"})
		if n := l.p.Stats().Touched; n != 1 {
			t.Errorf("touched %d connections, want 1", n)
		}
		// What waits when the delay ends goes at once, and before what follows.
		l.send(l.client, "d")
		time.Sleep(50 * time.Millisecond)
		l.p.Set(faultproxy.Toxics{})
		l.want(l.receive(l.server, 1), arrival{250 * time.Millisecond, "d"})
		l.send(l.client, "e")
		l.want(l.receive(l.server, 1), arrival{250 * time.Millisecond, "e"})
		if n := l.p.Stats().Touched; n != 0 {
			t.Errorf("touched %d connections without a toxic", n)
		}
	})
}

func TestJitterKeepsTheOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLine(t)
		l.p.Set(faultproxy.Toxics{Latency: 100 * time.Millisecond, Jitter: 90 * time.Millisecond})
		const text = "abcdefghijklmnopqrstuvwxyz"
		go func() {
			for _, c := range text {
				l.send(l.client, string(c))
			}
		}()
		var b strings.Builder
		var times []time.Duration
		for _, a := range l.receive(l.server, len(text)) {
			b.WriteString(a.What)
			times = append(times, a.At)
		}
		if b.String() != text {
			t.Errorf("got %q", b.String())
		}
		if first, last := times[0], times[len(times)-1]; first < 10*time.Millisecond || last > 190*time.Millisecond || last == first {
			t.Errorf("delays from %v to %v, want some between 10ms and 190ms", first, last)
		}
	})
}

func TestBandwidth(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLine(t)
		l.p.Set(faultproxy.Toxics{Bandwidth: 10_000})
		go l.send(l.server, strings.Repeat("x", 20_000))
		got := l.receive(l.client, 20_000)
		if last := got[len(got)-1].At; last < 1900*time.Millisecond || last > 2100*time.Millisecond {
			t.Errorf("20,000 bytes at 10,000/s took %v", last)
		}
		if len(got) < 90 {
			t.Errorf("came in %d pieces, want an even stream", len(got))
		}
	})
}

func TestBlackholeOneWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLine(t)
		l.p.Set(faultproxy.Toxics{ToServer: true})
		if n := l.p.Stats().Touched; n != 1 {
			t.Errorf("touched %d connections, want the silent one too", n)
		}
		go l.send(l.client, "lost?")
		l.send(l.server, "comes")
		l.want(l.receive(l.client, 5), arrival{0, "comes"})
		go func() {
			time.Sleep(3 * time.Second)
			l.p.Set(faultproxy.Toxics{})
		}()
		l.want(l.receive(l.server, 5), arrival{3 * time.Second, "lost?"})
	})
}

func TestBlackholeHidesTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLine(t)
		l.p.Set(faultproxy.Toxics{ToServer: true, ToClient: true})
		_ = l.client.Close()
		go func() {
			time.Sleep(time.Second)
			l.p.Set(faultproxy.Toxics{})
		}()
		l.want(l.receive(l.server, 1), arrival{time.Second, "end"})
	})
}

func TestSlowClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLine(t)
		l.p.Set(faultproxy.Toxics{SlowClose: 5 * time.Second})
		l.send(l.client, "bye")
		l.want(l.receive(l.server, 3), arrival{0, "bye"})
		_ = l.client.Close()
		l.want(l.receive(l.server, 1), arrival{5 * time.Second, "end"})
		if n := l.p.Stats().Touched; n != 1 {
			t.Errorf("touched %d connections", n)
		}
	})
}

func TestEndComesAfterWhatWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLine(t)
		l.p.Set(faultproxy.Toxics{Latency: time.Second})
		l.send(l.client, "last")
		_ = l.client.Close()
		l.want(l.receive(l.server, 5), arrival{time.Second, "last"}, arrival{time.Second, "end"})
	})
}

// TestBackpressure checks that a sender is held back once the queue is full.
func TestBackpressure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLine(t)
		l.p.Set(faultproxy.Toxics{Latency: time.Hour})
		sent := 0
		done := make(chan struct{})
		go func() {
			defer close(done)
			b := make([]byte, 32<<10)
			for {
				n, err := l.client.Write(b)
				sent += n
				if err != nil {
					return
				}
			}
		}()
		synctest.Wait()
		if err := l.p.Close(); err != nil {
			t.Error(err)
		}
		<-done
		if sent < 1<<20 || sent > 2<<20 {
			t.Errorf("took %d bytes before it held the sender back", sent)
		}
	})
}
