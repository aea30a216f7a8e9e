package loadgen

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxFaultEvents is how many occurrences of each fault a report lists.
	maxFaultEvents = 200
	// undoTime bounds what undoes a fault that has no bound of its own.
	undoTime = 30 * time.Second
	// aftermath is how long after a fault the end of a connection that it
	// disturbed is still its doing: peers notice by their heartbeats.
	aftermath = 10 * time.Second
)

// faults are the faults of a run.
type faults struct {
	e     *engine
	runs  []*faultRun
	quit  chan struct{} // closed to end them
	once  sync.Once
	wg    sync.WaitGroup
	lines *proxyLines
	// disturbed is, by target, until when connections that end do so because of
	// a fault, as an instant; a fault under way is endlessDisturbance.
	disturbed []atomic.Int64
}

const endlessDisturbance = int64(1<<63 - 1)

// faultRun is one fault while it runs. Its goroutine alone uses it until it has
// ended.
type faultRun struct {
	fs    *faults
	f     *Fault
	index int

	times, missed int // occurrences, and those that hit nobody
	hit, of       int
	events        []FaultEvent
}

// newFaults prepares the faults of the plan and opens their proxies.
func newFaults(e *engine) (*faults, error) {
	fs := &faults{e: e, quit: make(chan struct{}), disturbed: make([]atomic.Int64, len(e.targets))}
	for i, f := range e.plan.Scenario.Faults {
		fs.runs = append(fs.runs, &faultRun{fs: fs, f: f, index: i})
	}
	var err error
	fs.lines, err = openProxyLines(e)
	return fs, err
}

func (fs *faults) start() {
	for _, r := range fs.runs {
		fs.wg.Go(r.loop)
	}
}

// stop ends all faults, undoes those under way and waits for that.
func (fs *faults) stop() {
	fs.once.Do(func() { close(fs.quit) })
	fs.wg.Wait()
}

// close stops the faults and closes the proxies.
func (fs *faults) close() {
	fs.stop()
	fs.lines.close()
}

// sleepUntil waits for an instant. It returns false when the run ends before.
func (fs *faults) sleepUntil(at time.Duration) bool {
	timer := time.NewTimer(max(at-fs.e.now(), 0))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-fs.e.halted:
	case <-fs.quit:
	}
	return false
}

// context ends with the faults or when the run is cut short.
func (fs *faults) context() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(fs.e.work))
	go func() {
		select {
		case <-fs.quit:
		case <-fs.e.halted:
		case <-ctx.Done():
		}
		cancel()
	}()
	return ctx, cancel
}

// loop makes the fault happen as often as it is to.
func (r *faultRun) loop() {
	at, end := r.f.At, time.Duration(1<<62)
	if r.f.In != "" {
		from, to, _ := r.fs.e.plan.Scenario.PhaseSpan(r.f.In)
		at, end = from+at, to
	}
	for {
		if !r.fs.sleepUntil(at) {
			return
		}
		r.happen()
		if at += r.f.Every; r.f.Every == 0 || r.f.Times > 0 && r.times >= r.f.Times || at >= end {
			return
		}
	}
}

// happen is one occurrence, from its beginning to its end.
func (r *faultRun) happen() {
	e := r.fs.e
	ev := FaultEvent{Start: e.now()}
	w := e.windows.begin(windowFault, r.f.Name, ev.Start)
	over := r.begin(&ev)
	ev.End = ev.Start
	lasts := r.f.For > 0 || over != nil
	switch {
	case r.f.For > 0:
		r.fs.sleepUntil(ev.Start + r.f.For)
	case over != nil && !r.atOnce():
		r.fs.sleepUntil(time.Duration(1 << 62))
	}
	if over != nil {
		over(&ev)
	}
	if lasts {
		ev.End = e.now()
	}
	w.finish(ev.End)
	r.note(ev)
}

// atOnce tells whether a fault without a length is over as soon as it has
// happened.
func (r *faultRun) atOnce() bool { return r.f.Kill != nil && r.f.Kill.Restart }

// begin carries the fault out. What it returns, if anything, ends it.
func (r *faultRun) begin(ev *FaultEvent) (over func(*FaultEvent)) {
	switch {
	case r.f.Drop != nil:
		return r.drop(ev)
	case r.f.Proxy != nil:
		return r.disturb(ev)
	case r.f.Exec != nil:
		return r.exec(ev)
	}
	return r.kill(ev)
}

// counts tells whether the fault is one that hits connections.
func (f *Fault) counts() bool {
	return f.Drop != nil || f.Proxy != nil || f.Kill != nil && len(f.Kill.Targets) > 0
}

func (r *faultRun) note(ev FaultEvent) {
	r.times++
	r.hit += ev.Hit
	r.of += ev.Of
	if r.f.counts() && ev.Hit == 0 && ev.Error == "" {
		r.missed++
	}
	if len(r.events) < maxFaultEvents || ev.Error != "" && len(r.events) < 2*maxFaultEvents {
		r.events = append(r.events, ev)
	}
}

