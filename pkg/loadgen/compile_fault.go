package loadgen

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// compileFaults finds the targets of faults that only now have their names, and
// checks that each fault has a chance to happen.
func compileFaults(p *Plan) error {
	latest := p.latest()
	for _, f := range p.Scenario.Faults {
		if err := p.faultTargets(f); err != nil {
			return err
		}
		if f.In != "" {
			continue // the parser has looked at the phase
		}
		switch {
		case f.At >= latest:
			return planError(f.Pos, "fault %s never happens: it is due after %s, and the run is over after %s at the latest",
				f.Name, f.At, latest.Round(time.Millisecond))
		case f.At >= p.Length:
			p.Warnings = append(p.Warnings, fmt.Sprintf("fault %s is due after %s, but the run may be over after %s: a fault that does not happen fails it",
				f.Name, f.At, p.Length.Round(time.Millisecond)))
		}
	}
	proxied := map[string]bool{}
	for _, f := range p.Scenario.Faults {
		if f.Proxy == nil {
			continue
		}
		for _, t := range f.Proxy.Targets {
			if addr := remoteOf(t); !proxied[addr] {
				proxied[addr] = true
				p.Descriptors += 2*p.Ports[addr] + 1 // both ends of each connection, and the listener
			}
		}
	}
	return nil
}

// CheckFaults reports a fault that can't happen because the run is over before
// it, without asking for what only a run knows: which gateways there are.
func (s *Scenario) CheckFaults() error {
	when := *s
	when.Faults = nil
	for _, f := range s.Faults {
		when.Faults = append(when.Faults, &Fault{Pos: f.Pos, Name: f.Name, At: f.At, In: f.In})
	}
	if len(when.Faults) == 0 {
		return nil
	}
	_, err := Compile(&when, CompileOptions{Seed: 1})
	return err
}

// faultTargets resolves the names that the parser could not know.
func (p *Plan) faultTargets(f *Fault) error {
	resolve := func(name string, have []*Target, pos Pos) ([]*Target, error) {
		if name == "" || len(have) > 0 {
			return have, nil
		}
		for _, t := range p.Scenario.Targets {
			if t.Name == name {
				return []*Target{t}, nil
			}
		}
		var names []string
		for _, t := range p.Scenario.Targets {
			names = append(names, t.Name)
		}
		return nil, planError(pos, "fault %s: there is no target %q, there is %s", f.Name, name, strings.Join(names, ", "))
	}
	var err error
	switch {
	case f.Proxy != nil:
		f.Proxy.Targets, err = resolve(f.Proxy.name, f.Proxy.Targets, f.Proxy.pos)
	case f.Kill != nil:
		f.Kill.Targets, err = resolve(f.Kill.name, f.Kill.Targets, f.Kill.pos)
	}
	return err
}

// latest is when the run is over at the latest: as if the groups waited for each
// other at every turn, and servers took all the time that they have.
func (p *Plan) latest() time.Duration {
	limit := p.Scenario.Timeout
	if limit <= 0 {
		limit = max(defaultTimeout, p.Length+p.Length/5)
	}
	total := p.Length + p.phases
	for _, g := range p.Groups {
		total += time.Duration(float64(g.size())/connectRate(g.Group)*float64(time.Second)) + connectTimeout(g.Group)
		if r := g.Group.Reconnect; r != nil {
			total += r.Settle
		}
		for _, st := range g.Group.Flow {
			n, bounded := st.longest(g.size())
			if !bounded || total > limit {
				return limit
			}
			total += n
		}
	}
	return min(total, limit)
}

// longest is the most time that a step takes, and whether there is such a bound.
func (st *Step) longest(n int) (d time.Duration, bounded bool) {
	d = st.length(n)
	switch {
	case st.On != nil:
		return d, st.On.UntilEnd || st.On.For > 0
	case st.Expect != nil:
		return max(st.Expect.Within, DefaultStepWithin), true
	case st.Emit != nil && st.Emit.Ack != nil:
		d += st.Emit.Ack.Within
	}
	return d + DefaultStepWithin, true
}

// moveFaults makes faults follow their targets to those that replace them.
func (s *Scenario) moveFaults(swaps map[rt.Protocol]swap) {
	moved := func(list []*Target) []*Target {
		var out []*Target
		for _, t := range list {
			sw, swapped := swaps[t.Protocol]
			at := slices.Index(sw.old, t)
			if !swapped || at < 0 {
				out = append(out, t)
				continue
			}
			for i, to := range sw.new {
				if min(i, len(sw.old)-1) == at {
					out = append(out, to)
				}
			}
		}
		return out
	}
	for _, f := range s.Faults {
		switch {
		case f.Proxy != nil:
			f.Proxy.Targets = moved(f.Proxy.Targets)
		case f.Kill != nil:
			f.Kill.Targets = moved(f.Kill.Targets)
		}
	}
}
