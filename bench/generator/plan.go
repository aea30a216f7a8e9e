//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

// plan is what to measure, and how often.
type plan struct {
	rounds, idle                     int
	rtk, before, peer, k6, artillery string
	only                             string
	measured                         time.Duration
	self                             string // this program

	progress io.Writer
	results  map[string]map[string][]sample // by test and generator
}

// sample is one run of one generator. What a test does not measure is 0.
type sample struct {
	perClient      float64 // bytes of resident memory
	each           float64 // microseconds of processor time for a delivery or a round trip
	core           float64 // share of the generator's core
	rate           float64 // deliveries or round trips a second
	p50, p99       float64 // milliseconds
	missing, wrong int64   // deliveries that did not come, or twice, or out of order
}

// The tests. Others on the machine disturb rates and latencies, processor time
// less, memory not at all; so everything is taken in turn, round by round.
const (
	testIdleWS  = "idle, WebSocket"
	testIdleSIO = "idle, Socket.IO"
	testFanout  = "fan-out"
	testEcho    = "round trips"
	testLatency = "latency"
)

func (p *plan) run(out, progress io.Writer) error {
	p.progress, p.results = progress, map[string]map[string][]sample{}
	for _, f := range []*string{&p.k6, &p.artillery} {
		if path, err := exec.LookPath(*f); err == nil {
			*f = path
		} else {
			*f = ""
		}
	}
	for round := range p.rounds {
		for _, t := range []struct {
			name string
			run  func(round int) error
		}{{"idle", p.idleRound}, {"fanout", p.fanoutRound}, {"echo", p.echoRound}, {"latency", p.latencyRound}} {
			if !slices.Contains(strings.Split(p.only, ","), t.name) {
				continue
			}
			if err := t.run(round); err != nil {
				return fmt.Errorf("%s: %w", t.name, err)
			}
		}
	}
	p.print(out)
	return nil
}

func (p *plan) note(test, generator string, s sample, err error) {
	if err != nil {
		fmt.Fprintf(p.progress, "%-16s %-10s %v\n", test, generator, err)
		return
	}
	if p.results[test] == nil {
		p.results[test] = map[string][]sample{}
	}
	p.results[test][generator] = append(p.results[test][generator], s)
	fmt.Fprintf(p.progress, "%-16s %-10s %6.0f B/client %6.2f µs each, core %3.0f %%, %7.0f/s, p50 %.1f p99 %.1f ms, missing %d, wrong %d\n",
		test, generator, s.perClient, s.each, 100*s.core, s.rate, s.p50, s.p99, s.missing, s.wrong)
}

// binaries are the builds of rtk that are measured, by the name in the tables.
func (p *plan) binaries() [][2]string {
	all := [][2]string{{"rtk", p.rtk}}
	if p.before != "" {
		all = append(all, [2]string{"rtk before", p.before})
	}
	return all
}

// calm is waited for before memory is read, so that the handshakes' garbage is
// gone or counts as what stays.
const calm = 4 * time.Second

func (p *plan) idleRound(round int) error {
	n := strconv.Itoa(p.idle)
	hub, err := serve(p.self, "hub")
	if err != nil {
		return err
	}
	defer hub.stop()
	peer, err := serve(p.peer)
	if err != nil {
		return err
	}
	defer peer.stop()
	idle := func(test, name string, s *server, env []string, argv ...string) {
		c, err := start(1, env, argv...)
		if err != nil {
			p.note(test, name, sample{}, err)
			return
		}
		defer c.stop()
		if err = s.await(p.idle, c); err != nil {
			p.note(test, name, sample{}, err)
			return
		}
		time.Sleep(calm)
		p.note(test, name, sample{perClient: float64(resident(tree(c.Process.Pid))) / float64(p.idle)}, nil)
	}
	for _, b := range p.binaries() {
		idle(testIdleWS, b[0], hub, nil, b[1], "bench", "bench/generator/idle.yaml", "--progress", "none",
			"--set", "ADDR="+hub.addr, "--set", "N="+n, "--set", "HOLD=60s")
		idle(testIdleSIO, b[0], peer, nil, b[1], "bench", "bench/idle.yaml", "--progress", "none", "--target", "http://"+peer.addr,
			"--set", "N="+n, "--set", "HOLD=60s", "--set", "NAMESPACE=/", "--set", "CONNECT_RATE=2000/s")
	}
	if round > 0 {
		return nil // they don't change
	}
	if p.k6 != "" {
		idle(testIdleWS, "k6", hub, k6Env, p.k6, "run", "-q", "--no-thresholds",
			"-e", "URL=ws://"+hub.addr, "-e", "N="+n, "-e", "SOCKETS=100", "-e", "SECS=60", "bench/generator/k6.js")
	}
	if p.artillery != "" {
		phases := `{"config":{"phases":[{"duration":10,"arrivalCount":` + n + `}]}}`
		idle(testIdleWS, "Artillery", hub, artilleryEnv, p.artillery, "run", "-q", "-t", "ws://"+hub.addr+"/ws", "--overrides", phases, "bench/generator/artillery.yml")
		idle(testIdleSIO, "Artillery", peer, artilleryEnv, p.artillery, "run", "-q", "-t", "http://"+peer.addr, "--overrides", phases, "bench/generator/artillery-sio.yml")
	}
	return nil
}

