package loadgen

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/realtime-toolkit/rtk/internal/nearest"
)

// AddThreshold adds a condition as the scenario would have it, such as
// ack_latency{event=say} and p99 < 200ms. It returns the name of its check in
// reports.
func (s *Scenario) AddThreshold(metric, expr string) (check string, err error) {
	p := &parse{sc: s, source: &source{name: s.File}, env: func(string) (string, bool) { return "", false }}
	before := len(s.Thresholds)
	p.threshold(&node{kind: scalarNode, text: metric}, &node{kind: scalarNode, text: expr})
	if len(p.diags) == 0 && len(s.Thresholds) > before {
		t := s.Thresholds[before]
		if p.checkMeasured(t); len(p.diags) == 0 {
			return t.head() + ": " + t.Exprs[0].Text, nil
		}
	}
	if len(p.diags) == 0 {
		return "", errors.New("no condition")
	}
	s.Thresholds = s.Thresholds[:before]
	d := p.diags[0]
	if d.Hint != "" {
		return "", fmt.Errorf("%s (%s)", d.Message, d.Hint)
	}
	return "", errors.New(d.Message)
}

// group finds a group by its name.
func (s *Scenario) groupNamed(name string) (*Group, error) {
	var names []string
	for _, g := range s.Groups {
		if g.Name == name {
			return g, nil
		}
		names = append(names, g.Name)
	}
	return nil, fmt.Errorf("no clients named %q%s", name, nearest.Hint(name, names))
}

// Count is how many clients a group has, for each of its targets.
func (s *Scenario) Count(group string) (int, error) {
	g, err := s.groupNamed(group)
	if err != nil {
		return 0, err
	}
	return g.Count, nil
}

// SetCount changes how many clients a group has.
func (s *Scenario) SetCount(group string, n int) error {
	g, err := s.groupNamed(group)
	if err == nil {
		g.Count = n
	}
	return err
}

// schedules are those of a group's steps that send at a rate.
func (g *Group) schedules() []*Schedule {
	var out []*Schedule
	for _, st := range g.Flow {
		if sch := st.scheduleRef(); sch != nil && !sch.Once() {
			out = append(out, sch)
		}
	}
	return out
}

func (st *Step) scheduleRef() *Schedule {
	switch {
	case st.Emit != nil:
		return &st.Emit.Schedule
	case st.Publish != nil:
		return &st.Publish.Schedule
	}
	return nil
}

// Rate is the rate of the group's first step that has one, as the scenario
// writes it: for each client, or over the group.
func (s *Scenario) Rate(group string) (float64, error) {
	g, err := s.groupNamed(group)
	if err != nil {
		return 0, err
	}
	list := g.schedules()
	if len(list) == 0 {
		return 0, fmt.Errorf("clients %s send nothing at a rate", group)
	}
	if slices.ContainsFunc(list, func(s *Schedule) bool { return s.Ramp != nil }) {
		return 0, fmt.Errorf("the rate of clients %s changes by itself, which can't be varied", group)
	}
	return list[0].Rate + list[0].TotalRate, nil // one of them is 0
}

// SetRate changes the rate of the group's first step that has one, and those
// of its other steps in proportion.
func (s *Scenario) SetRate(group string, rate float64) error {
	before, err := s.Rate(group)
	if err != nil {
		return err
	}
	g, _ := s.groupNamed(group)
	for _, sch := range g.schedules() {
		sch.Rate *= rate / before
		sch.TotalRate *= rate / before
	}
	return nil
}

// SetFor changes how long every step with a rate and a time sends.
func (s *Scenario) SetFor(d time.Duration) error {
	n := 0
	for _, g := range s.Groups {
		for _, sch := range g.schedules() {
			if sch.For > 0 && !sch.ToEnd && sch.Count == 0 {
				sch.For = d
				n++
			}
		}
	}
	if n == 0 {
		return errors.New("no step sends for a time")
	}
	return nil
}

// SplitMetric divides ack_latency{event=say}.p99 into the metric with its
// labels and the aggregate.
func SplitMetric(s string) (metric, agg string, err error) {
	tail := strings.LastIndexByte(s, '}') + 1
	i := strings.IndexByte(s[tail:], '.')
	if strings.HasPrefix(s, "server.") {
		i = strings.LastIndexByte(s[tail:], '.')
	}
	if i < 0 || tail+i+1 == len(s) {
		return "", "", fmt.Errorf("%q: want METRIC.AGGREGATE, as in ack_latency.p99 or delivery_lost.count", s)
	}
	return s[:tail+i], s[tail+i+1:], nil
}
