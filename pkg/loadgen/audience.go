package loadgen

import (
	"time"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/hist"
	"github.com/realtime-toolkit/rtk/pkg/loadgen/ledger"
)

// audience is the ledger's view of one subscribing group, together with the
// latency series of its deliveries.
type audience struct {
	*ledger.Audience
	group     *groupRun
	watches   []*watch
	pubTarget []int16 // by publisher: index of its target, -1 when not watched
	pubWatch  []int16 // by publisher: index of its watch
	targets   int
	edge      time.Duration // what is under way this long before leaving is unsure
	incidents incidents
}

// watch is one verify block.
type watch struct {
	verify *Verify
	rule   ledger.Rule
	from   *groupRun
	// latency is the series by publisher's and subscriber's target.
	latency []hist.ID
}

// newAudience gathers the verify blocks that watch a group.
func newAudience(e *engine, g *groupRun, verify []*Verify, byName map[string]*groupRun) *audience {
	a := &audience{
		group:     g,
		targets:   len(e.targets),
		pubTarget: make([]int16, e.plan.Publishers),
		pubWatch:  make([]int16, e.plan.Publishers),
		edge:      time.Second,
	}
	for i := range a.pubTarget {
		a.pubTarget[i], a.pubWatch[i] = -1, -1
	}
	digits := hist.Fine
	if a.targets > 4 {
		digits = hist.Coarse // cells grow with the square of the targets
	}
	var sources []ledger.Source
	total := false
	for _, v := range verify {
		from := byName[v.From]
		w := &watch{verify: v, from: from, latency: make([]hist.ID, a.targets*a.targets)}
		for i := range w.latency {
			w.latency[i] = hist.None
		}
		w.rule = ledger.Rule{First: len(sources), Nothing: v.Nothing, Reliable: v.Guarantee != AtMostOnce, Across: v.Across}
		overHTTP := from.publishesByHTTP()
		for _, cell := range from.cells {
			for i := range cell.plan.Count {
				pub := from.plan.firstPublisher + cell.plan.First + i
				sources = append(sources, ledger.Source{Publisher: pub, Within: v.Within, Concurrent: overHTTP})
				a.pubTarget[pub] = int16(e.targetIndex(cell.plan.Target))
				a.pubWatch[pub] = int16(len(a.watches))
			}
			for _, to := range g.cells {
				at := e.targetIndex(cell.plan.Target)*a.targets + e.targetIndex(to.plan.Target)
				if w.latency[at] == hist.None && !v.Nothing && !v.Slow {
					w.latency[at] = e.hists.Add(digits)
				}
			}
		}
		w.rule.End = len(sources)
		from.logged = true
		g.canary = g.canary || v.Nothing
		total = total || v.Order == OrderTotal && from.plan.Count > 1
		a.edge = max(a.edge, v.Within)
		a.watches = append(a.watches, w)
	}
	a.Audience = e.book.Audience(g.plan.Count, sources, total)
	if g.plan.Publisher {
		for i := range g.plan.Count {
			a.Self(i, g.plan.firstPublisher+i)
		}
	}
	return a
}

// publishesByHTTP tells whether marked messages of the group are requests,
// which overlap.
func (g *groupRun) publishesByHTTP() bool {
	for _, st := range g.plan.Group.Flow {
		if st.Publish != nil && st.Publish.Marker {
			return true
		}
	}
	return false
}

// series is where the latency of a delivery is recorded.
func (a *audience) series(pub uint32, subTarget int) hist.ID {
	return a.watches[a.pubWatch[pub]].latency[int(a.pubTarget[pub])*a.targets+subTarget]
}
