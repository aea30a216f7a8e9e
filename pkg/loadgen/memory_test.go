package loadgen

import (
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

const longRun = `
version: 1
targets: { api: { url: "http://127.0.0.1:3000", protocol: socketio } }
phases: [{ name: hold, for: 30m }]
timeout: 1h
checkpoint: { every: 1m, file: x }
clients:
  subscribers:
    count: 10
    flow: [{ emit: join, args: [lobby], ack: {} }, { on: message, until: end }]
  talkers:
    count: 5
    flow: [{ emit: say, args: [other, hi], rate: 12/m, ack: {} }]
  publisher:
    flow: [{ emit: say, args: [lobby, "{{marker}}"], rate: 30/m, ack: {} }]
verify:
  lobby: { from: publisher, to: subscribers, guarantee: atLeastOnce }
thresholds:
  delivery_lost: { expr: count == 0, window: 5m, abort: true }
  ack_latency: [{ expr: p99 < 1s, window: 5m }, slope < 100ms/h]
  delivery_latency: { expr: p99 < 1s, window: 1m }
`

// TestMemoryIsFlat: a run of half an hour takes at its end what it took after
// five minutes, with windows, slopes and the ledger at work. What grows with
// the run is the ledger's log of marked messages, 12 bytes each.
func TestMemoryIsFlat(t *testing.T) {
	if testing.Short() {
		t.Skip("simulates half an hour")
	}
	// Not parallel: what other tests hold would count.
	synctest.Test(t, func(t *testing.T) {
		heap := map[int]uint64{}
		s := &fakeServer{delay: 5 * time.Millisecond}
		r := bench(t, s, longRun, func(o *Options) {
			o.Checkpoint = func(*Report) error { return nil }
			o.onEngine = func(e *engine) {
				e.wg.Go(func() {
					for _, at := range []int{5, 10, 20, 29} {
						if !e.sleepUntil(time.Duration(at)*time.Minute + 30*time.Second) {
							return
						}
						runtime.GC()
						runtime.GC()
						var m runtime.MemStats
						runtime.ReadMemStats(&m)
						heap[at] = m.HeapAlloc
					}
				})
			}
		})
		wantVerdict(t, r, Pass)
		text := fmt.Sprintf("heap after 5, 10, 20 and 29 minutes: %s, %s, %s, %s",
			byteSize(int64(heap[5])), byteSize(int64(heap[10])), byteSize(int64(heap[20])), byteSize(int64(heap[29])))
		t.Log(text)
		// By a megabyte the heap comes and goes: pools, and what a checkpoint holds.
		if limit := heap[5] + heap[5]/20 + 2<<20; heap[29] > limit || heap[5] == 0 {
			t.Errorf("%s: want at most 5 %% and 2 MiB more at the end", text)
		}
	})
}
