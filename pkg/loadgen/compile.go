package loadgen

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// CompileOptions adjust a compilation.
type CompileOptions struct {
	Seed  uint64 // 0: the scenario's, or a random one
	RunID string // "": a random one. At most 6 base 36 digits
	// OnlyClient reduces the plan to the client of that number, and to one of
	// each kind of its peers. Nil is all of them.
	OnlyClient *int
}

// Bounds of a plan. They keep a typing error from eating the machine; each is
// far beyond what one machine can drive.
const (
	maxClients  = 1 << 20
	maxPairs    = 1 << 25 // 24 B each
	maxMarked   = 1 << 26 // 12 B each
	maxExpects  = 64
	spareFiles  = 64  // log files, listeners, idle HTTP connections
	defaultRate = 500 // connects a second
	defaultWait = 10 * time.Second
)

// Compile expands a scenario into a plan. It opens nothing and has no side
// effects. Its error is an *rt.Error of KindUsage.
func Compile(s *Scenario, o CompileOptions) (*Plan, error) {
	p := &Plan{Scenario: s, Seed: o.Seed, RunID: o.RunID, Ports: map[string]int{}, Hash: planHash(s)}
	if p.Seed == 0 {
		p.Seed = s.Seed
	}
	for p.Seed == 0 {
		p.Seed = rand.Uint64() >> 32 // short enough to be typed
	}
	if p.RunID == "" {
		p.RunID = strconv.FormatUint(uint64(rand.Uint32N(36*36*36*36*36*36-1)), 36)
	}
	run, err := strconv.ParseUint(p.RunID, 36, 32)
	if err != nil || p.RunID != strconv.FormatUint(run, 36) {
		return nil, planError(Pos{File: s.File}, "run id %q: want at most 6 digits and lower-case letters", p.RunID)
	}
	p.run = uint32(run)
	p.phases = phasesLength(s.Phases)
	for _, g := range s.Groups {
		gp, err := compileGroup(s, g)
		if err != nil {
			return nil, err
		}
		p.Groups = append(p.Groups, gp)
	}
	if err := compilePhases(p); err != nil {
		return nil, err
	}
	if o.OnlyClient != nil {
		if err := p.only(*o.OnlyClient); err != nil {
			return nil, err
		}
	}
	if err := compileVerify(p); err != nil {
		return nil, err
	}
	if err := budget(p); err != nil {
		return nil, err
	}
	if err := compileFaults(p); err != nil {
		return nil, err
	}
	return p, nil
}

func planError(pos Pos, format string, args ...any) error {
	at := pos.File
	if pos.Line > 0 {
		at = fmt.Sprintf("%s:%d:%d", pos.File, pos.Line, pos.Column)
	}
	return &rt.Error{Op: "plan", Target: at, Kind: rt.KindUsage, Err: fmt.Errorf(format, args...)}
}

