package loadgen

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// judgeFaults makes one check of each fault: that it happened, hit somebody, and
// was undone. A run whose faults did not do what the scenario says shows
// nothing.
func (e *engine) judgeFaults(ev *evidence) []judged {
	var out []judged
	for _, r := range e.faults.runs {
		out = append(out, judged{Check: r.judge(ev), outright: true})
	}
	return out
}

func (r *faultRun) judge(ev *evidence) Check {
	c := Check{Kind: "fault", Name: r.f.Name, Status: CheckPass, Pos: r.f.Pos, Want: "happens", Got: plural(int64(r.times), "time")}
	if r.f.counts() {
		c.Want = "hits connections"
		if r.times > 0 {
			c.Got += fmt.Sprintf(", %s of %s", grouped(int64(r.hit)), plural(int64(r.of), "connection"))
		}
	}
	c.Detail = r.f.what()
	var broken, undone []string
	for _, x := range r.events {
		if x.Error != "" {
			broken = append(broken, at1(x.Start)+": "+x.Error)
		}
		if x.Undo != "" && x.Undo != UndoDone {
			undone = append(undone, at1(x.End)+": could not be undone: "+x.Undo)
		}
	}
	switch {
	case len(undone) > 0 || len(broken) > 0: // the test bench's fault, not the server's
		c.Status = CheckInconclusive
		c.Detail = lines(append([]string{c.Detail}, slices.Concat(undone, broken)...)...)
	case r.times == 0:
		c.Status, c.Got = ev.vacuous(), "never happened"
		c.Detail = lines(c.Detail, fmt.Sprintf("it was due after %s, the run took %s", r.due(), round(ev.took)))
	case r.f.counts() && r.missed == r.times:
		c.Status, c.Got = CheckFail, "hit nobody"
		c.Detail = lines(c.Detail, r.nobody())
	case r.missed > 0:
		c.Detail = lines(c.Detail, fmt.Sprintf("hit nobody %s", plural(int64(r.missed), "time")))
	}
	return c
}

// due is when the fault was to happen first.
func (r *faultRun) due() time.Duration {
	at := r.f.At
	if r.f.In != "" {
		from, _, _ := r.fs.e.plan.Scenario.PhaseSpan(r.f.In)
		at += from
	}
	return at
}

// nobody says why a fault may have hit nobody.
func (r *faultRun) nobody() string {
	switch {
	case r.of == 0:
		return "no client was connected then"
	case r.f.Drop != nil:
		return fmt.Sprintf("%s of %s is less than one connection, or the connections can't be broken", percentText(r.f.Drop.Share), plural(int64(r.of), "connection"))
	}
	return fmt.Sprintf("nothing of %s came to feel it", plural(int64(r.of), "connection"))
}

// at1 is an instant of the run in reports.
func at1(d time.Duration) string { return "at " + shortDuration(d.Seconds()) }

// reportFaults is what became of the faults.
func (e *engine) reportFaults() []FaultReport {
	var out []FaultReport
	for _, r := range e.faults.runs {
		out = append(out, FaultReport{
			Name: r.f.Name, Kind: r.f.kind(), What: e.errs.masker.mask(strings.TrimSpace(r.f.what())), Counts: r.f.counts(),
			Times: r.times, Hit: r.hit, Of: r.of, Events: r.events,
		})
	}
	return out
}
