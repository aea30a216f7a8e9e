package loadgen

import (
	"math"
	"time"
)

// pace is the open schedule of one client in one step: send k is due when the
// schedule has come to k, whatever became of the sends before it. The clients
// of a group are spread evenly over the period, so that their sends interleave.
type pace struct {
	start time.Duration
	curve rateCurve // sends of this client
	phase float64   // how far into the period its first send is, 0 to 1
	total int64
	side  *side // nil unless the run takes turns with another
}

// newPace is the pace of client i of n.
func newPace(s Schedule, start time.Duration, i, n int) pace {
	p := pace{start: start}
	if s.Once() {
		p.total = 1
		return p
	}
	share := float64(i%n) / float64(n)
	p.phase, p.curve = share, curveOf(s)
	all := math.Floor(p.curve.sends(s.For) + 1e-9) // over the group, with a total rate
	p.total = int64(all)
	if s.Rate == 0 {
		p.curve = p.curve.scaled(1 / float64(n))
		p.total = int64(math.Ceil((all - float64(i%n)) / float64(n)))
	}
	if s.Count > 0 {
		p.total = int64(s.Count)
	}
	p.total = max(p.total, 0)
	return p
}

// due is when send k is to happen.
func (p *pace) due(k int64) time.Duration {
	if p.curve.to == 0 && p.curve.from == 0 {
		return p.start
	}
	offset := time.Duration(math.Round(p.curve.reaches(p.phase+float64(k)) * 1e9))
	if p.side != nil {
		return p.side.at(p.start, offset)
	}
	return p.start + offset
}

// rateCurve is a rate that goes evenly from one value to another and stays
// there.
//
//	rate
//	  to |        /‾‾‾‾‾‾‾‾      sends(t) = from·t + (to-from)·t²/(2·over)   up to over,
//	from |‾‾‾‾‾‾‾/               and from there on to·(t-over) more
//	     +------over---------→ t
type rateCurve struct {
	from, to float64 // a second
	over     float64 // seconds
}

func curveOf(s Schedule) rateCurve {
	if s.Ramp != nil {
		return rateCurve{s.Ramp.From, s.Ramp.To, s.Ramp.Over.Seconds()}
	}
	rate := s.Rate
	if rate == 0 {
		rate = s.TotalRate
	}
	return rateCurve{rate, rate, 0}
}

func (c rateCurve) scaled(by float64) rateCurve {
	c.from, c.to = c.from*by, c.to*by
	return c
}

// sends is how many sends are due within d.
func (c rateCurve) sends(d time.Duration) float64 {
	t := d.Seconds()
	if t >= c.over {
		return (c.from+c.to)/2*c.over + c.to*(t-c.over)
	}
	return c.from*t + (c.to-c.from)*t*t/(2*c.over)
}

// reaches is when, in seconds, n sends are due: the inverse of sends. It is
// +Inf, held back to what a duration carries, for more than there ever are.
func (c rateCurve) reaches(n float64) float64 {
	const never = math.MaxInt64 / 4e9
	ramp := (c.from + c.to) / 2 * c.over
	if n >= ramp {
		if c.to == 0 {
			if n == ramp {
				return c.over
			}
			return never
		}
		return min(c.over+(n-ramp)/c.to, never)
	}
	if n <= 0 {
		return 0
	}
	// The root of from·t + a·t²/2 = n in the form that does not cancel.
	a := (c.to - c.from) / c.over
	return 2 * n / (c.from + math.Sqrt(max(c.from*c.from+2*a*n, 0)))
}
