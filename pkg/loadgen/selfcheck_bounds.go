package loadgen

import (
	"fmt"
	"math"
	"time"
)

// Bounds of the generator's self check.
//
// Latencies count from the intended send, so a generator that lags behind
// makes them longer, never shorter: up to the hard bound a pass is a pass, and
// only a failure that goes away when the lag is taken off is inconclusive.
// Beyond the hard bound the load was not the one that was asked for, or was not
// looked at in time, and nothing but an outright violation (a lost, doubled or
// leaked message, an accepted forgery) still counts. The soft bounds are worth a
// warning.
const (
	softLag     = 10 * time.Millisecond  // p99
	hardLag     = 100 * time.Millisecond // p99
	softPause   = 20 * time.Millisecond  // longest stop of the garbage collector
	softGC      = 0.02                   // share of the time for which it stopped everything
	hardGC      = 0.10
	softCPU     = 0.95 // share of the machine's cores
	hardCPU     = 0.98
	softSteal   = 0.05 // share of the processors' time that the hypervisor took
	hardSteal   = 0.25
	softUnread  = 0.02 // share of samples with a receive buffer that is half full
	hardUnread  = 0.20
	minCPUTime  = time.Second // a shorter run's share says nothing
	lagInterval = 5 * time.Millisecond
)

// selfBound is one figure of the generator about itself, and how far it may go.
type selfBound struct {
	value      func(g *Generator) float64
	soft, hard float64
	slow       bool // says something only of runs that last
	text       func(g *Generator) string
}

var selfBounds = []selfBound{
	{
		value: func(g *Generator) float64 { return g.SchedulerLagP99 }, soft: softLag.Seconds(), hard: hardLag.Seconds(),
		text: func(g *Generator) string {
			return fmt.Sprintf("scheduler lag p99 %s, bound %s", round(seconds(g.SchedulerLagP99)), softLag)
		},
	},
	{
		value: func(g *Generator) float64 { return g.SendAgeP99 }, soft: softLag.Seconds(), hard: hardLag.Seconds(),
		text: func(g *Generator) string {
			return fmt.Sprintf("sends waited p99 %s within rtk, bound %s", round(seconds(g.SendAgeP99)), softLag)
		},
	},
	{
		value: func(g *Generator) float64 { return g.GCPauseMax }, soft: softPause.Seconds(), hard: math.Inf(1), // once in a long run is not the run
		text: func(g *Generator) string {
			return fmt.Sprintf("garbage collection stopped everything for %s, bound %s", round(seconds(g.GCPauseMax)), softPause)
		},
	},
	{
		value: func(g *Generator) float64 { return g.GCShare }, soft: softGC, hard: hardGC, slow: true,
		text: func(g *Generator) string {
			return fmt.Sprintf("garbage collection stopped everything for %.1f %% of the time, bound %.0f %%", g.GCShare*100, softGC*100)
		},
	},
	{
		value: func(g *Generator) float64 { return g.CPUShare }, soft: softCPU, hard: hardCPU, slow: true,
		text: func(g *Generator) string {
			return fmt.Sprintf("used %.0f %% of the machine's processors, bound %.0f %%", g.CPUShare*100, softCPU*100)
		},
	},
	{
		value: func(g *Generator) float64 { return g.StealShare }, soft: softSteal, hard: hardSteal, slow: true,
		text: func(g *Generator) string {
			return fmt.Sprintf("the hypervisor took %.0f %% of the processors' time, bound %.0f %%", g.StealShare*100, softSteal*100)
		},
	},
	{
		value: func(g *Generator) float64 { return g.UnreadShare }, soft: softUnread, hard: hardUnread,
		text: func(g *Generator) string {
			return fmt.Sprintf("receive buffers were half full in %.1f %% of the samples (most %.0f %%), bound %.0f %%: rtk read too slowly",
				g.UnreadShare*100, g.UnreadMax*100, softUnread*100)
		},
	},
}

// generatorProblems lists what the generator did not manage. hard tells that
// the load was not the one that was asked for.
func generatorProblems(g Generator, limited int64, took float64) (problems []string, hard bool) {
	for _, b := range selfBounds {
		v := b.value(&g)
		if v <= b.soft || b.slow && took < minCPUTime.Seconds() {
			continue
		}
		problems = append(problems, b.text(&g))
		hard = hard || v > b.hard
	}
	if g.SelfDropped > 0 {
		problems, hard = append(problems, fmt.Sprintf("dropped %d messages itself", g.SelfDropped)), true
	}
	if limited > 0 {
		problems, hard = append(problems, fmt.Sprintf("%d connections failed for want of descriptors, ports or memory of this machine", limited)), true
	}
	return problems, hard
}

// trustworthy are the percentiles that a number of samples can tell: ten of
// them must lie beyond.
func trustworthy(samples int64) float64 {
	best := 0.0
	for _, p := range []float64{50, 90, 99, 99.9, 99.99} {
		if float64(samples)*(100-p)/100 >= 10-1e-9 {
			best = p
		}
	}
	return best
}

// trustText is the line by which a report says how far its latencies go.
func (g *Generator) trustText() string {
	switch {
	case g.TrustworthyUpTo <= 0:
		return ""
	case g.TrustworthyPercentile <= 0:
		return "latencies below " + shortDuration(g.TrustworthyUpTo) + " are noise"
	}
	return fmt.Sprintf("numbers trustworthy up to p%v, within %s", g.TrustworthyPercentile, shortDuration(g.TrustworthyUpTo))
}
