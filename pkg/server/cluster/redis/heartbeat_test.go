package redis

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestHeartbeat(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := heartbeat{timeout: 3 * time.Second}
		expect := func(when string, rtt time.Duration, problem string) {
			t.Helper()
			if r, p := h.check(time.Now()); r != rtt || p != problem {
				t.Errorf("%s: round trip %s, problem %q; want %s, %q", when, r, p, rtt, problem)
			}
		}
		const never = "no heartbeat through Redis yet"
		expect("before the first", 0, never)

		m := h.send(time.Now())
		time.Sleep(700 * time.Microsecond)
		h.receive(m, time.Now())
		expect("after the first", 700*time.Microsecond, "")

		time.Sleep(3 * time.Second)
		expect("at the timeout", 700*time.Microsecond, "")
		time.Sleep(time.Millisecond)
		expect("past the timeout", 700*time.Microsecond, "no heartbeat through Redis for 3s")

		late := h.send(time.Now())
		m = h.send(time.Now())
		h.receive(late, time.Now())
		expect("after a late one", 700*time.Microsecond, "no heartbeat through Redis for 3s")
		h.receive("garbage", time.Now())
		expect("after garbage", 700*time.Microsecond, "no heartbeat through Redis for 3s")
		time.Sleep(time.Millisecond)
		h.receive(m, time.Now())
		expect("after one that is in time", time.Millisecond, "")

		m = h.send(time.Now())
		h.lost()
		expect("after a loss", time.Millisecond, never)
		h.receive(m, time.Now())
		expect("after one from before the loss", time.Millisecond, never)
		m = h.send(time.Now())
		h.receive(m, time.Now())
		expect("after the loss has mended", 0, "")
	})
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	var b backoff
	for i := range 30 {
		most := min(minBackoff<<min(i, 16), maxBackoff)
		if d := b.next(); d < most/2 || d > most {
			t.Errorf("try %d waits %s, want between %s and %s", i, d, most/2, most)
		}
	}
	b.reset()
	if d := b.next(); d > minBackoff {
		t.Errorf("after a reset it waits %s, want at most %s", d, minBackoff)
	}
}
