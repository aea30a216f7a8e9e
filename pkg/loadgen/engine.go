package loadgen

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/hist"
	"github.com/realtime-toolkit/rtk/pkg/loadgen/ledger"
)

// engine is one run of a plan.
//
// Waiting costs no goroutine and no timer: a client is a state machine that is
// moved on by what its connection reads (an ack, an event, a close), by the
// clock, or by a barrier. All of these only ask for a turn, in which it does what
// may block, a send; so a peer that does not read delays its own client only.
type engine struct {
	plan *Plan
	opt  Options

	epoch   time.Time     // start of the run; instants are durations since
	epochUS ledger.Micros // the same in the markers' clock

	// work ends the blocking calls of clients: it is cancelled after the
	// grace period, not when the run is interrupted.
	work context.Context

	targets   []*Target
	groups    []*groupRun
	clients   []client
	barriers  map[string]*barrier
	audiences []*audience
	book      *ledger.Book
	hists     *hist.Set
	lag       hist.ID // how late timers fire
	sendAge   hist.ID // how long sends waited within rtk
	errs      *errorList
	rec       *recorder // nil when no frames are recorded
	failures  failures
	windows   *windows
	scraper   *scraper
	aborted   atomic.Pointer[aborted]
	faults    *faults // nil until the run begins

	stopping atomic.Bool // no new sends
	silent   atomic.Bool // nobody sends any more, and nothing comes
	ending   atomic.Bool // connections are being closed: their ends are planned
	active   atomic.Int64
	done     chan struct{} // closed when no client has anything left to do
	halted   chan struct{} // closed to end the run at once
	halt     func(reason string)
	why      atomic.Pointer[string]

	listeners listeners

	wg       sync.WaitGroup // everything that runs on behalf of clients
	closing  chan struct{}  // bounds closes under way
	inflight chan struct{}  // bounds HTTP requests under way
	dials    chan struct{}  // bounds handshakes under way
	redials  chan struct{}  // the same of those that come back
	herds    herds          // handshakes over time

	tally []tally // by shard
	turns *turns

	dialed, reached, unreachable atomic.Int64
	open                         atomic.Int64
	away                         atomic.Int64 // clients that try to come back
	selfDropped                  atomic.Int64
	limited                      atomic.Int64 // handshakes that failed for want of local resources
	lastSend                     atomic.Int64 // instant
}

type counter = atomic.Int64

// tally is one shard's counters of the receive path.
type tally struct {
	received, fresh, missing, sent counter
	_                              [32]byte
}

const (
	maxCloses   = 256
	maxRequests = 1024
	maxRedials  = 4096 // a herd shall meet the server's bounds, not the generator's
	// giveUpAfter is how many handshakes must have failed, with none having
	// reached a server, before the run is given up.
	giveUpAfter = 20
)

func newEngine(p *Plan, o Options, work context.Context) (*engine, error) {
	shards := max(2*runtime.GOMAXPROCS(0), 4)
	now := time.Now()
	e := &engine{
		plan: p, opt: o, work: work,
		epoch: now, epochUS: now.UnixMicro(),
		barriers: map[string]*barrier{},
		book:     ledger.New(p.run, p.Publishers),
		hists:    hist.NewSet(shards),
		errs:     newErrorList(p.Scenario.Secrets),
		rec:      newRecorder(&o, p.Clients),
		done:     make(chan struct{}),
		halted:   make(chan struct{}),
		closing:  make(chan struct{}, maxCloses),
		inflight: make(chan struct{}, maxRequests),
		dials:    make(chan struct{}, o.MaxDials),
		redials:  make(chan struct{}, max(maxRedials, o.MaxDials)),
		tally:    make([]tally, shards),
	}
	e.turns = newTurns(e.now, &e.wg)
	var once sync.Once
	e.halt = func(reason string) {
		once.Do(func() {
			e.why.Store(&reason)
			close(e.halted)
		})
	}
	e.lag, e.sendAge = e.hists.Add(hist.Fine), e.hists.Add(hist.Fine)
	e.windows = newWindows(e)
	if err := e.prepare(); err != nil {
		return nil, err
	}
	return e, nil
}

