package loadgen

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// TestHeldUpTurn has the sends of some clients wait for peers that don't read:
// the others must not notice.
func TestHeldUpTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &fakeServer{send: func(_ *fakeConn, m *rt.Outgoing) error {
			if m.Event == "stuck" {
				time.Sleep(2 * time.Second)
			}
			return nil
		}}
		r := bench(t, s, `
version: 1
targets: { api: { url: "http://x", protocol: socketio } }
clients:
  stuck:
    count: 8
    flow:
      - barrier: all
      - { emit: stuck, args: [x], rate: 1/s, for: 3s }
  others:
    count: 40
    flow:
      - barrier: all
      - { emit: echo, args: [x], rate: 20/s, for: 4s, ack: {} }
thresholds:
  generator_delay{clients=others}: max < 30ms
  ack_latency{clients=others}: max < 30ms
`)
		wantBroken(t, r)
		if m := metric(t, r, GeneratorDelay, "clients", "stuck"); m.Max < 1 {
			t.Errorf("the longest delay of the stuck clients is %gs: they were not held up", m.Max)
		}
	})
}

// TestTurnsKeepTheirOrder gives turns at random instants, moves some, and asks for
// some at once.
func TestTurnsKeepTheirOrder(t *testing.T) {
	t.Parallel()
	var wg sync.WaitGroup
	turns := &turns{now: func() time.Duration { return 0 }, wg: &wg, parts: make([]part, 1)}
	p := &turns.parts[0]
	clients := make([]client, 200)
	x := uint32(1)
	random := func() time.Duration { x = x*1664525 + 1013904223; return time.Duration(x >> 20) }
	for range 3 { // the second and third time they are moved
		for i := range clients {
			turns.at(&clients[i], random())
		}
	}
	last := time.Duration(-1)
	for n := range clients {
		c, _ := p.pick(1 << 40)
		if c == nil || c.place != 0 || c.at < last {
			t.Fatalf("turn %d: %+v after %v", n, c, last)
		}
		last = c.at
	}
	if c, wait := p.pick(1 << 40); c != nil || wait != idle {
		t.Errorf("%v and %v are left", c, wait)
	}
	turns.at(&clients[0], 5)
	turns.at(&clients[1], 6)
	turns.next(&clients[2])
	turns.next(&clients[3])
	var order []int
	for {
		c, _ := p.pick(10)
		if c == nil {
			break
		}
		for i := range clients {
			if c == &clients[i] {
				order = append(order, i)
			}
		}
	}
	if d := cmp.Diff([]int{2, 0, 3, 1}, order); d != "" {
		t.Errorf("those that are ready and those that are due must alternate (-want +got):\n%s", d)
	}
}

// TestWokenTurnIsLeftAlone looks for held up turns while a goroutine has been woken
// and has not come to look: it must not be replaced, however late it is.
func TestWokenTurnIsLeftAlone(t *testing.T) {
	t.Parallel()
	var wg sync.WaitGroup
	now := time.Duration(0)
	turns := &turns{now: func() time.Duration { return now }, wg: &wg, parts: make([]part, 1)}
	p := &turns.parts[0]
	p.alarm = newClockAlarm()
	p.sleep = true
	c := &client{stopped: true} // whose turn is over at once
	turns.next(c)
	now = time.Minute
	turns.held()
	if p.sleep || p.owner != 0 {
		t.Fatalf("sleep %t, owner %d: want it woken and not replaced", p.sleep, p.owner)
	}
	p.busy = true // as in a turn
	turns.held()
	if p.owner != 1 {
		t.Error("a turn that is held up is not left to its goroutine")
	}
	turns.stop()
	wg.Wait()
}