var (
	k6Env        = []string{"K6_NO_USAGE_REPORT=true"}
	artilleryEnv = []string{"ARTILLERY_DISABLE_TELEMETRY=true"}
)

// The load of the fan-out, and of the latency: 20,000 deliveries a second.
const (
	fanoutClients, fanoutRate   = 2000, 10
	latencyClients, latencyRate = 1000, 20
	// runUp is from the last handshake to the measured time, coda how long the
	// load goes on after it.
	runUp = 3 * time.Second
	coda  = time.Second
)

// cast is one fan-out: argv makes clients sockets and publishes for length after
// the last handshake, and result reads what it printed. With whole set the
// processor time is that of all deliveries, from the last handshake to the end, for
// a generator that may not keep up: in the measured time it has then not handled
// what was sent in it.
func (p *plan) cast(clients int, rate float64, whole bool, env []string, argv func(addr, length string) []string, result func(*child, *sample) error) (sample, error) {
	hub, err := serve(p.self, "hub")
	if err != nil {
		return sample{}, err
	}
	defer hub.stop()
	length := runUp + p.measured + coda
	c, err := start(1, env, argv(hub.addr, strconv.Itoa(int(length.Seconds())))...)
	if err != nil {
		return sample{}, err
	}
	defer c.stop()
	if err := hub.await(clients+1, c); err != nil {
		return sample{}, err
	}
	pids := tree(c.Process.Pid)
	connected := cpu(pids)
	time.Sleep(runUp)
	cpu0, t0 := cpu(pids), time.Now()
	time.Sleep(p.measured)
	used, took := cpu(pids)-cpu0, time.Since(t0).Seconds()
	if err := c.wait(2 * time.Minute); err != nil && c.out.Len() == 0 {
		return sample{}, err
	}
	s := sample{core: used / took}
	if err := result(c, &s); err != nil {
		return s, fmt.Errorf("%w: %.300s", err, c.out.String())
	}
	expected := float64(clients) * rate * length.Seconds()
	s.rate = float64(clients) * rate * (expected - float64(s.missing)) / expected
	s.each = used / (took * s.rate) * 1e6
	if whole {
		s.each = ((c.ProcessState.UserTime() + c.ProcessState.SystemTime()).Seconds() - connected) / max(expected-float64(s.missing), 1) * 1e6
	}
	return s, nil
}

// rtkCast is cast by `rtk bench`.
func (p *plan) rtkCast(binary string, clients int, rate float64) (sample, error) {
	return p.cast(clients, rate, false, nil, func(addr, length string) []string {
		return []string{
			binary, "bench", "bench/generator/fanout.yaml", "-o", "json", "--progress", "none", "--set", "ADDR=" + addr,
			"--set", "N=" + strconv.Itoa(clients), "--set", fmt.Sprintf("RATE=%g/s", rate), "--set", "LENGTH=" + length + "s",
		}
	}, func(c *child, s *sample) error {
		var doc struct {
			Runs []struct {
				Verify []struct {
					Lost       int64 `json:"lost"`
					Duplicated int64 `json:"duplicated"`
					OutOfOrder int64 `json:"out_of_order"`
				} `json:"verify"`
			} `json:"runs"`
		}
		if err := json.Unmarshal(c.out.Bytes(), &doc); err != nil {
			return err
		}
		if len(doc.Runs) != 1 || len(doc.Runs[0].Verify) != 1 {
			return fmt.Errorf("not the report that was expected")
		}
		v := doc.Runs[0].Verify[0]
		s.missing, s.wrong = v.Lost, v.Duplicated+v.OutOfOrder
		s.p50, s.p99 = latencyOf(c.out.Bytes(), "delivery_latency")
		return nil
	})
}

