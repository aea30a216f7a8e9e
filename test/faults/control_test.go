package faults_test

import (
	"sync"
	"testing"
	"time"
)

// control is a pod without a cluster in the same process: what its own messages
// stand still is the machine's doing, and no fault's.
type control struct{ pod *pod }

func startControl(t *testing.T) *control {
	t.Helper()
	p := startPod(t, 0, 1, nil, 0)
	p.flows[0].sent = &p.sends
	stop := make(chan struct{})
	var wg sync.WaitGroup
	p.send(t, &wg, stop, func() string { return "" })
	t.Cleanup(func() {
		close(stop)
		wg.Wait()
	})
	return &control{p}
}

// slack is the longest standstill of the control since begin.
func (c *control) slack(begin time.Time) time.Duration {
	return c.pod.flows[0].since(begin, time.Now()).still
}
