//go:build linux

package main

import "math"

// sight is what is seen of one cluster, in messages a second.
type sight struct {
	published float64 // commands that publish, at Redis
	heard     float64 // by each pod over its subscriptions, its own among them
	copies    float64 // out of Redis
	received  float64 // by each pod, of others and with members here
}

// heartbeats is how many messages a second a pod sends itself through Redis.
const heartbeats = 1

// model says what a cluster sees of messages at a rate, spread evenly over pods and rooms,
// when members are on pods at random: see docs/scaling.md.
func model(s shape, adapter string, rate float64) sight {
	pods := float64(s.pods)
	// The chance that a pod has a member of a room.
	present := 1 - math.Pow(1-1/pods, float64(s.members))
	m := sight{
		published: rate + pods*heartbeats,
		heard:     rate,
		received:  rate * present * (pods - 1) / pods,
	}
	if adapter == "rooms" || adapter == "sharded" {
		m.heard = rate * present
	}
	m.copies = pods * m.heard
	return m
}
