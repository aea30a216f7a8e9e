package loadgen

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// Interleave says how two runs take turns.
type Interleave struct {
	// Slice is how long each turn is, 10 s by default.
	Slice time.Duration
}

const (
	defaultSlice = 10 * time.Second
	minSlice     = 200 * time.Millisecond
	readyTick    = 20 * time.Millisecond
	// readyLimit is how much longer than planned the sides may take to get
	// ready before the turns begin without the rest.
	readyLimit = 30 * time.Second
	// minGuard and maxGuard bound the silence at the end of a turn, which is
	// otherwise a tenth of it.
	minGuard = 50 * time.Millisecond
	maxGuard = time.Second
)

// RunInterleaved carries out two plans at the same time, of which only one
// sends at any moment: what the machine's other work does to one it does to
// the other. The connections of both stand throughout. It returns when both
// have ended; when one can't go on, neither does the other.
//
// Steps that send once, and time in wait and on steps, take no turns: getting
// ready comes before the first turn.
func RunInterleaved(ctx context.Context, base, head *Plan, ob, oh Options, i Interleave) (rb, rh *Report, err error) {
	if i.Slice <= 0 {
		i.Slice = defaultSlice
	}
	if err := interleavable(base, i); err != nil {
		return nil, nil, err
	}
	if err := interleavable(head, i); err != nil {
		return nil, nil, err
	}
	t := &alternation{slice: i.Slice, guard: min(max(i.Slice/10, minGuard), maxGuard)}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sides := [2]*side{{alternation: t, no: 0}, {alternation: t, no: 1}}
	engines := make(chan struct{}, 2)
	var reports [2]*Report
	var errs [2]error
	var wg sync.WaitGroup
	for n, run := range [2]struct {
		p *Plan
		o Options
	}{{base, ob}, {head, oh}} {
		run.o.side, run.o.joined = sides[n], engines
		wg.Go(func() {
			reports[n], errs[n] = Run(ctx, inTurns(run.p, t), run.o)
			if errs[n] != nil || reports[n].Partial || reports[n].Verdict == Unreachable {
				cancel() // the other would measure nothing that could be compared
			}
		})
	}
	over, coordinator := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		t.conduct(over, engines, sides, base.Length+readyLimit)
	}()
	wg.Wait()
	coordinator()
	<-done
	return reports[0], reports[1], errors.Join(errs[0], errs[1])
}

func interleavable(p *Plan, i Interleave) error {
	usage := func(format string, args ...any) error {
		return &rt.Error{Op: "plan", Target: p.Scenario.File, Kind: rt.KindUsage, Err: fmt.Errorf(format, args...)}
	}
	switch {
	case i.Slice < minSlice:
		return usage("slices of %s are too short, want at least %s", i.Slice, minSlice)
	case len(p.Scenario.Phases) > 0:
		return usage("a scenario with phases can't be interleaved: their time does not stand still")
	case len(p.Scenario.Faults) > 0:
		return usage("a scenario with faults can't be interleaved: their time does not stand still")
	}
	for _, g := range p.Scenario.Groups {
		if len(g.schedules()) > 0 {
			return nil
		}
	}
	return usage("nothing is sent at a rate, so that there is nothing to take turns with")
}

// inTurns is the plan with the time that it takes when each side has only half
// of it.
func inTurns(p *Plan, t *alternation) *Plan {
	out, sc := *p, *p.Scenario
	out.Scenario = &sc
	stretch := func(d time.Duration) time.Duration {
		return time.Duration(float64(2*d)*float64(t.slice)/float64(t.slice-t.guard)) + 4*t.slice
	}
	out.Length = stretch(p.Length) + readyLimit
	if sc.Timeout <= 0 {
		sc.Timeout = defaultTimeout
	}
	sc.Timeout = stretch(sc.Timeout)
	return &out
}

// conduct begins the turns when both sides are ready and marks their slices.
func (t *alternation) conduct(ctx context.Context, engines <-chan struct{}, sides [2]*side, limit time.Duration) {
	sleep := func(d time.Duration) bool {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			return true
		case <-ctx.Done():
			return false
		}
	}
	for range sides {
		select {
		case <-engines:
		case <-ctx.Done():
			return
		}
	}
	began, ready := time.Now(), 0
	for ready < 2 && time.Since(began) < limit { // twice, as a barrier may just have opened
		if !sleep(readyTick) {
			return
		}
		if ready++; !sides[0].ready() || !sides[1].ready() {
			ready = 0
		}
	}
	sides[0].mark()
	t.begin(sides[:]...)
	// A side's slice is marked in the silence before it, when what the slice
	// before brought has arrived.
	for k := 1; ; k++ {
		if !sleep(time.Until(t.begun.Add(time.Duration(k)*t.slice - t.guard/4))) {
			return
		}
		sides[k%2].mark()
	}
}
