package loadgen

import (
	"time"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/hist"
)

const (
	// minBlocks to maxBlocks is how many equal spans a run is cut into.
	minBlocks = 8
	maxBlocks = 2 * minBlocks
	// maxBlockSeries bounds the latency series that are read at each cut.
	maxBlockSeries = 256
)

// blocks cuts a run into equal spans and keeps each latency's state at the
// cuts. Within a run latencies hang together: a slow second is slow for
// everyone. What a comparison may conclude from one run is told by how its
// spans differ, not by how many samples it has.
//
// It is not safe for concurrent use.
type blocks struct {
	e    *engine
	n    int // series
	next time.Duration
	span time.Duration
	cuts [][]hist.Counts // by cut, by series: since the cut before
	last []hist.Counts   // by series: since the beginning
}

func newBlocks(e *engine) *blocks {
	b := &blocks{e: e, n: e.hists.Len()}
	b.span = max(e.plan.Length/maxBlocks, time.Second)
	b.next = b.span
	if b.n > maxBlockSeries {
		b.n = 0 // a matrix of many cells, each of which has few samples
	}
	b.last = make([]hist.Counts, b.n)
	return b
}

// tick cuts when a span is over.
func (b *blocks) tick(now time.Duration) {
	if b.n == 0 || now < b.next {
		return
	}
	for b.next <= now {
		b.next += b.span
	}
	cut := make([]hist.Counts, b.n)
	for i := range cut {
		all := b.e.hists.Read(hist.ID(i)).Counts()
		cut[i] = all.Sub(b.last[i])
		b.last[i] = all
	}
	b.cuts = append(b.cuts, cut)
	if len(b.cuts) < 2*maxBlocks {
		return
	}
	// A run that is longer than planned: each two neighbours become one.
	for i := range maxBlocks {
		for id := range b.n {
			b.cuts[i][id] = b.cuts[2*i][id].Add(b.cuts[2*i+1][id])
		}
	}
	b.cuts = b.cuts[:maxBlocks]
	b.span *= 2
}

// of are the spans in which the series had samples, nil when there are too
// few of them to tell anything.
func (b *blocks) of(ids []hist.ID) []Block {
	if b == nil || len(ids) == 0 {
		return nil
	}
	var out []Block
	for _, cut := range b.cuts {
		var c hist.Counts
		for _, id := range ids {
			if id != hist.None && int(id) < b.n {
				c = c.Add(cut[id])
			}
		}
		if n := c.Total(); n > 0 {
			out = append(out, Block{Count: n, P50: c.Percentile(50), P90: c.Percentile(90), P99: c.Percentile(99)})
		}
	}
	if len(out) < minBlocks/2 {
		return nil
	}
	return out
}