func (p *plan) fanoutRound(int) error {
	expected := func() int64 {
		return int64(fanoutClients * fanoutRate * (runUp + p.measured + coda).Seconds())
	}
	plain := func(c *child, s *sample) error {
		var r readerResult
		if err := json.Unmarshal(c.out.Bytes(), &r); err != nil {
			return err
		}
		s.missing, s.wrong = expected()-r.Received, r.Disorder
		s.p50, s.p99 = float64(r.P50)/1e3, float64(r.P99)/1e3
		return nil
	}
	for _, b := range p.binaries() {
		s, err := p.rtkCast(b[1], fanoutClients, fanoutRate)
		p.note(testFanout, b[0], s, err)
	}
	s, err := p.cast(fanoutClients, fanoutRate, false, nil, func(addr, length string) []string {
		return []string{p.self, "reader", "-addr", addr, "-n", strconv.Itoa(fanoutClients), "-rate", strconv.Itoa(fanoutRate), "-for", length + "s"}
	}, plain)
	p.note(testFanout, "bare reader", s, err)
	if p.k6 == "" {
		return nil
	}
	s, err = p.cast(fanoutClients, fanoutRate, true, k6Env, func(addr, length string) []string {
		seconds, _ := strconv.Atoi(length)
		return []string{
			p.k6, "run", "-q", "--no-thresholds", "-e", "URL=ws://" + addr, "-e", "N=" + strconv.Itoa(fanoutClients), "-e", "SOCKETS=100",
			"-e", "RATE=" + strconv.Itoa(fanoutRate), "-e", "WAIT=3", "-e", "FOR=" + length, "-e", "SECS=" + strconv.Itoa(seconds+8), "bench/generator/k6.js",
		}
	}, plain)
	p.note(testFanout, "k6", s, err)
	return nil
}

// driven is one run of the neutral driver against a server.
func (p *plan) driven(s *server, args ...string) (driverResult, error) {
	var r driverResult
	c, err := start(1, nil, append([]string{p.self, "driver", "-addr", s.addr, "-for", p.measured.String()}, args...)...)
	if err != nil {
		return r, err
	}
	if err := c.wait(time.Minute); err != nil {
		return r, err
	}
	return r, json.Unmarshal(c.out.Bytes(), &r)
}

const echoClients = 100

// echoRound lets the driver make round trips as fast as they go, and rtk as many
// as four fifths of that.
func (p *plan) echoRound(int) error {
	peer, err := serve(p.peer)
	if err != nil {
		return err
	}
	defer peer.stop()
	r, err := p.driven(peer, "-proto", "sio", "-n", strconv.Itoa(echoClients))
	if err != nil {
		return err
	}
	rate := float64(r.Trips) / r.Seconds
	p.note(testEcho, "driver", sample{each: r.CPU / float64(r.Trips) * 1e6, core: r.CPU / r.Seconds, rate: rate, p50: float64(r.P50) / 1e3, p99: float64(r.P99) / 1e3, wrong: r.Disorder}, nil)
	for _, b := range p.binaries() {
		s, err := p.rtkEcho(b[1], peer, .8*rate)
		p.note(testEcho, b[0], s, err)
	}
	return nil
}

func (p *plan) rtkEcho(binary string, peer *server, rate float64) (sample, error) {
	length := runUp + p.measured + coda
	c, err := start(1, nil, binary, "bench", "bench/generator/echo.yaml", "-o", "json", "--progress", "none", "--set", "ADDR="+peer.addr,
		"--set", "N="+strconv.Itoa(echoClients), "--set", fmt.Sprintf("RATE=%.0f/s", rate/echoClients), "--set", fmt.Sprintf("LENGTH=%.0fs", length.Seconds()))
	if err != nil {
		return sample{}, err
	}
	defer c.stop()
	if err := peer.await(echoClients, c); err != nil {
		return sample{}, err
	}
	time.Sleep(time.Second)
	pids := tree(c.Process.Pid)
	e0, _, err := peer.stats()
	if err != nil {
		return sample{}, err
	}
	cpu0, t0 := cpu(pids), time.Now()
	time.Sleep(p.measured)
	used, took := cpu(pids)-cpu0, time.Since(t0).Seconds()
	e1, _, err := peer.stats()
	if err != nil {
		return sample{}, err
	}
	if err := c.wait(2 * time.Minute); err != nil && c.out.Len() == 0 {
		return sample{}, err
	}
	s := sample{core: used / took, rate: float64(e1-e0) / took, each: used / float64(max(e1-e0, 1)) * 1e6}
	s.p50, s.p99 = latencyOf(c.out.Bytes(), "ack_latency")
	return s, nil
}

func (p *plan) latencyRound(int) error {
	hub, err := serve(p.self, "hub")
	if err != nil {
		return err
	}
	r, err := p.driven(hub, "-proto", "ws", "-n", strconv.Itoa(latencyClients), "-rate", strconv.Itoa(latencyRate))
	hub.stop()
	if err != nil {
		return err
	}
	p.note(testLatency, "driver", sample{each: r.CPU / float64(r.Trips) * 1e6, core: r.CPU / r.Seconds, rate: float64(r.Trips) / r.Seconds, p50: float64(r.P50) / 1e3, p99: float64(r.P99) / 1e3, missing: r.Lost, wrong: r.Disorder}, nil)
	for _, b := range p.binaries() {
		s, err := p.rtkCast(b[1], latencyClients, latencyRate)
		p.note(testLatency, b[0], s, err)
	}
	return nil
}
