package service

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// planned is what routes come to.
type planned struct {
	targets   []*target
	swaps     map[*target]*Target // those of the old targets that change
	names     []string            // of namespaces, in the order of the routes
	routes    map[string][]bound
	contracts map[string][]Event
}

// plan checks routes and finds their targets, those of old by their names.
func plan(routes []Route, old []*target) (*planned, error) {
	p := &planned{swaps: map[*target]*Target{}, routes: map[string][]bound{}, contracts: map[string][]Event{}}
	made := map[*Target]*target{}
	for i := range routes {
		r := &routes[i]
		if err := r.validate(); err != nil {
			return nil, fmt.Errorf("service route %d: %w", i, err)
		}
		t := made[r.To]
		if t == nil {
			t = p.target(r.To, old)
			made[r.To] = t
		}
		if p.routes[r.Namespace] == nil {
			p.names = append(p.names, r.Namespace)
		}
		p.routes[r.Namespace] = append(p.routes[r.Namespace], bound{Route: *r, target: t})
		p.contracts[r.Namespace] = append(p.contracts[r.Namespace], r.Contract...)
	}
	return p, nil
}

// target makes one, or finds the one of old that has its name.
func (p *planned) target(t *Target, old []*target) *target {
	i := slices.IndexFunc(old, func(o *target) bool { return o.name == t.Name && !slices.Contains(p.targets, o) })
	if i < 0 {
		p.targets = append(p.targets, newTarget(t))
	} else {
		p.targets = append(p.targets, old[i])
		p.swaps[old[i]] = t
	}
	return p.targets[len(p.targets)-1]
}

// Replace puts other routes in the place of those in force, all or none, while
// the server runs. A service of the same name goes on with the figures of the
// one before it; each call is made by the service that was in force when it
// came, and in the order of its lane. retired is called for each service that
// has been replaced or that no route leads to any more, once its last call has
// ended, from a goroutine that Close waits for.
//
// Handlers and the contract are registered before the server starts, so the
// routes must have the same namespaces with the same contract, and events only
// where there were events; the error names the one that hasn't.
func (b *Binding) Replace(routes []Route, retired func(Service)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return errClosed
	}
	p, err := plan(routes, b.targets)
	if err != nil {
		return err
	}
	if err := b.mayReplace(p); err != nil {
		return err
	}
	old := b.change(p)
	b.targets = p.targets
	for _, in := range old {
		b.group.Go(func() {
			in.calls.Wait()
			retired(in.service)
		})
	}
	return nil
}

// change brings a plan into force and returns the services that nothing more
// goes to. The caller holds b.mu.
func (b *Binding) change(p *planned) (old []*inForce) {
	b.routing.Lock()
	defer b.routing.Unlock()
	for _, t := range b.targets {
		next, kept := p.swaps[t]
		if !kept {
			old = append(old, t.in)
			continue
		}
		if !same(t.current(), next.Service) {
			old = append(old, t.replace(next.Service))
		}
		t.window.Store(int64(max(next.Window, 1)))
	}
	for _, n := range b.namespaces {
		n.routes = p.routes[n.name]
	}
	return old
}

// mayReplace refuses what needs another start.
func (b *Binding) mayReplace(p *planned) error {
	var names []string
	for _, n := range b.namespaces {
		names = append(names, n.name)
		routes := p.routes[n.name]
		switch {
		case routes == nil:
			// Its clients would come in unasked.
			return fmt.Errorf("namespace %s has lost its routes", n.name)
		case hasEvents(routes) && !n.events:
			return fmt.Errorf("namespace %s had no events before", n.name)
		case !reflect.DeepEqual(p.contracts[n.name], n.contract):
			return fmt.Errorf("namespace %s has another contract", n.name)
		}
	}
	for _, name := range p.names {
		if !slices.Contains(names, name) {
			return fmt.Errorf("namespace %s is new", name)
		}
	}
	if !slices.Equal(patterns(names), patterns(p.names)) {
		return errors.New("the patterns of namespaces have another order")
	}
	return nil
}

// patterns are those of names that stand for many.
func patterns(names []string) (list []string) {
	for _, name := range names {
		if strings.HasPrefix(name, "~") || strings.Contains(name, "*") {
			list = append(list, name)
		}
	}
	return list
}

func same(a, b Service) bool {
	return reflect.TypeOf(a) == reflect.TypeOf(b) && reflect.TypeOf(a).Comparable() && a == b
}
