package server

import (
	"errors"
	"fmt"
	"slices"

	"github.com/realtime-toolkit/rtk/pkg/server/policy"
	"github.com/realtime-toolkit/rtk/pkg/server/throttle"
)

// Live are the options that may change while the server runs; they mean what
// they mean in Options. The keys of tokens change in auth.Verifier.Replace.
type Live struct {
	Throttle        throttle.Limit
	ThrottleStrikes int
	Rules           throttle.Rules // Limits.Rules
	DryRun          bool           // Limits.DryRun
	Origins         []string
	// Policy may be another one but not go: a running gateway is not opened to
	// everybody.
	Policy *policy.Policy
}

// Live returns the options in force, to be changed for Reconfigure.
func (s *Server) Live() Live {
	s.reconfiguring.Lock()
	defer s.reconfiguring.Unlock()
	return s.inForce
}

// Reconfigure changes options of the running server, all or none: they hold for
// the next message and the next request, also of connections that are there. What
// they, users, addresses and rooms have used up of their limits stays used up.
// Connections leave the rooms that a changed policy no longer lets them be in. It
// is safe for concurrent use.
func (s *Server) Reconfigure(l Live) error {
	s.reconfiguring.Lock()
	defer s.reconfiguring.Unlock()
	o := s.opts
	o.Throttle, o.ThrottleStrikes, o.Origins, o.Policy = l.Throttle, l.ThrottleStrikes, l.Origins, l.Policy
	o.Limits.Rules, o.Limits.DryRun = l.Rules, l.DryRun
	o, err := o.withDefaults()
	if err != nil {
		return fmt.Errorf("reconfigure: %w", err)
	}
	before := s.policy.Load()
	if before != nil && l.Policy == nil {
		return errors.New("reconfigure: the policy is gone: a running gateway is not opened to everybody, restart it")
	}
	s.apply(&o)
	if l.Policy != before {
		s.enforcePolicy()
	}
	return nil
}

// apply brings checked options into force. The caller holds reconfiguring, or is
// alone. The zero Throttle stands for that of the Limits, which withDefaults has
// put there.
func (s *Server) apply(o *Options) {
	s.inForce = Live{
		Throttle: o.Throttle, ThrottleStrikes: o.ThrottleStrikes, Rules: o.Limits.Rules, DryRun: o.Limits.DryRun,
		Origins: o.Origins, Policy: o.Policy,
	}
	origins := newOrigins(o.Origins)
	s.origins.Store(&origins)
	limit := effectiveThrottle(o)
	s.throttle.Store(&limit)
	s.throttleStrikes.Store(int64(o.ThrottleStrikes))
	s.policy.Store(o.Policy)
	if o.Faults == nil || !o.Faults.ThrottleOff {
		s.limits.Store(newLimits(&o.Limits, s.wheel, s.limitCounts, s.limits.Load()))
	}
}

// enforcePolicy takes connections out of rooms that they may not be in any more.
func (s *Server) enforcePolicy() {
	for _, l := range s.allLinks() {
		l.connsMu.Lock()
		conns := slices.Clone(l.conns)
		l.connsMu.Unlock()
		for _, c := range conns {
			c.leaveForbidden()
		}
	}
}

func (c *Conn) leaveForbidden() {
	rooms := c.Rooms()
	kept := c.allowedRooms(rooms)
	if len(kept) < len(rooms) {
		c.Leave(slices.DeleteFunc(rooms, func(room string) bool { return slices.Contains(kept, room) })...)
	}
}
