package main

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/realtime-toolkit/rtk/pkg/server/service"
)

// differs reports whether two configurations are not the same but for their
// places in the file.
func (r *routing) differs(o *routing) bool { return !reflect.DeepEqual(r.plain(), o.plain()) }

// plain is what r says, without places. Without services and routes it is nil.
func (r *routing) plain() *routing {
	if r == nil || len(r.routes) == 0 {
		return nil
	}
	p := &routing{}
	for _, s := range r.services {
		c := *s
		c.pos = ""
		p.services = append(p.services, &c)
	}
	for _, s := range r.routes {
		c := *s
		c.pos = ""
		to := *c.to
		to.pos = ""
		c.to = &to
		p.routes = append(p.routes, &c)
	}
	return p
}

// staged is another configuration whose services are open, and get no calls yet.
type staged struct {
	of   *boundServices
	next *routing
	open map[string]*opened
	// restart says in one line why the configuration can't come into force while
	// the gateway runs.
	restart error
}

// stage opens the services of another configuration. The error is a fault of
// that configuration.
func (b *boundServices) stage(next *routing) (*staged, error) {
	s := &staged{of: b, next: next}
	if s.restart = b.frozen(next); s.restart != nil {
		return s, nil
	}
	var err error
	if s.open, err = next.open(b.open, b.podID, b.log); err != nil {
		return nil, err
	}
	return s, nil
}

// frozen says what only a start can change.
func (b *boundServices) frozen(next *routing) error {
	switch {
	case b.binding == nil:
		return errors.New("there were none at the start")
	case next.plain() == nil:
		return errors.New("none is left")
	}
	for _, c := range next.services {
		if old := b.open[c.name]; old != nil && !old.config.same(c) && (c.kind == "streams" || old.config.kind != c.kind) {
			// Workers may still answer to the stream of the old one.
			return fmt.Errorf("service %q is no webhook", c.name)
		}
	}
	return nil
}

// abandon closes what was opened for the configuration alone.
func (s *staged) abandon() {
	if s == nil {
		return
	}
	for name, o := range s.open {
		if s.of.open[name] != o {
			o.free()
		}
	}
}

// commit brings the configuration into force. Calls that have come are made to
// their end by the services that they came for. The error says in one line why
// it needs a restart instead; nothing has changed then.
func (s *staged) commit() error {
	if s.restart != nil {
		return s.restart
	}
	old := s.of.open
	if err := s.of.binding.Replace(s.next.routesTo(s.open), func(svc service.Service) {
		for _, o := range old {
			if o.service == svc {
				o.free()
			}
		}
	}); err != nil {
		s.abandon()
		return err
	}
	s.of.open, s.of.config = s.open, s.next
	return nil
}
