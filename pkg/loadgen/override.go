package loadgen

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// OverrideTargets makes the scenario run against other endpoints. Targets of
// the list replace the scenario's targets of the same protocol; one without a
// protocol gets that of the scenario's first target. Targets of other
// protocols stay.
//
// A group that connected to all of a protocol's targets, or to the only one,
// connects to all of the list, with its count for each. Where the scenario
// has several and a group picks among them, the list must have as many and
// replaces them in order. What a target of the list leaves open (namespace,
// transports, framing, headers, the path of an SSE or plain endpoint) comes
// from the one that it replaces.
//
// The error says what does not fit; the scenario is then unchanged.
func (s *Scenario) OverrideTargets(list []rt.Target) error {
	if len(list) == 0 {
		return nil
	}
	if len(list) > maxTargets {
		return fmt.Errorf("more than %d targets", maxTargets)
	}
	byProto := map[rt.Protocol][]rt.Target{}
	for _, t := range list {
		if t.URL == nil {
			return fmt.Errorf("target %q has no URL", t.Name)
		}
		if t.Protocol == "" {
			t.Protocol = s.Targets[0].Protocol
		}
		byProto[t.Protocol] = append(byProto[t.Protocol], t)
	}
	swaps := map[rt.Protocol]swap{}
	for proto, targets := range byProto {
		sw, err := s.swap(proto, targets)
		if err != nil {
			return err
		}
		swaps[proto] = sw
	}
	for _, t := range s.Thresholds {
		if err := t.checkTargets(swaps); err != nil {
			return err
		}
	}
	s.apply(swaps)
	s.moveFaults(swaps)
	return nil
}

// swap is how the targets of one protocol are replaced.
type swap struct{ old, new []*Target }

func (s *Scenario) swap(proto rt.Protocol, list []rt.Target) (swap, error) {
	var sw swap
	for _, t := range s.Targets {
		if t.Protocol == proto {
			sw.old = append(sw.old, t)
		}
	}
	if len(sw.old) == 0 {
		var have []string
		for _, t := range s.Targets {
			if !slices.Contains(have, string(t.Protocol)) {
				have = append(have, string(t.Protocol))
			}
		}
		return sw, fmt.Errorf("target %s is %s, the scenario has only %s targets", list[0], proto, strings.Join(have, " and "))
	}
	taken := map[string]bool{}
	for _, t := range s.Targets {
		taken[t.Name] = t.Protocol != proto
	}
	for i, t := range list {
		base := sw.old[min(i, len(sw.old)-1)]
		sw.new = append(sw.new, base.moved(t, taken))
	}
	for _, g := range s.Groups {
		picks := len(g.Targets) > 0 && g.Targets[0].Protocol == proto && len(g.Targets) < len(sw.old)
		if picks && len(sw.old) != len(sw.new) {
			return sw, fmt.Errorf("group %q picks among %d targets, so %d are needed in their place, not %d", g.Name, len(sw.old), len(sw.old), len(sw.new))
		}
	}
	return sw, nil
}

// moved is the target at another endpoint.
func (t *Target) moved(to rt.Target, taken map[string]bool) *Target {
	out := &Target{Pos: t.Pos, Target: to, Header: t.Header}
	name := to.Name
	if name == "" {
		name = to.URL.Host
	}
	out.Name = name
	for n := 2; taken[out.Name]; n++ {
		out.Name = name + "-" + strconv.Itoa(n)
	}
	taken[out.Name] = true
	out.Target.Name = out.Name
	if out.Namespace == "" {
		out.Namespace = t.Namespace
	}
	if out.Transports == nil {
		out.Transports = t.Transports
	}
	if out.Framing == "" {
		out.Framing = t.Framing
	}
	out.Insecure = out.Insecure || t.Insecure
	same := t.URL != nil && (to.URL.Path == "" || to.URL.Path == "/" || to.URL.Path == t.URL.Path)
	if same && to.URL.RawQuery == "" {
		u := *to.URL
		u.Path, u.RawPath, u.RawQuery = t.URL.Path, t.URL.RawPath, t.URL.RawQuery
		out.URL = &u
	}
	return out
}

func (s *Scenario) apply(swaps map[rt.Protocol]swap) {
	var targets []*Target
	done := map[rt.Protocol]bool{}
	for _, t := range s.Targets {
		sw, swapped := swaps[t.Protocol]
		switch {
		case !swapped:
			targets = append(targets, t)
		case !done[t.Protocol]:
			done[t.Protocol] = true
			targets = append(targets, sw.new...)
		}
	}
	s.Targets = targets
	for _, g := range s.Groups {
		if len(g.Targets) == 0 {
			continue
		}
		sw, swapped := swaps[g.Targets[0].Protocol]
		if !swapped {
			continue
		}
		if len(g.Targets) == len(sw.old) {
			g.Targets = slices.Clone(sw.new)
		} else {
			g.Targets = slices.Clone(g.Targets)
			for i, t := range g.Targets {
				g.Targets[i] = sw.new[slices.Index(sw.old, t)]
			}
		}
		for i := range g.Matrix {
			if a := &g.Matrix[i]; a.Name == AxisTarget {
				a.Values = targetAxisValues(a.Pos, g.Targets)
			}
		}
	}
}

// checkTargets refuses to drop a target that a threshold names.
func (t *Threshold) checkTargets(swaps map[rt.Protocol]swap) error {
	for _, m := range t.Labels {
		if m.Key != LabelTarget && m.Key != LabelFrom && m.Key != LabelTo || m.Other != "" {
			continue
		}
		for _, sw := range swaps {
			named := func(x *Target) bool { return x.Name == m.Value }
			if slices.ContainsFunc(sw.old, named) && !slices.ContainsFunc(sw.new, named) {
				return fmt.Errorf("%s: threshold %s names target %q, which is replaced", t.Pos, t.Metric, m.Value)
			}
		}
	}
	return nil
}

func targetAxisValues(pos Pos, targets []*Target) []AxisValue {
	out := make([]AxisValue, len(targets))
	for i, t := range targets {
		out[i] = AxisValue{Pos: pos, Name: t.Name}
	}
	return out
}
