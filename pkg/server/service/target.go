package service

import (
	"sync"
	"sync/atomic"
)

// target is a service with its account. Replace may put another service in its
// place, which gets the calls that come after.
type target struct {
	name   string
	window atomic.Int64
	count  counters

	mu sync.Mutex
	in *inForce
}

// inForce is a service with the calls that are with it or wait for it.
type inForce struct {
	service Service
	calls   sync.WaitGroup
}

func newTarget(t *Target) *target {
	made := &target{name: t.Name, in: &inForce{service: t.Service}}
	made.window.Store(int64(max(t.Window, 1)))
	return made
}

// enter returns the service for one call, whose end its calls must be told.
func (t *target) enter() *inForce {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.in.calls.Add(1)
	return t.in
}

// current returns the service in force.
func (t *target) current() Service {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.in.service
}

// replace puts another service in the place of the one in force, which it
// returns: no call begins with that any more.
func (t *target) replace(s Service) *inForce {
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.in
	t.in = &inForce{service: s}
	return old
}
