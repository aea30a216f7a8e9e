//go:build linux

package main

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/realtime-toolkit/rtk/bench/internal/drive"
)

// print writes the medians of the rounds as two tables in Markdown.
func (p plan) print(w io.Writer, results map[string][]round) {
	fmt.Fprintf(w, "%d pods, one room with %d subscribers on all of them, each pod publishing %d bytes; medians of %d rounds of %s, least and most in brackets.\n\n",
		p.pods, p.subscribers, p.size, p.rounds, p.measured)
	fmt.Fprint(w, "| at saturation | deliveries/s | CPU s a million: pods | Redis | share of Redis | driver's core | lost | late or twice |\n|---|---|---|---|---|---|---|---|\n")
	for _, c := range p.fleets {
		rounds := results[c.server.Name]
		fmt.Fprintf(w, "| %s | %s | %.2f | %.3f | %.1f %% | %.0f %% | %d | %d |\n", c.server.Name,
			spread(rounds, func(r round) float64 { return r.saturated.perSecond() / 1000 }, "%.0fk"),
			median(rounds, func(r round) float64 { return r.saturated.perMillion(r.saturated.pods) }),
			median(rounds, func(r round) float64 { return r.saturated.perMillion(r.saturated.redis) }),
			median(rounds, func(r round) float64 {
				return 100 * r.saturated.redis.Seconds() / max(1e-9, (r.saturated.redis+r.saturated.pods).Seconds())
			}),
			median(rounds, func(r round) float64 { return 100 * r.saturated.own.Seconds() / r.saturated.Elapsed.Seconds() }),
			sum(rounds, round.lost), sum(rounds, round.disorder))
	}
	p.printLatency(w, results, p.subscribers, func(r round) pair { return r.many })
	p.printLatency(w, results, p.few, func(r round) pair { return r.few })
}

func (p plan) printLatency(w io.Writer, results map[string][]round, subscribers int, of func(round) pair) {
	fmt.Fprintf(w, "\n| %d subscribers, %.0f messages/s, ms | one pod, p50 | same pod, p50 | other pod, p50 | hop | other pod over one pod | other pod, p99 | cores of pods | of Redis |\n|---|---|---|---|---|---|---|---|---|\n",
		subscribers, p.rate/float64(subscribers))
	for _, c := range p.fleets {
		rounds := results[c.server.Name]
		fmt.Fprintf(w, "| %s | %.2f | %.2f | %.2f | %s | %s | %.2f | %.3f | %.3f |\n", c.server.Name,
			median(rounds, func(r round) float64 { return ms(drive.Quantile(of(r).alone.Same, .5)) }),
			median(rounds, func(r round) float64 { return ms(drive.Quantile(of(r).cluster.Same, .5)) }),
			median(rounds, func(r round) float64 { return ms(drive.Quantile(of(r).cluster.Cross, .5)) }),
			spread(rounds, func(r round) float64 { return ms(of(r).hop()) }, "%.2f"),
			spread(rounds, func(r round) float64 {
				return ms(drive.Quantile(of(r).cluster.Cross, .5) - drive.Quantile(of(r).alone.Same, .5))
			}, "%.2f"),
			median(rounds, func(r round) float64 { return ms(drive.Quantile(of(r).cluster.Cross, .99)) }),
			median(rounds, func(r round) float64 { return of(r).cluster.cores(of(r).cluster.pods) }),
			median(rounds, func(r round) float64 { return of(r).cluster.cores(of(r).cluster.redis) }))
	}
}

// cores is processor time over the time that a run took.
func (l load) cores(t time.Duration) float64 { return t.Seconds() / l.Elapsed.Seconds() }

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func values(rounds []round, of func(round) float64) []float64 {
	var v []float64
	for _, r := range rounds {
		v = append(v, of(r))
	}
	slices.Sort(v)
	return v
}

func median(rounds []round, of func(round) float64) float64 {
	v := values(rounds, of)
	return v[len(v)/2]
}

func spread(rounds []round, of func(round) float64, format string) string {
	v := values(rounds, of)
	return fmt.Sprintf(format+" ("+format+"–"+format+")", v[len(v)/2], v[0], v[len(v)-1])
}

func sum(rounds []round, of func(round) int64) (n int64) {
	for _, r := range rounds {
		n += of(r)
	}
	return n
}
