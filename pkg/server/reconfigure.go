package server

import (
	"fmt"

	"github.com/realtime-toolkit/rtk/pkg/server/throttle"
)

// Live are the options that may change while the server runs; they mean what
// they mean in Options. The keys of tokens change in auth.Verifier.Replace.
type Live struct {
	Throttle        throttle.Limit
	ThrottleStrikes int
	Origins         []string
}

// Reconfigure changes options of the running server, all or none: they hold for
// the next message and the next request, also of connections that are there. A
// connection keeps what it has used up of its limit. It is safe for concurrent
// use.
func (s *Server) Reconfigure(l Live) error {
	o := s.opts
	o.Throttle, o.ThrottleStrikes, o.Origins = l.Throttle, l.ThrottleStrikes, l.Origins
	o, err := o.withDefaults()
	if err != nil {
		return fmt.Errorf("reconfigure: %w", err)
	}
	s.apply(o.live())
	return nil
}

// live is the part of o that may change. The zero Throttle of Options stands for
// that of the Limits, which withDefaults has put there.
func (o *Options) live() Live {
	return Live{Throttle: effectiveThrottle(o), ThrottleStrikes: o.ThrottleStrikes, Origins: o.Origins}
}

func (s *Server) apply(l Live) {
	origins := newOrigins(l.Origins)
	s.origins.Store(&origins)
	s.throttle.Store(&l.Throttle)
	s.throttleStrikes.Store(int64(l.ThrottleStrikes))
}
