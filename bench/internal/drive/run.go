//go:build linux

package drive

import (
	"fmt"
	"slices"
	"time"
)

// Result is what one run showed.
type Result struct {
	Elapsed   time.Duration
	Published int64 // messages sent in the measured time
	Delivered int64 // to subscribers in the measured time
	// Lost, and what came twice or out of order, are counted over the warm-up and
	// the measured time, after everything has had time to come.
	Lost, Disorder int64
	// Same and Cross are microseconds from when a message was due to when the
	// driver read it, on the publisher's pod and on the others, sorted.
	Same, Cross []int32
}

// Quantile of sorted values; 0 when there are none.
func Quantile(v []int32, q float64) time.Duration {
	if len(v) == 0 {
		return 0
	}
	return time.Duration(v[int(q*float64(len(v)-1))]) * time.Microsecond
}

// settle is how long nothing may come before what is missing counts as lost.
const settle = 2 * time.Second

// Saturate keeps window messages outstanding, each over the next pod's publisher
// and to the next room, for the time of warm and then measured. begin is called
// between the two, end after the second.
func (d *Driver) Saturate(window int, warm, measured time.Duration, begin, end func()) (Result, error) {
	given, seen, last := int64(0), d.got, time.Now()
	pump := func(t time.Duration) {
		for until := time.Now().Add(t); time.Now().Before(until); {
			for d.outstanding(given) <= int64(window-1) {
				d.publishNext(d.now())
			}
			d.turn(10 * time.Millisecond)
			if d.got != seen {
				seen, last = d.got, time.Now()
			} else if time.Since(last) > settle { // a loss must not end the run
				given, last = d.expected-d.got, time.Now()
			}
		}
	}
	return d.measure(pump, warm, measured, begin, end)
}

// outstanding is how many messages' worth of deliveries is on the way.
func (d *Driver) outstanding(given int64) int64 {
	if d.sent == 0 {
		return 0
	}
	return (d.expected - d.got - given) * d.sent / max(1, d.expected)
}

// publishNext takes the pods in turn, and the rooms.
func (d *Driver) publishNext(due int64) {
	n := int(d.sent)
	room := n % len(d.rooms)
	d.publish((n/len(d.rooms)+room)%len(d.publishers), room, due)
}

// Pace publishes rate messages a second, whatever comes back, in the same turns.
func (d *Driver) Pace(rate float64, warm, measured time.Duration, begin, end func()) (Result, error) {
	gap := int64(float64(time.Second) / rate)
	due := d.now()
	pump := func(t time.Duration) {
		for until := d.now() + int64(t); d.now() < until; {
			for ; due <= d.now(); due += gap {
				d.publishNext(due)
			}
			d.turn(time.Duration(due - d.now()))
		}
	}
	d.timed = true
	defer func() { d.timed = false }()
	return d.measure(pump, warm, measured, begin, end)
}

func (d *Driver) measure(pump func(time.Duration), warm, measured time.Duration, begin, end func()) (Result, error) {
	lost, disorder := d.expected-d.got, d.disorder
	pump(warm)
	d.same, d.cross = d.same[:0], d.cross[:0]
	begin()
	sent, got, t := d.sent, d.got, time.Now()
	pump(measured)
	r := Result{Elapsed: time.Since(t), Published: d.sent - sent, Delivered: d.got - got}
	end()
	r.Same, r.Cross = slices.Sorted(slices.Values(d.same)), slices.Sorted(slices.Values(d.cross))
	for came, last := d.got, time.Now(); d.got < d.expected && time.Since(last) < settle; {
		d.turn(10 * time.Millisecond)
		if d.got != came {
			came, last = d.got, time.Now()
		}
	}
	r.Lost, r.Disorder = d.expected-d.got-lost, d.disorder-disorder
	if d.lost != nil {
		return r, fmt.Errorf("%d connections lost: %w", d.lostConns, d.lost)
	}
	return r, nil
}