// prepare builds groups, cells, audiences, barriers and clients.
func (e *engine) prepare() error {
	e.targets = usedTargets(e.plan)
	inherit := declaredOutcomes(e.plan)
	byName := map[string]*groupRun{}
	for _, gp := range e.plan.Groups {
		g := newGroupRun(gp)
		for _, cp := range gp.Cells {
			c, err := newCellRun(g, cp, e.hists, inherit)
			if err != nil {
				return err
			}
			if cp.Target.Poll != nil {
				c.dialer = &pollDialer{e: e, cell: c, poll: cp.Target.Poll, request: e.opt.Requester}
			}
			g.cells = append(g.cells, c)
		}
		byName[gp.Group.Name] = g
		e.groups = append(e.groups, g)
	}
	for _, g := range e.groups {
		var mine []*Verify
		for _, v := range e.plan.Scenario.Verify {
			if v.To == g.plan.Group.Name {
				mine = append(mine, v)
			}
		}
		if len(mine) > 0 {
			g.audience = newAudience(e, g, mine, byName)
			e.audiences = append(e.audiences, g.audience)
		}
	}
	e.clients = make([]client, e.plan.Clients)
	e.active.Store(int64(e.plan.Clients))
	if len(e.plan.Scenario.Phases) > 0 {
		e.active.Add(1) // for runPhases
	}
	for _, g := range e.groups {
		for _, c := range g.cells {
			for i := range c.plan.Count {
				e.prepareClient(g, c, c.plan.First+i)
			}
		}
	}
	return nil
}

func (e *engine) prepareClient(g *groupRun, c *cellRun, index int) {
	id := g.plan.first + index
	cl := &e.clients[id]
	cl.eng, cl.cell = e, c
	cl.id, cl.index = int32(id), int32(index+c.plan.shift)
	cl.pub, cl.sub, cl.targetNo = -1, -1, int16(e.targetIndex(c.plan.Target))
	if g.plan.Publisher {
		cl.pub = int32(g.plan.firstPublisher + index)
	}
	if g.audience != nil {
		cl.sub = int32(index)
	}
	if c.plan.Case != nil && c.plan.Case.Outcome != OutcomeAccepted {
		return // never gets to the flow
	}
	for _, st := range g.plan.Group.Flow {
		if st.Barrier == "" {
			continue
		}
		b := e.barriers[st.Barrier]
		if b == nil {
			b = &barrier{}
			e.barriers[st.Barrier] = b
		}
		if g.plan.awaited(c.plan, index) {
			b.need++
		}
	}
}

func usedTargets(p *Plan) []*Target {
	var out []*Target
	seen := map[*Target]bool{}
	for _, g := range p.Groups {
		for _, c := range g.Cells {
			if !seen[c.Target] {
				seen[c.Target] = true
				out = append(out, c.Target)
			}
		}
	}
	return out
}

func (e *engine) targetIndex(t *Target) int {
	for i, other := range e.targets {
		if other == t {
			return i
		}
	}
	return 0
}

// declaredOutcomes are the outcome classes by event, the first that declares
// them wins.
func declaredOutcomes(p *Plan) map[string][]Outcome {
	out := map[string][]Outcome{}
	for _, g := range p.Groups {
		for _, st := range g.Group.Flow {
			if st.Emit != nil && len(st.Emit.Outcome) > 0 && out[st.Emit.Event] == nil {
				out[st.Emit.Event] = st.Emit.Outcome
			}
		}
	}
	return out
}

// now is the present instant.
func (e *engine) now() time.Duration { return time.Since(e.epoch) }

// instant turns a message's time into an instant.
func (e *engine) instant(t time.Time) time.Duration {
	if t.IsZero() {
		return e.now()
	}
	return t.Sub(e.epoch)
}

// micros turns an instant into the markers' clock.
func (e *engine) micros(at time.Duration) ledger.Micros { return e.epochUS + at.Microseconds() }

// when turns a marker's time into wall-clock time.
func (e *engine) when(us ledger.Micros) time.Time {
	return e.epoch.Add(time.Duration(us-e.epochUS) * time.Microsecond)
}

// settled says that a client has nothing left to do.
func (e *engine) settled() {
	if e.active.Add(-1) == 0 {
		close(e.done)
	}
}

// random is a client's value for {{rand}}: reproducible from the seed.
func (e *engine) random(c *client, seq int64) uint64 {
	x := e.plan.Seed ^ uint64(int(c.id)+c.cell.plan.shiftID)<<32 ^ uint64(seq)*0x9e3779b97f4a7c15
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// sum adds up the shards of a counter.
func (e *engine) sum(pick func(*tally) *counter) int64 {
	var n int64
	for i := range e.tally {
		n += pick(&e.tally[i]).Load()
	}
	return n
}
