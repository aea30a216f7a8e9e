package loadgen

import (
	"context"
	"fmt"
	"net/url"
	"slices"
)

// Discovery is how the pods of a target are found when a run begins.
type Discovery struct {
	Pos    Pos
	DNS    string // host:port, or _service._proto.name
	Server string // name server, "" for the system's
	// Kubernetes service, nil with DNS.
	Kubernetes *KubernetesService
}

// KubernetesService names a service.
type KubernetesService struct {
	Service, Namespace, Port string
}

// Endpoint is one pod that was found.
type Endpoint struct {
	Name string // of the pod, "" if that is not known
	Addr string // host:port
}

// Discover puts a target for each pod in the place of those that are to be
// discovered. find looks them up; Discover calls it once for each.
func (s *Scenario) Discover(ctx context.Context, find func(context.Context, *Discovery) ([]Endpoint, error)) error {
	for _, t := range slices.Clone(s.Targets) {
		if t.Discovery == nil {
			continue
		}
		found, err := find(ctx, t.Discovery)
		if err != nil {
			return fmt.Errorf("%s: target %s: %w", t.Discovery.Pos, t.Name, err)
		}
		if len(found) == 0 || len(s.Targets)+len(found) > maxTargets {
			return fmt.Errorf("%s: target %s: %d pods, want 1 to %d", t.Discovery.Pos, t.Name, len(found), maxTargets-len(s.Targets))
		}
		s.replaceTarget(t, s.podsOf(t, found))
	}
	return nil
}

// podsOf are the targets of the pods that were found for t. A pod that has a
// name is called by it.
func (s *Scenario) podsOf(t *Target, found []Endpoint) []*Target {
	taken := map[string]bool{}
	for _, other := range s.Targets {
		taken[other.Name] = other != t
	}
	out := make([]*Target, len(found))
	for i, e := range found {
		pod := *t
		pod.Discovery = nil
		pod.Name = e.Name
		if !validName(pod.Name) || taken[pod.Name] {
			pod.Name = fmt.Sprintf("%s-%d", t.Name, i+1)
		}
		taken[pod.Name] = true
		pod.Target.Name = pod.Name
		u := *t.URL
		u.Host = e.Addr
		pod.URL = &u
		out[i] = &pod
	}
	return out
}

func (s *Scenario) replaceTarget(old *Target, pods []*Target) {
	put := func(list []*Target) []*Target {
		if i := slices.Index(list, old); i >= 0 {
			return slices.Replace(slices.Clone(list), i, i+1, pods...)
		}
		return list
	}
	s.Targets = put(s.Targets)
	for _, f := range s.Faults {
		switch {
		case f.Proxy != nil:
			f.Proxy.Targets = put(f.Proxy.Targets)
		case f.Kill != nil:
			f.Kill.Targets = put(f.Kill.Targets)
		}
	}
	for _, g := range s.Groups {
		g.Targets = put(g.Targets)
		for i := range g.Matrix {
			if a := &g.Matrix[i]; a.Name == AxisTarget {
				a.Values = targetAxisValues(a.Pos, g.Targets)
			}
		}
	}
}

// discovered is the URL of a target that has none of its own.
var discovered = &url.URL{Scheme: "http", Host: "discovered.invalid"}
