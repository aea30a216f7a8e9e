//go:build linux

package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/realtime-toolkit/rtk/bench/internal/drive"
	"github.com/realtime-toolkit/rtk/bench/internal/fleet"
)

var (
	socketIO   = drive.SocketIO{}
	centrifugo = drive.Centrifugo{}
)

type contender struct {
	server   fleet.Server
	protocol drive.Protocol
}

type plan struct {
	fleets                          []contender
	pods, subscribers, rounds, size int
	few                             int
	window                          int
	rate                            float64
	warm, measured                  time.Duration
}

// serverCore is where the fleets run; this process is on the other one.
const serverCore = 0

// round is what one fleet showed in one round.
type round struct {
	saturated load
	many, few pair // at the pace, with all subscribers and with few
}

// pair is the same load on several pods, and on one without Redis.
type pair struct {
	cluster, alone load
}

// load is one run and what it cost.
type load struct {
	drive.Result
	pods, redis, own time.Duration
}

func (l load) perSecond() float64 { return float64(l.Delivered) / l.Elapsed.Seconds() }

// perMillion is processor time in seconds for a million deliveries.
func (l load) perMillion(t time.Duration) float64 {
	return t.Seconds() / float64(max(1, l.Delivered)) * 1e6
}

// run takes the fleets in turn, round by round, so that what else the machine
// does meets all of them.
func (p plan) run(progress io.Writer) (map[string][]round, error) {
	results := make(map[string][]round)
	for i := range p.rounds {
		for _, c := range p.fleets {
			r, err := p.round(c)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.server.Name, err)
			}
			results[c.server.Name] = append(results[c.server.Name], r)
			fmt.Fprintf(progress, "%d/%d %-32s %9.0f deliveries/s, hop %s and %s, lost %d, out of order or twice %d\n", i+1, p.rounds, c.server.Name,
				r.saturated.perSecond(), r.many.hop(), r.few.hop(), r.lost(), r.disorder())
		}
	}
	return results, nil
}

func (p plan) round(c contender) (r round, err error) {
	if r.saturated, err = p.load(c, p.pods, p.subscribers, false); err != nil {
		return r, err
	}
	if r.many, err = p.pair(c, p.subscribers); err != nil {
		return r, err
	}
	r.few, err = p.pair(c, p.few)
	return r, err
}

func (p plan) pair(c contender, subscribers int) (r pair, err error) {
	if r.cluster, err = p.load(c, p.pods, subscribers, true); err != nil {
		return r, err
	}
	r.alone, err = p.load(c, 1, subscribers, true)
	return r, err
}

func (p plan) load(c contender, pods, subscribers int, paced bool) (load, error) {
	f, err := fleet.Start(c.server, pods, serverCore, false)
	if err != nil {
		return load{}, err
	}
	defer f.Stop()
	var clients []drive.Client
	for i := range subscribers {
		clients = append(clients, drive.Client{Pod: i % pods})
	}
	d, err := drive.Open(drive.Options{Protocol: c.protocol, Addrs: f.Addrs(), Rooms: []string{"room"}, Clients: clients, Size: p.size})
	if err != nil {
		return load{}, err
	}
	defer d.Close()
	var l load
	begin := func() { l.pods, l.redis, l.own = f.PodsCPU(), f.RedisCPU(), fleet.CPU(os.Getpid()) }
	end := func() {
		l.pods, l.redis, l.own = f.PodsCPU()-l.pods, f.RedisCPU()-l.redis, fleet.CPU(os.Getpid())-l.own
	}
	if paced {
		l.Result, err = d.Pace(p.rate/float64(subscribers), p.warm, p.measured, begin, end)
	} else {
		l.Result, err = d.Saturate(p.window, p.warm, p.measured, begin, end)
	}
	return l, err
}

// hop is what the way over Redis adds to the median.
func (r pair) hop() time.Duration {
	if len(r.cluster.Cross) == 0 {
		return 0
	}
	return drive.Quantile(r.cluster.Cross, .5) - drive.Quantile(r.cluster.Same, .5)
}

func (r round) lost() int64 {
	return r.saturated.Lost + r.many.cluster.Lost + r.many.alone.Lost + r.few.cluster.Lost + r.few.alone.Lost
}

func (r round) disorder() int64 {
	return r.saturated.Disorder + r.many.cluster.Disorder + r.many.alone.Disorder + r.few.cluster.Disorder + r.few.alone.Disorder
}
