package faults_test

import (
	"sync"
	"time"
)

// flow is the ledger of what one pod sends to the clients of one pod.
type flow struct {
	from, to int // pods
	sent     *sends

	mu       sync.Mutex
	arrivals []arrival
}

// arrival is one message at the client.
type arrival struct {
	number int
	at     time.Time
}

// sends are the times at which a pod sent its messages, by number. What of a
// message can be late is told from when it was sent, so that a busy machine's
// sender is not taken for a standstill.
type sends struct {
	mu sync.Mutex
	at []time.Time
}

// next gives out a number.
func (s *sends) next() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = append(s.at, time.Now())
	return len(s.at) - 1
}

func (s *sends) all() []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at[:len(s.at):len(s.at)]
}

func (f *flow) arrived(number int) {
	now := time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.arrivals = append(f.arrivals, arrival{number, now})
}

func (f *flow) all() []arrival {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.arrivals[:len(f.arrivals):len(f.arrivals)]
}

// last returns the highest number that has arrived, -1 when none has.
func (f *flow) last() int {
	last := -1
	for _, a := range f.all() {
		last = max(last, a.number)
	}
	return last
}

// outcome is what a fault did to a flow, or to several.
type outcome struct {
	sent, lost, twice, disorder int
	// still is the longest time in which something that had been sent was missing
	// and nothing arrived.
	still time.Duration
	back  time.Duration // from the fault's end to the first arrival after it
}

// since measures what was sent from the first arrival after begin on; end is the
// fault's.
func (f *flow) since(begin, end time.Time) (o outcome) {
	sent, all := f.sent.all(), f.all()
	times := make(map[int]int, len(sent))
	highest := -1
	for i, a := range all {
		times[a.number]++
		if times[a.number] > 1 {
			o.twice++
		} else if a.number < highest {
			o.disorder++
		}
		if i > 0 && a.at.After(begin) {
			waited := all[i-1].at
			if next := all[i-1].number + 1; next < len(sent) && sent[next].After(waited) {
				waited = sent[next]
			}
			o.still = max(o.still, a.at.Sub(waited))
		}
		if o.back == 0 && a.at.After(end) {
			o.back = a.at.Sub(end)
		}
		highest = max(highest, a.number)
	}
	for n := range sent {
		if sent[n].Before(begin) {
			continue
		}
		o.sent++
		if times[n] == 0 {
			o.lost++
		}
	}
	return o
}

// plus is both outcomes in one.
func (o outcome) plus(p outcome) outcome {
	return outcome{o.sent + p.sent, o.lost + p.lost, o.twice + p.twice, o.disorder + p.disorder, max(o.still, p.still), max(o.back, p.back)}
}
