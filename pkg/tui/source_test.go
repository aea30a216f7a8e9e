package tui

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

func seqs(events []*Event) (out []uint64) {
	for _, e := range events {
		out = append(out, e.Seq)
	}
	return out
}

func TestSourceEvictsTheOldest(t *testing.T) {
	t.Parallel()
	s := NewSource(3)
	for range 5 {
		s.Push(&Event{At: time.Unix(100, 0), Size: 10})
	}
	events, oldest, next := s.Read(nil, 1, 100)
	if diff := cmp.Diff([]uint64{3, 4, 5}, seqs(events)); diff != "" || oldest != 3 || next != 6 {
		t.Errorf("oldest %d next %d (-want +got):\n%s", oldest, next, diff)
	}
	st := s.Stats(time.Unix(101, 0))
	if st.Logged != 5 || st.Held != 3 || st.Evicted != 2 || st.In != 5 || st.InBytes != 50 || st.InRate != 5 {
		t.Errorf("stats %+v", st)
	}
	if events, _, _ := s.Read(nil, 4, 1); len(events) != 1 || events[0].Seq != 4 {
		t.Errorf("Read from 4, at most 1: %v", seqs(events))
	}
}

func TestSourceBoundsItsMemory(t *testing.T) {
	t.Parallel()
	s := NewSource(1000)
	body := []byte(strings.Repeat("x", 16<<20))
	for range 40 {
		s.Push(&Event{Body: body})
	}
	if st := s.Stats(time.Now()); st.Held > 16 || st.Held < 10 || st.Logged != 40 {
		t.Errorf("%d events of 16 MiB are held of %d, want at most 256 MiB", st.Held, st.Logged)
	}
	s.Push(&Event{Body: []byte(strings.Repeat("x", maxHeld+1))})
	if st := s.Stats(time.Now()); st.Held != 1 {
		t.Errorf("%d events held, want the newest alone", st.Held)
	}
}

func TestSourceCounts(t *testing.T) {
	t.Parallel()
	s := NewSource(0)
	at := func(sec int64) time.Time { return time.Unix(1000+sec, 0) }
	s.Push(&Event{At: at(0), Dir: rt.In, Kind: rt.KindEvent, Size: 7})
	s.Push(&Event{At: at(0), Dir: rt.In, Kind: rt.KindPing})
	s.Push(&Event{At: at(1), Dir: rt.Out, Kind: rt.KindEvent, Size: 5})
	s.Push(&Event{At: at(1), Dir: rt.In, Kind: rt.KindAck, Latency: 4 * time.Millisecond})
	s.Push(&Event{At: at(1), Dir: rt.Local, Name: "close 1006", Fault: true})
	failed := &Event{At: at(1), Dir: rt.Out, Kind: rt.KindEvent, Size: 5}
	s.Push(failed)
	s.retract(failed)
	st := s.Stats(at(2))
	if st.In != 2 || st.Out != 1 || st.OutBytes != 5 || st.Faults != 1 || st.Logged != 6 || st.Acks != 1 {
		t.Errorf("stats %+v", st)
	}
	if st.InRate != 1 || st.OutRate != 1 || st.AckP50 != 4*time.Millisecond || st.AckP99 != 4*time.Millisecond {
		t.Errorf("rates %d %d, acks %v %v", st.InRate, st.OutRate, st.AckP50, st.AckP99)
	}
	if n := len(st.InSpark); n != rateSlots-1 || st.InSpark[n-2] != 1 || st.InSpark[n-1] != 1 {
		t.Errorf("spark %v", st.InSpark)
	}
	if st := s.Stats(at(rateSlots + 1)); st.InRate != 0 || st.InSpark[0] != 0 {
		t.Errorf("a minute later: rate %d, spark %v", st.InRate, st.InSpark)
	}
}

func TestSourcePercentiles(t *testing.T) {
	t.Parallel()
	s := NewSource(0)
	for i := range 1000 { // the first 488 fall out of the window
		s.Push(&Event{Kind: rt.KindAck, Latency: time.Duration(i + 1)})
	}
	if st := s.Stats(time.Now()); st.AckP50 != 744 || st.AckP99 != 995 {
		t.Errorf("p50 %d p99 %d", st.AckP50, st.AckP99)
	}
}

func TestSourceConcurrently(t *testing.T) {
	t.Parallel()
	const writers, each = 4, 5000
	s := NewSource(100)
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range each {
				s.Push(&Event{At: time.Now(), Size: 1})
			}
		})
	}
	wg.Go(func() {
		for next := uint64(1); next <= writers*each; {
			events, oldest, _ := s.Read(nil, next, 64)
			next = max(next, oldest)
			for _, e := range events {
				if e.Seq != next {
					t.Errorf("read %d, want %d", e.Seq, next)
					return
				}
				next++
			}
		}
	})
	wg.Wait()
	if st := s.Stats(time.Now()); st.In != writers*each || st.InBytes != writers*each {
		t.Errorf("counted %d events", st.In)
	}
}
