//go:build linux

package main

import (
	"fmt"
	"io"
	"math"
)

// print writes the measurements beside the model, and the costs that they come
// to, as tables in Markdown.
func (p plan) print(w io.Writer, all []measurement) {
	fmt.Fprintf(w, "%.0f messages a second of %d bytes, %s each; model → measured (ratio).\n\n", p.rate, p.size, p.measured)
	fmt.Fprint(w, "| pods | rooms | members | adapter | Redis takes/s | each pod hears/s | each pod uses/s | Redis sends/s | bytes a copy | cores: Redis | pods | subscriptions of a pod |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	worst := 0.0
	var lost int64
	for _, m := range all {
		fmt.Fprintf(w, "| %d | %d | %d | %s | %s | %s | %s | %s | %.0f | %.3f | %.3f | %d |\n", m.pods, m.rooms, m.shape.members, m.adapter,
			beside(m.model.published, m.seen.published), beside(m.model.heard, m.seen.heard), beside(m.model.received, m.seen.received),
			beside(m.model.copies, m.seen.copies), m.copyBytes, m.redisCores, m.podsCores, m.subscriptions)
		worst = max(worst, math.Abs(m.seen.heard/m.model.heard-1))
		lost += m.lost
	}
	fmt.Fprintf(w, "\nfarthest of what a pod hears from the model: %.1f %%; deliveries lost: %d\n", 100*worst, lost)
}

// printCosts writes what was measured at saturation and what it comes to.
func (p plan) printCosts(w io.Writer, all []measurement) {
	fmt.Fprintf(w, "\nat saturation of one core for pods and Redis, %d messages outstanding, µs of processor time for each message, and for each connection that is made and joins a room:\n\n", p.window)
	fmt.Fprint(w, "| pods | members | adapter | messages/s | copies/s out of Redis | deliveries/s | Redis | pods | a connection: Redis | pods | lost | late or twice |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, m := range all {
		fmt.Fprintf(w, "| %d | %d | %s | %.0f | %.0f | %.0f | %.2f | %.2f | %.0f | %.0f | %d | %d |\n", m.pods, m.shape.members, m.adapter, m.seen.published, m.seen.copies, m.deliveries,
			1e6*m.redisCores/m.seen.published, 1e6*m.podsCores/m.seen.published, m.subscribe, m.connect, m.lost, m.disorder)
	}
	fmt.Fprint(w, "\n| µs of processor time | Redis: a message taken | a copy sent | pods: a message published | a message heard | a delivery |\n|---|---|---|---|---|---|\n")
	for _, adapter := range p.adapters {
		redis, pods := costs(all, adapter)
		if redis != nil && pods != nil {
			fmt.Fprintf(w, "| %s | %.2f | %.2f | %.2f | %.2f | %.2f |\n", adapter, redis[0], redis[1], pods[0], pods[1], pods[2])
		}
	}
}

func beside(model, seen float64) string {
	if model == 0 {
		return fmt.Sprintf("0 → %.0f", seen)
	}
	return fmt.Sprintf("%.0f → %.0f (%.2f)", model, seen, seen/model)
}

// costs are microseconds for each thing that Redis and the pods do, by least
// squares over all shapes of an adapter.
func costs(all []measurement, adapter string) (redis, pods []float64) {
	var redisRows, podRows [][]float64
	var redisCost, podCost []float64
	for _, m := range all {
		if m.adapter != adapter {
			continue
		}
		copies, deliveries := m.seen.copies/m.seen.published, m.deliveries/m.seen.published
		redisRows = append(redisRows, []float64{1, copies})
		redisCost = append(redisCost, 1e6*m.redisCores/m.seen.published)
		podRows = append(podRows, []float64{1, copies, deliveries})
		podCost = append(podCost, 1e6*m.podsCores/m.seen.published)
	}
	return fit(redisRows, redisCost), fit(podRows, podCost)
}
