package loadgen

import (
	"fmt"
	"math"
	"net"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// budget adds up what the run needs.
func budget(p *Plan) error {
	var marked float64
	requesters := 0
	var longest, settle time.Duration
	for _, g := range p.Groups {
		d := time.Duration(float64(g.size()) / connectRate(g.Group) * float64(time.Second))
		if g.stages != nil {
			d = 0 // it is within the phases
		}
		for _, st := range g.Group.Flow {
			n := st.sends(g.size(), p.phases)
			p.Messages += int64(n)
			if st.marked() {
				marked += n
			}
			d += st.length(g.size())
		}
		longest = max(longest, d, p.phases)
		for _, c := range g.Cells {
			if c.Target.Protocol == rt.HTTP {
				requesters += c.Count
				continue
			}
			n := c.Count
			if g.stages != nil {
				n = (g.size() + len(g.Cells) - 1) / len(g.Cells)
			}
			p.Connections += n
			p.Ports[remoteOf(c.Target)] += n
		}
	}
	if marked > maxMarked {
		return planError(Pos{File: p.Scenario.File}, "%.0f marked messages, want at most %d: lower the rate or the duration", marked, maxMarked)
	}
	for _, v := range p.Scenario.Verify {
		settle = max(settle, v.Settle)
	}
	p.Length = longest + settle
	p.Descriptors = p.Connections + min(requesters, maxRequests) + spareFiles
	p.Warnings = append(append(p.Warnings, shortTokens(p)...), onePod(p.Scenario)...)
	return nil
}

// onePod warns of a grid of pods that has one field: nothing crosses.
func onePod(s *Scenario) []string {
	var out []string
	for _, v := range s.Verify {
		if v.GroupBy != "target" {
			continue
		}
		urls := map[string]bool{}
		for _, g := range s.Groups {
			if g.Name != v.From && g.Name != v.To {
				continue
			}
			for _, t := range g.Targets {
				urls[t.String()] = true
			}
		}
		if len(urls) == 1 {
			out = append(out, fmt.Sprintf("verify %s: all clients are at one target, so nothing crosses from pod to pod; name each pod", v.Name))
		}
	}
	return out
}

// shortTokens warns of tokens that expire before the run ends: a server that
// closes their connections does as it should.
func shortTokens(p *Plan) []string {
	var out []string
	for _, g := range p.Groups {
		for _, c := range g.Cells {
			if c.Case != nil || c.Auth == nil || c.Auth.Profile == nil || c.Auth.Profile.JWT == nil {
				continue
			}
			s := tokenSource{ref: c.Auth}
			if life := s.lifetime(); life > 0 && life < p.Length {
				out = append(out, fmt.Sprintf("clients %s: their tokens expire after %s, but the run takes at least %s",
					g.Group.Name, life, p.Length.Round(time.Second)))
				break
			}
		}
	}
	return out
}

func connectRate(g *Group) float64 {
	if g.Connect.Rate > 0 {
		return g.Connect.Rate
	}
	return defaultRate
}

func connectTimeout(g *Group) time.Duration {
	if g.Connect.Timeout > 0 {
		return g.Connect.Timeout
	}
	return defaultWait
}

func remoteOf(t *Target) string {
	if t.URL == nil {
		return t.Name
	}
	port := t.URL.Port()
	if port == "" {
		if port = "80"; t.URL.Scheme == "https" {
			port = "443"
		}
	}
	return net.JoinHostPort(t.URL.Hostname(), port)
}

// marked tells whether the step's messages carry markers.
func (st *Step) marked() bool {
	return st.Emit != nil && st.Emit.Marker || st.Publish != nil && st.Publish.Marker
}

// schedule is the step's schedule, zero if it sends nothing.
func (st *Step) schedule() Schedule {
	switch {
	case st.Emit != nil:
		return st.Emit.Schedule
	case st.Publish != nil:
		return st.Publish.Schedule
	}
	return Schedule{}
}

// sends is how many messages the step sends in a group of n clients, at the
// most where it goes on to the end of the phases.
func (st *Step) sends(n int, phases time.Duration) float64 {
	if st.Emit == nil && st.Publish == nil {
		return 0
	}
	s := st.schedule()
	if s.ToEnd {
		s.For = phases
	}
	switch {
	case s.Count > 0:
		return float64(s.Count) * float64(n)
	case s.TotalRate > 0:
		return math.Floor(curveOf(s).sends(s.For) + 1e-9)
	case s.Rate > 0:
		return math.Floor(curveOf(s).sends(s.For)+1e-9) * float64(n)
	}
	return float64(n)
}

// length is the least time that the step takes.
func (st *Step) length(n int) time.Duration {
	if st.On != nil && !st.On.UntilEnd {
		return st.On.For
	}
	s := st.schedule()
	switch {
	case s.For > 0:
		return s.For
	case s.Count > 0 && s.Rate > 0:
		return seconds(curveOf(s).reaches(float64(s.Count)))
	case s.Count > 0 && s.TotalRate > 0:
		return seconds(curveOf(s).reaches(float64(s.Count) * float64(n)))
	}
	return st.Wait
}

// markerSize is how long the step's markers are, 0 for the short form.
func (st *Step) markerSize() int {
	n := 0
	switch {
	case st.Emit != nil:
		for _, a := range st.Emit.Args {
			n = max(n, a.markerSize())
		}
	case st.Publish != nil:
		n = st.Publish.JSON.markerSize()
	}
	return n
}