// compileGroup makes a cell for each target and each combination of axis
// values. Indices run on from cell to cell.
func compileGroup(s *Scenario, g *Group) (*GroupPlan, error) {
	if len(g.Targets) == 0 {
		return nil, planError(g.Pos, "clients %s: no target", g.Name)
	}
	for _, t := range g.Targets {
		if t.Discovery != nil {
			return nil, planError(t.Discovery.Pos, "target %s: its pods were not looked up", t.Name)
		}
	}
	if g.Count < 1 {
		return nil, planError(g.Pos, "clients %s: count is %d, want at least 1", g.Name, g.Count)
	}
	gp := &GroupPlan{Group: g}
	barriers, expects := map[string]bool{}, 0
	for _, st := range g.Flow {
		gp.Publisher = gp.Publisher || st.marked()
		if st.Barrier != "" && barriers[st.Barrier] {
			return nil, planError(st.Pos, "barrier %s: clients %s come to it twice, use another name", st.Barrier, g.Name)
		}
		barriers[st.Barrier] = true
		if st.Expect != nil {
			expects++
		}
		if expects > maxExpects {
			return nil, planError(st.Pos, "clients %s: more than %d expect steps", g.Name, maxExpects)
		}
	}
	if s := g.Connect.Status; s != 0 && s != http.StatusOK {
		return nil, planError(g.Pos, "clients %s: expects status %d at the connect, but a stream begins with 200 only; a refusal is expected with a matrix case", g.Name, s)
	}
	if ct := g.Connect.ContentType; ct != "" && !strings.HasPrefix(ct, "text/event-stream") {
		return nil, planError(g.Pos, "clients %s: expects content type %q at the connect, but a stream is text/event-stream", g.Name, ct)
	}
	targets := g.Targets
	if slices.ContainsFunc(g.Matrix, func(a Axis) bool { return a.Name == AxisTarget }) {
		targets = targets[:1] // the axis says which
	}
	seen := map[string]bool{}
	for _, t := range targets {
		if len(g.Matrix) > 0 && t.Protocol == rt.HTTP {
			return nil, planError(g.Pos, "clients %s: a matrix needs a target with connections, %s is plain http", g.Name, t.Name)
		}
		err := combinations(g.Matrix, func(values []*AxisValue) error {
			if gp.Count > maxClients {
				return planError(g.Pos, "clients %s: more than %d clients", g.Name, maxClients)
			}
			c := newCell(s, g, t, values)
			if len(targets) > 1 && len(values) > 0 {
				c.Name = t.Name + " · " + c.Name
			}
			if x := excluded(g.Exclude, c.Matrix); x != nil {
				gp.Skipped = append(gp.Skipped, SkippedCell{Name: c.Name, Reason: x.Reason, Pos: x.Pos})
				return nil
			}
			if seen[c.Name] && c.Name != "" {
				return planError(c.Pos, "clients %s: two cells are named %q", g.Name, c.Name)
			}
			seen[c.Name] = true
			c.First, c.Count = gp.Count, g.Count
			gp.Count += g.Count
			gp.Cells = append(gp.Cells, c)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	if len(gp.Cells) == 0 {
		return nil, planError(g.Pos, "clients %s: every cell of the matrix is excluded", g.Name)
	}
	return gp, nil
}

// combinations calls f with each combination of axis values, the last axis
// varying fastest.
func combinations(axes []Axis, f func([]*AxisValue) error) error {
	for _, a := range axes {
		if len(a.Values) == 0 {
			return planError(a.Pos, "axis %s has no values", a.Name)
		}
	}
	at := make([]int, len(axes))
	values := make([]*AxisValue, len(axes))
	for {
		for i := range axes {
			values[i] = &axes[i].Values[at[i]]
		}
		if err := f(values); err != nil {
			return err
		}
		i := len(axes) - 1
		for ; i >= 0; i-- {
			if at[i]++; at[i] < len(axes[i].Values) {
				break
			}
			at[i] = 0
		}
		if i < 0 {
			return nil
		}
	}
}

func newCell(s *Scenario, g *Group, t *Target, values []*AxisValue) *CellPlan {
	for i, v := range values {
		if g.Matrix[i].Name == AxisTarget {
			for _, other := range s.Targets {
				if other.Name == v.Name {
					t = other
				}
			}
		}
	}
	c := &CellPlan{Target: t, Header: withHeaders(t.Header, g.Connect.Header), Auth: g.Auth, Transports: g.Connect.Transports, Pos: g.Pos, Matrix: map[string]string{}}
	if c.Transports == nil {
		c.Transports = t.Transports
	}
	var names []string
	for i, v := range values {
		axis := g.Matrix[i].Name
		names = append(names, v.Name)
		c.Axes = append(c.Axes, AxisChoice{axis, v.Name})
		c.Matrix[axis] = v.Name
		switch axis {
		case AxisTransport:
			c.Transports = []rt.Transport{rt.Transport(v.Name)}
		case AxisPlace:
			c.Place = Place(v.Name)
		}
		if v.Auth != nil {
			c.Auth = v.Auth
		}
		c.Header = withHeaders(c.Header, v.Header)
		if v.Expect != nil {
			c.Case, c.Auth, c.Pos = v.Expect, v.Auth, v.Pos
		}
	}
	c.Name = strings.Join(names, " · ")
	if c.Place == "" {
		c.Place = placeOf(c.Auth, t)
	}
	return c
}

// withHeaders is base with the headers of over in place of those of the same
// names.
func withHeaders(base, over http.Header) http.Header {
	if len(over) == 0 {
		return base
	}
	out := base.Clone()
	if out == nil {
		out = http.Header{}
	}
	maps.Copy(out, over)
	return out
}

// placeOf is where a token goes if no axis says so.
func placeOf(a *AuthRef, t *Target) Place {
	switch {
	case a != nil && a.Place != "":
		return a.Place
	case a != nil && a.Profile != nil && a.Profile.Place != "":
		return a.Profile.Place
	case t.Protocol == rt.SocketIO:
		return PlaceAuthToken
	}
	return PlaceHeader
}

func excluded(xs []Exclusion, matrix map[string]string) *Exclusion {
next:
	for i := range xs {
		for axis, v := range xs[i].Match {
			if matrix[axis] != v {
				continue next
			}
		}
		return &xs[i]
	}
	return nil
}

// compileVerify marks who subscribes and numbers the publishers.
func compileVerify(p *Plan) error {
	byName := map[string]*GroupPlan{}
	for _, g := range p.Groups {
		byName[g.Group.Name] = g
		if g.Publisher {
			g.firstPublisher = p.Publishers
			p.Publishers += g.Count
		}
	}
	seen := map[[2]string]string{}
	for _, v := range p.Scenario.Verify {
		from, to := byName[v.From], byName[v.To]
		switch {
		case from == nil:
			return planError(v.Pos, "verify %s: no clients named %q", v.Name, v.From)
		case to == nil:
			return planError(v.Pos, "verify %s: no clients named %q", v.Name, v.To)
		case !from.Publisher:
			return planError(v.Pos, "verify %s: no step of clients %s sends {{marker}}, so its messages can't be told apart", v.Name, v.From)
		case !listens(to.Group):
			return planError(v.Pos, "verify %s: clients %s have no on step, so nothing is listened for", v.Name, v.To)
		}
		key := [2]string{v.From, v.To}
		if other := seen[key]; other != "" {
			return planError(v.Pos, "verify %s: %s covers the same clients", v.Name, other)
		}
		seen[key] = v.Name
		to.Subscriber = true
		p.Pairs += int64(from.Count) * int64(to.Count)
	}
	if p.Pairs > maxPairs {
		return planError(Pos{File: p.Scenario.File}, "%d pairs of publisher and subscriber, want at most %d", p.Pairs, maxPairs)
	}
	return nil
}

func listens(g *Group) bool {
	for _, st := range g.Flow {
		if st.On != nil {
			return true
		}
	}
	return false
}