// exec runs the command of the fault.
func (r *faultRun) exec(ev *FaultEvent) func(*FaultEvent) {
	e := r.fs.e
	ctx, cancel := r.fs.context()
	defer cancel()
	output, undo, err := e.opt.Faults.Exec(ctx, r.f.Exec)
	ev.Output = e.errs.masker.mask(output)
	r.failed(ev, err)
	return r.undoing(undo, r.f.Exec.Timeout)
}

// failed notes that a fault could not be carried out. One that the end of the
// run has cut short has not failed.
func (r *faultRun) failed(ev *FaultEvent, err error) {
	if err == nil {
		return
	}
	select {
	case <-r.fs.quit:
	case <-r.fs.e.halted:
	default:
		ev.Error = r.fs.e.errs.masker.mask(err.Error())
	}
}

// undoing makes of what a driver returned what ends the fault.
func (r *faultRun) undoing(undo FaultUndo, bound time.Duration) func(*FaultEvent) {
	if undo == nil {
		return nil
	}
	if bound <= 0 {
		bound = undoTime
	}
	return func(ev *FaultEvent) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.fs.e.work), bound)
		defer cancel()
		ev.Undo = UndoDone
		if err := undo(ctx); err != nil {
			ev.Undo = r.fs.e.errs.masker.mask(err.Error())
			r.fs.e.opt.Logger.Error("a fault could not be undone", "fault", r.f.Name, "error", ev.Undo)
		}
	}
}

// UndoDone is FaultEvent.Undo when it worked.
const UndoDone = "done"

// kill sends the signal to all that are meant.
func (r *faultRun) kill(ev *FaultEvent) func(*FaultEvent) {
	k := r.f.Kill
	for _, t := range k.Targets {
		ev.Of += r.fs.e.openAt(t)
		r.fs.disturb(t)
	}
	ctx, cancel := r.fs.context()
	defer cancel()
	var undos []FaultUndo
	for _, v := range k.Victims() {
		undo, err := r.fs.e.opt.Faults.Kill(ctx, v, k)
		if undo != nil {
			undos = append(undos, undo)
		}
		r.failed(ev, err)
	}
	forgive := func() {
		for _, t := range k.Targets {
			r.fs.undisturb(t)
		}
	}
	if ev.Error == "" {
		ev.Hit = ev.Of
	}
	switch {
	case len(undos) == 0 && ev.Error != "":
		forgive()
		return nil
	case len(undos) == 0:
		return nil // it stays dead
	}
	over := r.undoing(func(ctx context.Context) error {
		var first error
		for _, undo := range undos {
			if err := undo(ctx); err != nil && first == nil {
				first = err
			}
		}
		return first
	}, 0)
	return func(ev *FaultEvent) {
		over(ev)
		forgive()
	}
}

// disturb says that connections to a target may end because of a fault.
func (fs *faults) disturb(t *Target) {
	fs.disturbed[fs.e.targetIndex(t)].Store(endlessDisturbance)
}

func (fs *faults) undisturb(t *Target) {
	fs.disturbed[fs.e.targetIndex(t)].Store(int64(fs.e.now() + aftermath))
}

// disturbs tells whether the end of a connection to a target is a fault's doing.
func (fs *faults) disturbs(target int16, at time.Duration) bool {
	return fs != nil && int64(at) < fs.disturbed[target].Load()
}

// openAt counts the open connections to a target.
func (e *engine) openAt(t *Target) int {
	n, at := 0, int16(e.targetIndex(t))
	for i := range e.clients {
		c := &e.clients[i]
		if c.targetNo != at {
			continue
		}
		c.mu.Lock()
		if c.counted && !c.gone {
			n++
		}
		c.mu.Unlock()
	}
	return n
}

// what describes the fault in a few words.
func (f *Fault) what() string {
	switch {
	case f.Drop != nil:
		who := f.Drop.Clients
		if who == "" {
			who = "all groups"
		}
		return fmt.Sprintf("%s %s of %s", f.Drop.How, percentText(f.Drop.Share), who)
	case f.Proxy != nil:
		return "proxy " + f.Proxy.name + ": " + f.Proxy.Toxics.String()
	case f.Exec != nil:
		return "exec " + f.Exec.Command
	}
	s := f.Kill.Signal + " "
	switch {
	case f.Kill.Redis:
		s += "redis"
	case f.Kill.PID != 0:
		s += fmt.Sprintf("process %d", f.Kill.PID)
	default:
		s += f.Kill.name
	}
	if f.Kill.Restart {
		s += ", then start it again"
	}
	return s
}

// percentText prints a share: 25%.
func percentText(share float64) string { return decimal(100*share) + "%" }
