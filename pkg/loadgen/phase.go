package loadgen

import (
	"math"
	"time"
)

// Phase is one part of a run, in which it holds or changes how many clients
// are connected.
type Phase struct {
	Pos  Pos
	Name string
	// Length is how long it lasts.
	Length time.Duration
	// Ramps says that the number of clients goes evenly to RampTo.
	Ramps  bool
	RampTo int
}

// phasesLength is how long all phases take.
func phasesLength(phases []Phase) time.Duration {
	var d time.Duration
	for i := range phases {
		d += phases[i].Length
	}
	return d
}

// PhaseSpan is when a phase begins and ends, counted from the beginning of the
// run.
func (s *Scenario) PhaseSpan(name string) (from, to time.Duration, ok bool) {
	for i := range s.Phases {
		p := &s.Phases[i]
		if to = from + p.Length; p.Name == name {
			return from, to, true
		}
		from = to
	}
	return 0, 0, false
}

// phaseAt is the name of the phase at an instant of the run, "" after the last.
func (s *Scenario) phaseAt(at time.Duration) string {
	for i := range s.Phases {
		if at -= s.Phases[i].Length; at < 0 {
			return s.Phases[i].Name
		}
	}
	return ""
}

// stage is one change of a group's number of clients: evenly from one number
// to another.
//
//	clients
//	   to |            /‾‾‾‾‾‾‾
//	 from |‾‾‾‾‾‾‾‾‾‾‾/
//	      +----------at···end----→
type stage struct {
	from, to int
	at, end  time.Duration
}

// ramps tells whether the phases change how many clients are connected.
func ramps(phases []Phase) bool {
	for i := range phases {
		if phases[i].Ramps {
			return true
		}
	}
	return false
}

// stagesOf are the changes of a group that has weight of a total. Before the
// first phase there is nobody, unless that phase is none that ramps: then the
// group's own number has come at the start.
func stagesOf(phases []Phase, count, total int) []stage {
	var out []stage
	level, at := 0, time.Duration(0)
	for i := range phases {
		p := &phases[i]
		switch {
		case p.Ramps:
			to := int(math.Round(float64(p.RampTo) * float64(count) / float64(total)))
			out = append(out, stage{level, to, at, at + p.Length})
			level = to
		case i == 0:
			out = append(out, stage{0, count, 0, 0})
			level = count
		}
		at += p.Length
	}
	return out
}

// comers is how many clients the stages connect, each time a client that goes
// makes room for another one counted anew.
func comers(list []stage) int {
	n := 0
	for _, s := range list {
		n += max(s.to-s.from, 0)
	}
	return n
}

// peak is the highest number of clients at the same time.
func peak(list []stage) int {
	n := 0
	for _, s := range list {
		n = max(n, s.to)
	}
	return n
}

// due is when change k of the stage happens. Clients come as soon as there is
// room for them and go as late as they may, so that the number is never below
// the line.
func (s *stage) due(k int) time.Duration {
	n := s.to - s.from
	if n < 0 {
		n, k = -n, k+1
	}
	return s.at + time.Duration(math.Round(float64(s.end-s.at)*float64(k)/float64(n)))
}
