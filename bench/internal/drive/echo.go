//go:build linux

package drive

import (
	"errors"
	"time"
)

// Echo makes every subscriber ask for its message back, one at a time and as fast
// as the answers come, for the time of warm and then measured. Result.Delivered
// are the round trips, Result.Same their durations.
func (d *Driver) Echo(warm, measured time.Duration, begin, end func()) (Result, error) {
	if _, ok := d.protocol.ask(nil, 0, nil); !ok {
		return Result{}, errors.New("the protocol has no request that is answered with its own message")
	}
	d.echoing, d.timed = true, true
	defer func() { d.echoing, d.timed = false, false }()
	for i := range len(d.conns) - len(d.publishers) {
		d.askOne(i)
	}
	pump := func(t time.Duration) {
		for until := time.Now().Add(t); time.Now().Before(until); {
			d.turn(10 * time.Millisecond)
		}
	}
	return d.measure(pump, warm, measured, begin, end)
}

// askOne sends the next request of a connection.
func (d *Driver) askOne(i int) {
	c := d.conns[i]
	place := &c.next[0]
	d.payload = appendPayload(d.payload[:0], stamp{publisher: c.Pod, sequence: place.sequence, due: d.now()}, d.size)
	d.text, _ = d.protocol.ask(d.text[:0], place.sequence, d.payload)
	d.frame = appendFrame(d.frame[:0], opText, d.text)
	d.write(i, d.frame)
}

// answered takes the answer to the request of a connection, and sends the next.
func (d *Driver) answered(i int, p []byte) {
	c := d.conns[i]
	s, _, ok := nextStamp(p)
	if !ok || c.next == nil {
		return
	}
	if s.sequence != c.next[0].sequence {
		d.disorder++
	}
	c.next[0].sequence++
	d.got++
	d.expected++ // nothing is expected beyond what has come
	d.same = append(d.same, int32((d.now()-s.due)/1000))
	d.askOne(i)
}
