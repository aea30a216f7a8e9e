package redis

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestPublisherDropsWhatIsOld has a Redis that is away for longer than messages
// are kept: what is too old is dropped and counted, the rest goes out in order.
func TestPublisherDropsWhatIsOld(t *testing.T) {
	t.Parallel()
	f := &fakeSender{away: true}
	publish(t, f, func(t *testing.T, p *publisher) {
		p.push(text("old"))
		p.push(message{channel: "c", payload: []byte("short"), expires: time.Now().Add(time.Second)})
		time.Sleep(p.age - time.Minute)
		synctest.Wait()
		if p.queued() != 2 || p.dropped.Load() != 0 {
			t.Errorf("queued %d, dropped %d before their time; want 2, 0", p.queued(), p.dropped.Load())
		}
		if d := p.waiting(time.Now()); d != p.age-time.Minute {
			t.Errorf("the oldest has waited %s, want %s", d, p.age-time.Minute)
		}
		p.push(text("young"))
		p.push(text("younger"))
		time.Sleep(time.Minute + 2*maxBackoff)
		synctest.Wait()
		if p.queued() != 2 || p.dropped.Load() != 2 {
			t.Errorf("queued %d, dropped %d after it, still away; want 2, 2", p.queued(), p.dropped.Load())
		}
		f.set(func() { f.away = false })
		time.Sleep(maxBackoff + returnGrace + time.Second)
		synctest.Wait()
		if diff := cmp.Diff([]string{"young", "younger"}, f.got); diff != "" {
			t.Errorf("sent (-want +got):\n%s", diff)
		}
		if p.waiting(time.Now()) != 0 {
			t.Errorf("an empty outbox has waited %s", p.waiting(time.Now()))
		}
	})
}

// TestPublisherDropsAnswersTooLate: an answer that has waited behind an outage is
// for nobody any more, though the outbox would keep it.
func TestPublisherDropsAnswersTooLate(t *testing.T) {
	t.Parallel()
	f := &fakeSender{away: true}
	publish(t, f, func(t *testing.T, p *publisher) {
		p.push(text("a"))
		p.push(message{channel: "c", payload: []byte("late"), expires: time.Now().Add(time.Second)})
		p.push(text("b"))
		time.Sleep(10 * time.Second)
		f.set(func() { f.away = false })
		time.Sleep(maxBackoff + returnGrace + time.Second)
		synctest.Wait()
		if diff := cmp.Diff([]string{"a", "b"}, f.got); diff != "" {
			t.Errorf("sent (-want +got):\n%s", diff)
		}
		if p.dropped.Load() != 1 {
			t.Errorf("dropped %d, want the late one", p.dropped.Load())
		}
	})
}
