package loadgen

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/hist"
	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// groupRun is a group while it runs.
type groupRun struct {
	plan     *GroupPlan
	cells    []*cellRun
	audience *audience // nil unless a verify block watches the group
	logged   bool      // its publishes go into the ledger
	ons      []*On     // of the flow
	expects  []*Step   // expect steps of the flow
	// joinStep is the step at whose start a subscriber has done all that it
	// does to be in the room: what follows up to the on step only waits, or
	// publishes.
	joinStep int
	setup    int  // steps that a client repeats when it comes back without its session
	canary   bool // a verify block says that it must receive nothing
	canaries canaries
	holds    bool // the flow keeps its clients until the run's end
	hooks    []*hookRun
}

// cellRun is a cell while it runs: what its clients share.
type cellRun struct {
	plan   *CellPlan
	group  *groupRun
	target rt.Target
	labels map[string]string
	tokens *tokenSource
	// perClient is what of the target differs from client to client.
	perClient targetVars
	steps     []*stepRun

	connectLatency, firstByte, heartbeatGap, rejectLatency hist.ID

	tried, opened, refused, failed atomic.Int64 // handshakes
	upgraded                       atomic.Int64 // from polling to WebSocket
	unavailable, unplanned         atomic.Int64
	kicked                         atomic.Int64 // disconnected as an outcome class says
	firstByteLate                  atomic.Int64
	finished, broken, sent         atomic.Int64 // clients at the end of their flow, clients that left it, messages
	received                       atomic.Int64
	ops                            atomic.Int64 // operations tried
	errors                         [rt.KindCanceled + 1]atomic.Int64
	events                         []eventCount
	probes                         *probeTally  // nil unless the cell has a case
	severed                        atomic.Int64 // connections that a fault of the scenario broke
	polls                          *pollTally   // nil unless the protocol is longpoll
	dialer                         rt.Dialer    // instead of the run's, nil for that
	sticky                         *stickyTally // nil unless the clients probe a balancer
	slow                           *slowTally   // nil unless the clients read slowly
	back                           *backTally   // nil unless the clients come back
	follows                        bool         // they keep the id of the last event
}

// eventCount counts one event that the scenario names.
type eventCount struct {
	name string
	n    atomic.Int64
}

// otherEvents is the label of events that the scenario does not name.
const otherEvents = "other"

func (c *cellRun) countEvent(name string) {
	last := len(c.events) - 1
	for i := range last {
		if c.events[i].name == name {
			c.events[i].n.Add(1)
			return
		}
	}
	c.events[last].n.Add(1)
}

// fail counts a failed operation by the kind of its error.
func (c *cellRun) fail(kind rt.ErrKind) {
	if int(kind) < len(c.errors) {
		c.errors[kind].Add(1)
	}
}

// stepRun is a step of a cell while it runs.
type stepRun struct {
	step *Step
	kind stepKind
	sid  int // index in the flow

	within   time.Duration // bound of acks and expected events
	wantsAck bool
	match    *Matcher
	// markerSize is how long its markers are, 0 for the short form.
	markerSize int
	classes    []*classRun // nil unless sends are classified
	hook       *hookRun    // of an exec step
	outcome    bool        // the step itself declares the classes

	ack, service, delay, publish, toThrottle hist.ID

	started, succeeded, failed          atomic.Int64 // step runs
	sent, sendErrors                    atomic.Int64
	acksAsked, ackTimeouts, acksRefused atomic.Int64
	published, publishFailures          atomic.Int64
	classified                          atomic.Int64
	unsent, cut                         atomic.Int64 // due while disconnected, unanswered when it was lost

	mu                           sync.Mutex
	acceptedRates, throttleRates []float64 // one sample for each client
	example                      string    // the first failure
}

// classRun counts the sends of one outcome class.
type classRun struct {
	name string
	when []OutcomeWhen
	n    atomic.Int64
}

// Classes of sends beside the declared ones.
const (
	classAccepted   = "accepted"
	classThrottled  = "throttled"
	classUnanswered = "unanswered"
)

type stepKind uint8

const (
	stepWait stepKind = iota
	stepBarrier
	stepOn
	stepExpect
	stepEmit
	stepPublish
	stepExec
)

func kindOfStep(st *Step) stepKind {
	switch {
	case st.Emit != nil:
		return stepEmit
	case st.Publish != nil:
		return stepPublish
	case st.On != nil:
		return stepOn
	case st.Expect != nil:
		return stepExpect
	case st.Exec != nil:
		return stepExec
	case st.Barrier != "":
		return stepBarrier
	}
	return stepWait
}

// noteFailure keeps the first failure as an example.
func (s *stepRun) noteFailure(text func() string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.example == "" {
		s.example = text()
	}
}

func newGroupRun(p *GroupPlan) *groupRun {
	g := &groupRun{plan: p}
	firstOn := -1
	for i, st := range p.Group.Flow {
		switch {
		case st.On != nil:
			g.ons = append(g.ons, st.On)
			g.holds = g.holds || st.On.UntilEnd
			if firstOn < 0 {
				firstOn = i
			}
		case st.Expect != nil:
			g.expects = append(g.expects, st)
		}
	}
	for firstOn > 0 {
		st := p.Group.Flow[firstOn-1]
		if k := kindOfStep(st); k != stepBarrier && k != stepWait && !st.marked() {
			break
		}
		firstOn--
	}
	g.joinStep = firstOn
	g.setup = setupOf(p.Group)
	return g
}

