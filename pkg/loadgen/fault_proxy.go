package loadgen

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

// proxyLines are the proxies of a run: one in front of each address that some
// fault is to disturb.
type proxyLines struct {
	byAddr   map[string]*proxyLine
	byTarget []*proxyLine // by index of the target, nil for none
}

// proxyLine is a proxy and what disturbs it now. Faults may overlap.
type proxyLine struct {
	proxy FaultProxy

	mu     sync.Mutex
	active []*disturbance
}

// disturbance is what one fault asks for, and how many connections it touched.
type disturbance struct {
	Toxics
	touched int
}

// openProxyLines starts the proxies.
func openProxyLines(e *engine) (*proxyLines, error) {
	l := &proxyLines{byAddr: map[string]*proxyLine{}, byTarget: make([]*proxyLine, len(e.targets))}
	for _, f := range e.plan.Scenario.Faults {
		if f.Proxy == nil {
			continue
		}
		for _, t := range f.Proxy.Targets {
			addr := remoteOf(t)
			if l.byAddr[addr] != nil {
				continue
			}
			p, err := e.opt.Faults.Proxy(addr)
			if err != nil {
				l.close()
				return nil, fmt.Errorf("fault %s: proxy in front of %s: %w", f.Name, t.Name, err)
			}
			l.byAddr[addr] = &proxyLine{proxy: p}
		}
	}
	for i, t := range e.targets {
		l.byTarget[i] = l.byAddr[remoteOf(t)]
	}
	return l, nil
}

func (l *proxyLines) close() {
	for _, line := range l.byAddr {
		_ = line.proxy.Close() // it resets what is left, nobody waits for it
	}
}

// route is where a client connects from and, if not to its target, to.
func (e *engine) route(c *client) (local, addr string) {
	local = e.sourceAddr(c)
	if e.faults == nil || e.faults.lines.byTarget[c.targetNo] == nil {
		return local, ""
	}
	if ip := net.ParseIP(local); ip != nil && !ip.IsLoopback() {
		local = "" // the proxy is on loopback
	}
	return local, e.faults.lines.byTarget[c.targetNo].proxy.Addr()
}

// disturb puts the fault's toxics on the way to its targets.
func (r *faultRun) disturb(ev *FaultEvent) func(*FaultEvent) {
	p := r.f.Proxy
	lines := map[*proxyLine]*disturbance{}
	for _, t := range p.Targets {
		ev.Of += r.fs.e.openAt(t)
		lines[r.fs.lines.byAddr[remoteOf(t)]] = &disturbance{Toxics: p.Toxics}
		if p.cuts() {
			r.fs.disturb(t)
		}
	}
	for line, d := range lines {
		line.add(d)
	}
	return func(ev *FaultEvent) {
		for line, d := range lines {
			line.remove(d)
			ev.Hit += d.touched
		}
		for _, t := range p.Targets {
			if p.cuts() {
				r.fs.undisturb(t)
			}
		}
	}
}

func (l *proxyLine) add(d *disturbance) {
	l.set(func() { l.active = append(l.active, d) })
}

func (l *proxyLine) remove(d *disturbance) {
	l.set(func() { l.active = slices.DeleteFunc(l.active, func(x *disturbance) bool { return x == d }) })
}

// set changes what is active and tells the proxy what all of it is together.
// The proxy's count begins anew with that.
func (l *proxyLine) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.proxy.Touched()
	for _, d := range l.active {
		d.touched = max(d.touched, n)
	}
	change()
	var all Toxics
	for _, d := range l.active {
		all = all.and(d.Toxics)
	}
	l.proxy.Set(all)
}

// and is both at once: delays add up, the narrowest line counts.
func (t Toxics) and(o Toxics) Toxics {
	least := func(a, b int64) int64 {
		if a == 0 || b > 0 && b < a {
			return b
		}
		return a
	}
	t.Latency += o.Latency
	t.Jitter += o.Jitter
	t.Bandwidth = least(t.Bandwidth, o.Bandwidth)
	t.ResetAfter = least(t.ResetAfter, o.ResetAfter)
	t.SlowClose = max(t.SlowClose, o.SlowClose)
	t.Refuse = t.Refuse || o.Refuse
	switch {
	case t.Blackhole == "":
		t.Blackhole = o.Blackhole
	case o.Blackhole != "" && o.Blackhole != t.Blackhole:
		t.Blackhole = WayBoth
	}
	if t.HalfOpen == "" {
		t.HalfOpen = o.HalfOpen
	}
	return t
}

// cuts tells whether connections end because of the toxics.
func (t *Toxics) cuts() bool {
	return t.Blackhole != "" || t.HalfOpen != "" || t.Refuse || t.ResetAfter > 0
}

// String is the toxics in the words of the scenario.
func (t Toxics) String() string {
	var out []string
	add := func(on bool, format string, args ...any) {
		if on {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	span := func(d time.Duration) string { return shortDuration(d.Seconds()) }
	add(t.Latency > 0 && t.Jitter == 0, "latency %s", span(t.Latency))
	add(t.Latency > 0 && t.Jitter > 0, "latency %s ± %s", span(t.Latency), span(t.Jitter))
	add(t.Bandwidth > 0, "bandwidth %s/s", byteSize(t.Bandwidth))
	add(t.Blackhole != "", "blackhole %s", t.Blackhole)
	add(t.HalfOpen != "", "half-open at the %s", t.HalfOpen)
	add(t.Refuse, "refuse")
	add(t.ResetAfter > 0, "reset after %s", byteSize(t.ResetAfter))
	add(t.SlowClose > 0, "slow close %s", span(t.SlowClose))
	return strings.Join(out, ", ")
}
