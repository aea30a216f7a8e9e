package loadgen

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/hist"
)

func TestBlocksOfARun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := bench(t, &fakeServer{delay: 5 * time.Millisecond}, `
version: 1
targets: { a: { url: "http://a", protocol: socketio } }
clients:
  chatters: { count: 2, flow: [{ emit: say, args: ["x"], rate: 10/s, for: 60s, ack: {} }] }
`)
		m := metric(t, r, AckLatency)
		if len(m.Blocks) < minBlocks || len(m.Blocks) > 2*maxBlocks {
			t.Fatalf("%d spans", len(m.Blocks))
		}
		var n int64
		for _, b := range m.Blocks {
			n += b.Count
			if b.Count < 40 || b.P50 < 0.0049 || b.P50 > 0.0051 || b.P99 < b.P50 {
				t.Errorf("span %+v", b)
			}
		}
		if n > m.Count || n < m.Count*8/10 {
			t.Errorf("the spans hold %d of %d samples", n, m.Count)
		}
	})
}

// A run that is longer than planned has no more spans than others.
func TestBlocksAreBounded(t *testing.T) {
	t.Parallel()
	e := &engine{hists: hist.NewSet(1), plan: &Plan{}}
	id := e.hists.Add(hist.Coarse)
	b := newBlocks(e)
	for i := range 1000 {
		e.hists.Record(0, id, 1000)
		b.tick(time.Duration(i+1) * time.Second)
		if len(b.cuts) >= 2*maxBlocks {
			t.Fatalf("%d spans after %d cuts", len(b.cuts), i)
		}
	}
	var n int64
	for _, x := range b.of([]hist.ID{id}) {
		n += x.Count
	}
	// What came since the last cut is in no span.
	if n < 900 {
		t.Errorf("the spans hold %d of 1000 samples", n)
	}
}
