package loadgen

import "time"

// alarm wakes the goroutine of a part. set and poke are called with the part's
// lock held, wait by the goroutine after set.
type alarm interface {
	// set asks for waking after d.
	set(d time.Duration)
	// poke wakes at once.
	poke()
	// wait returns when that is so, or the alarm is closed.
	wait()
	close()
}

// clockAlarm waits with the timers of Go, which are late by up to a millisecond
// when the process has nothing else to do, because that is the resolution in
// which the runtime waits for the network.
type clockAlarm struct {
	timer   *time.Timer
	changed chan struct{}
	closed  chan struct{}
}

func newClockAlarm() *clockAlarm {
	return &clockAlarm{timer: time.NewTimer(idle), changed: make(chan struct{}, 1), closed: make(chan struct{})}
}

func (a *clockAlarm) set(d time.Duration) { a.timer.Reset(d) }

func (a *clockAlarm) poke() {
	select {
	case a.changed <- struct{}{}:
	default:
	}
}

func (a *clockAlarm) wait() {
	select {
	case <-a.timer.C:
	case <-a.changed:
	case <-a.closed:
	}
}

func (a *clockAlarm) close() {
	a.timer.Stop()
	close(a.closed)
}
