package loadgen

import "time"

// classOfAck finds the class of a send by its ack. nil means that the step
// doesn't classify.
func (s *stepRun) classOfAck(arg []byte) *classRun {
	if s.classes == nil {
		return nil
	}
	for _, c := range s.classes {
		for i := range c.when {
			if w := &c.when[i]; w.AnyAck || w.Ack != nil && w.Ack.Match(arg) {
				return c
			}
		}
	}
	return s.class(OutcomeOther)
}

// classOfEnd finds the class that names a disconnect with this reason.
func (s *stepRun) classOfEnd(reason []byte) *classRun {
	for _, c := range s.classes {
		for i := range c.when {
			if w := &c.when[i]; w.Disconnect != nil && w.Disconnect.Match(reason) {
				return c
			}
		}
	}
	return nil
}

// accepts tells whether sends of the class were taken by the server: the class
// named accepted, or else the first.
func (c *classRun) accepts(s *stepRun) bool {
	if a := s.class(classAccepted); a != nil {
		return c == a
	}
	return c == s.classes[0]
}

// limits tells whether sends of the class were throttled: the class of that
// name, or else any declared class that doesn't accept.
func (c *classRun) limits(s *stepRun) bool {
	if t := s.class(classThrottled); t != nil {
		return c == t
	}
	return c.when != nil && !c.accepts(s)
}

// rateState measures one client's rates in the steady state of a limiter.
//
// The steady state begins with the first throttled send, because until then
// the limiter's burst is being used up, and ends with the last send. Sends
// count by their intended time. A client that was never throttled is in its
// steady state from its first send on.
type rateState struct {
	any, limited        bool
	first, last         time.Duration // due times of the sends
	limitedAt           time.Duration // due time of the first throttled send
	accepted, throttled int64         // since limitedAt, or since first
}

func (r *rateState) sent(due time.Duration) {
	if !r.any {
		r.any, r.first = true, due
	}
	r.last = due
}

// count notes the class of one send.
func (s *sendState) count(st *stepRun, class *classRun, due time.Duration) {
	if class == nil {
		return
	}
	class.n.Add(1)
	st.classified.Add(1)
	r := &s.rates
	switch {
	case class.limits(st):
		if !r.limited {
			r.limited, r.limitedAt = true, due
			r.accepted, r.throttled = 0, 0
		}
		r.throttled++
	case class.accepts(st):
		r.accepted++
	}
}

// minSteady is the shortest steady state from which a rate is taken.
const minSteady = 500 * time.Millisecond

// finishSend records a client's rates at the end of a step with an outcome.
// The send that marks the start of the window is not counted in it.
func (c *client) finishSend(st *stepRun) {
	if c.send == nil || !st.outcome || !c.send.rates.any {
		return
	}
	r := &c.send.rates
	from, accepted, throttled := r.first, max(r.accepted-1, 0), r.throttled
	if r.limited {
		from, accepted, throttled = r.limitedAt, r.accepted, r.throttled-1
	}
	// Never throttled: the limiter took at least this long.
	at := r.last - r.first
	if r.limited {
		at = r.limitedAt - r.first
	}
	if !st.step.schedule().Once() {
		c.eng.hists.Record(c.shard(), st.toThrottle, at)
	}
	window := r.last - from
	if window < minSteady {
		return
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	st.acceptedRates = append(st.acceptedRates, float64(accepted)/window.Seconds())
	st.throttleRates = append(st.throttleRates, float64(throttled)/window.Seconds())
}
