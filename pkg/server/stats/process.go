package stats

import (
	"runtime"
	"runtime/metrics"
)

const (
	metricHeap       = "/memory/classes/heap/objects:bytes"
	metricGoroutines = "/sched/goroutines:goroutines"
)

// ReadProcess describes the running process. It takes microseconds and does not
// stop the world, so it may be called at any rate from any goroutine.
func ReadProcess() Process {
	sample := [...]metrics.Sample{{Name: metricHeap}, {Name: metricGoroutines}}
	metrics.Read(sample[:])
	p := Process{GOMAXPROCS: runtime.GOMAXPROCS(0)}
	if sample[0].Value.Kind() == metrics.KindUint64 {
		p.HeapBytes = sample[0].Value.Uint64()
	}
	if sample[1].Value.Kind() == metrics.KindUint64 {
		p.Goroutines = int(sample[1].Value.Uint64())
	}
	p.RSSBytes = readRSS()
	p.CPUSeconds = readCPU()
	return p
}
