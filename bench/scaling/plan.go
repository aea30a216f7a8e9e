//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/realtime-toolkit/rtk/bench/internal/drive"
	"github.com/realtime-toolkit/rtk/bench/internal/fleet"
)

type shape struct{ pods, rooms, members int }

type plan struct {
	peer                 string
	adapters             []string
	pods, members, rooms []int
	fixed                shape
	rate                 float64
	window, size         int
	warm, measured       time.Duration
}

// measurement is one run.
type measurement struct {
	adapter string
	shape
	model, seen sight
	deliveries  float64 // a second
	// connect is the pods' processor time in µs for each connection made and joined,
	// subscribe is that of Redis.
	connect, subscribe float64
	lost, disorder     int64 // disorder: twice or out of order
	// Cores used, bytes of one copy out of Redis, and what a pod subscribes to.
	podsCores, redisCores, copyBytes float64
	subscriptions                    int
}

// serverCore is where the fleets run; this process is on the other one.
const serverCore = 0

func (p plan) shapes() (list []shape) {
	for _, members := range p.members {
		for _, pods := range p.pods {
			list = append(list, shape{pods, p.fixed.rooms, members})
		}
	}
	for _, rooms := range p.rooms {
		list = append(list, shape{p.fixed.pods, rooms, p.fixed.members})
	}
	return list
}

func (p plan) run(progress io.Writer) (all []measurement, err error) {
	for _, s := range p.shapes() {
		for _, adapter := range p.adapters {
			m, err := p.measure(adapter, s, false)
			if err != nil {
				return nil, fmt.Errorf("%s, %d pods, %d rooms, %d members: %w", adapter, s.pods, s.rooms, s.members, err)
			}
			fmt.Fprintf(progress, "%-8s %d pods %4d rooms %3d members: each pod hears %6.0f/s, model %6.0f\n", adapter, s.pods, s.rooms, s.members, m.seen.heard, m.model.heard)
			all = append(all, m)
		}
	}
	return all, nil
}

// saturate runs the same with as much as the core of the fleet takes, with the
// least and the most members, since what a message costs is less when many come
// at once.
func (p plan) saturate(progress io.Writer) (all []measurement, err error) {
	for _, members := range []int{slices.Min(p.members), slices.Max(p.members)} {
		for _, pods := range p.pods {
			for _, adapter := range p.adapters {
				m, err := p.measure(adapter, shape{pods, p.fixed.rooms, members}, true)
				if err != nil {
					return nil, fmt.Errorf("%s at saturation, %d pods, %d members: %w", adapter, pods, members, err)
				}
				fmt.Fprintf(progress, "%-8s %d pods %4d rooms %3d members at saturation: %6.0f messages/s\n", adapter, pods, m.rooms, members, m.seen.published)
				all = append(all, m)
			}
		}
	}
	return all, nil
}

func (p plan) measure(adapter string, s shape, saturated bool) (measurement, error) {
	m := measurement{adapter: adapter, shape: s}
	f, err := fleet.Start(fleet.Server{Name: adapter, Argv: []string{p.peer}, Env: []string{"ADAPTER=" + adapter}}, s.pods, serverCore, true)
	if err != nil {
		return m, err
	}
	defer f.Stop()
	o := drive.Options{Protocol: drive.SocketIO{}, Addrs: f.Addrs(), Size: p.size}
	place := rand.New(rand.NewPCG(1, 2)) // the same in every run
	for room := range s.rooms {
		o.Rooms = append(o.Rooms, fmt.Sprintf("room-%05d", room))
		for range s.members {
			o.Clients = append(o.Clients, drive.Client{Pod: place.IntN(s.pods), Room: room})
		}
	}
	pods, redis := f.PodsCPU(), f.RedisCPU()
	d, err := drive.Open(o)
	if err != nil {
		return m, err
	}
	defer d.Close()
	m.connect = microseconds(f.PodsCPU()-pods) / float64(len(o.Clients)+s.pods)
	m.subscribe = microseconds(f.RedisCPU()-redis) / float64(len(o.Clients))
	var before, after state
	var errBefore, errAfter error
	begin, end := func() { before, errBefore = look(f) }, func() { after, errAfter = look(f) }
	var r drive.Result
	if saturated {
		r, err = d.Saturate(p.window, p.warm, p.measured, begin, end)
	} else {
		r, err = d.Pace(p.rate, p.warm, p.measured, begin, end)
	}
	for _, err := range []error{err, errBefore, errAfter} {
		if err != nil {
			return m, err
		}
	}
	seconds := r.Elapsed.Seconds()
	m.lost, m.disorder, m.deliveries = r.Lost, r.Disorder, float64(r.Delivered)/seconds
	m.model = model(s, adapter, float64(r.Published)/seconds)
	m.fill(before, after, seconds)
	return m, nil
}

// state is what a fleet has counted so far.
type state struct {
	info            fleet.Info
	heard, received float64 // over all pods
	subscriptions   int     // of one pod
	pods, redis     time.Duration
}

func look(f *fleet.Fleet) (s state, err error) {
	s.pods, s.redis = f.PodsCPU(), f.RedisCPU()
	for _, addr := range f.Addrs() {
		b, err := backplane(addr)
		if err != nil {
			return s, err
		}
		s.heard += b.Heard
		s.received += b.Received
		s.subscriptions = max(s.subscriptions, b.Subscriptions)
	}
	s.info, err = fleet.ReadInfo(f.Redis.Addr)
	return s, err
}

// counts are the rtk_cluster_* metrics of a pod that are used here.
type counts struct {
	Heard         float64 `json:"heard"`
	Received      float64 `json:"received"`
	Subscriptions int     `json:"subscriptions"`
}

func backplane(addr string) (c counts, err error) {
	client := http.Client{Timeout: 5 * time.Second}
	r, err := client.Get("http://" + addr + "/backplane")
	if err != nil {
		return c, err
	}
	defer r.Body.Close()
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&c); err != nil {
		return c, fmt.Errorf("backplane of %s: %w", addr, err)
	}
	return c, nil
}

func (m *measurement) fill(before, after state, seconds float64) {
	info := func(name string) float64 { return after.info[name] - before.info[name] }
	for _, command := range []string{"publish", "spublish", "xadd"} {
		m.seen.published += info("command."+command+".calls") / seconds
	}
	m.seen.copies = (after.heard - before.heard) / seconds
	m.seen.heard = m.seen.copies / float64(m.pods)
	m.seen.received = (after.received - before.received) / seconds / float64(m.pods)
	m.copyBytes = info("total_net_output_bytes") / max(1, after.heard-before.heard)
	m.podsCores = (after.pods - before.pods).Seconds() / seconds
	m.redisCores = (after.redis - before.redis).Seconds() / seconds
	m.subscriptions = after.subscriptions
}

func microseconds(t time.Duration) float64 { return float64(t) / float64(time.Microsecond) }