// newCellRun prepares a cell. inherit are the outcome classes of other groups
// by event: a bystander's sends are classified like those of the flooders.
func newCellRun(g *groupRun, p *CellPlan, set *hist.Set, inherit map[string][]Outcome) (*cellRun, error) {
	c := &cellRun{plan: p, group: g, target: p.Target.Target}
	c.target.Transports = p.Transports
	if g.plan.Group.Connect.Proto == "h2" {
		c.target.HTTPVersion = "2"
	}
	if ns := g.plan.Group.Namespace; ns != "" {
		c.target.Namespace = ns
	}
	c.labels = map[string]string{LabelClients: g.plan.Group.Name, LabelTarget: p.Target.Name}
	for _, a := range p.Axes {
		switch a.Axis {
		case AxisTransport:
			c.labels[LabelTransport] = a.Value
		case AxisPlace:
			c.labels[LabelPlace] = a.Value
		case AxisCase:
			c.labels[LabelCase] = a.Value
		}
	}
	var err error
	if c.tokens, err = newTokenSource(p.Auth, p.Place); err != nil {
		return nil, err
	}
	if c.perClient, err = newTargetVars(p.Target, p.Header); err != nil {
		return nil, err
	}
	c.connectLatency, c.firstByte, c.heartbeatGap, c.rejectLatency = hist.None, hist.None, hist.None, hist.None
	if c.target.Protocol != rt.HTTP {
		c.connectLatency = set.Add(hist.Coarse)
	}
	if c.target.Protocol == rt.SSE {
		c.firstByte, c.heartbeatGap = set.Add(hist.Coarse), set.Add(hist.Coarse)
	}
	c.prepareReturn(set)
	if g.plan.Group.Sticky {
		c.sticky = &stickyTally{}
	}
	if g.plan.Group.slow() {
		c.slow = &slowTally{}
	}
	if p.Target.Poll != nil {
		c.polls = &pollTally{hold: set.Add(hist.Coarse)}
	}
	if p.Case != nil {
		c.probes = &probeTally{}
		c.rejectLatency = set.Add(hist.Coarse)
	}
	digits := hist.Fine
	if len(g.plan.Cells) > 4 {
		digits = hist.Coarse // many cells, so much memory
	}
	names := map[string]bool{}
	name := func(event string) {
		if event != "" && !names[event] {
			names[event] = true
			c.events = append(c.events, eventCount{name: event})
		}
	}
	for i, st := range g.plan.Group.Flow {
		s := newStepRun(i, st, set, inherit, digits)
		c.steps = append(c.steps, s)
		switch {
		case st.On != nil:
			name(st.On.Event)
		case st.Expect != nil:
			name(st.Expect.Event)
		}
		for _, class := range s.classes {
			for _, w := range class.when {
				name(w.Event)
			}
		}
	}
	c.events = append(c.events, eventCount{name: otherEvents})
	return c, nil
}

func newStepRun(i int, st *Step, set *hist.Set, inherit map[string][]Outcome, digits hist.Digits) *stepRun {
	s := &stepRun{step: st, kind: kindOfStep(st), sid: i, within: DefaultStepWithin, markerSize: st.markerSize()}
	s.ack, s.service, s.delay, s.publish, s.toThrottle = hist.None, hist.None, hist.None, hist.None, hist.None
	switch s.kind {
	case stepEmit:
		e := st.Emit
		s.delay = set.Add(hist.Coarse)
		if e.Ack != nil {
			s.wantsAck, s.match = true, e.Ack.Match
			if e.Ack.Within > 0 {
				s.within = e.Ack.Within
			}
		}
		outcome := e.Outcome
		if s.outcome = len(outcome) > 0; !s.outcome && s.wantsAck {
			outcome = inherit[e.Event]
		}
		s.classify(outcome)
		if s.wantsAck {
			s.ack, s.service = set.Add(digits), set.Add(digits)
		}
		if s.outcome {
			s.toThrottle = set.Add(hist.Coarse)
		}
	case stepPublish:
		s.delay, s.publish = set.Add(hist.Coarse), set.Add(digits)
	case stepExpect:
		if st.Expect.Within > 0 {
			s.within = st.Expect.Within
		}
	case stepExec:
		if st.Exec.Within > 0 {
			s.within = st.Exec.Within
		}
	}
	return s
}

// classify prepares the classes of a step and asks for acks where one of the
// classes looks at them.
func (s *stepRun) classify(outcome []Outcome) {
	if len(outcome) == 0 {
		return
	}
	for _, o := range outcome {
		s.classes = append(s.classes, &classRun{name: o.Class, when: o.AnyOf})
		for _, w := range o.AnyOf {
			s.wantsAck = s.wantsAck || w.Ack != nil || w.AnyAck
		}
	}
	s.classes = append(s.classes, &classRun{name: OutcomeOther}, &classRun{name: classUnanswered})
}

// class returns the class of that name; it is there, or nil is fine.
func (s *stepRun) class(name string) *classRun {
	for _, c := range s.classes {
		if c.name == name {
			return c
		}
	}
	return nil
}
