package loadgen

import (
	"net/http"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// Plan is a scenario made ready to run: matrices expanded, clients counted and
// assigned to targets. It is immutable and may be run more than once.
type Plan struct {
	Scenario *Scenario
	Seed     uint64
	RunID    string // what {{run.id}} and the markers hold
	Hash     string // of the load, wherever it goes: runs of the same can be compared
	Groups   []*GroupPlan

	Clients     int // all of them
	Connections int // those that hold a connection open
	Publishers  int // those that send markers
	// Descriptors is how many file descriptors the run needs at its height.
	Descriptors int
	// Ports is how many connections go to each remote host:port, which with
	// one source address is how many ephemeral ports are needed.
	Ports map[string]int
	// Messages is how many messages the schedules ask for in all.
	Messages int64
	// Pairs is how many pairs of publisher and subscriber are accounted for.
	Pairs int64
	// Length estimates how long the run takes at the least: connecting, the
	// longest flow and the settle time.
	Length time.Duration

	// Warnings are what will probably spoil the run, each in one line.
	Warnings []string

	run    uint32        // RunID as a number
	phases time.Duration // how long all phases take
}

// GroupPlan is one group with its cells.
type GroupPlan struct {
	Group   *Group
	Cells   []*CellPlan
	Skipped []SkippedCell
	Count   int // clients of all cells
	// Publisher says that the flow sends markers, Subscriber that some verify
	// block watches what the group receives.
	Publisher, Subscriber bool

	first          int // index of the group's first client in the run
	firstPublisher int
	rows           *clientRows // nil for groups without data
	stages         []stage     // nil unless the phases ramp the group
}

// size is how many clients the group has at the most at the same time.
func (g *GroupPlan) size() int {
	if g.stages != nil {
		return max(peak(g.stages), 1)
	}
	return g.Count
}

// awaited tells whether barriers wait for a client, given by its index: those
// that a later phase brings find them open or come too late for them.
func (g *GroupPlan) awaited(c *CellPlan, index int) bool {
	if g.stages == nil {
		return true
	}
	i := (index-c.First)*len(g.Cells) + g.cellIndex(c)
	for _, s := range g.stages {
		if s.to > s.from {
			return i < s.to-s.from
		}
	}
	return false
}

func (g *GroupPlan) cellIndex(c *CellPlan) int {
	for i := range g.Cells {
		if g.Cells[i] == c {
			return i
		}
	}
	return 0
}

// CellPlan is a set of clients that differ in nothing but their index: a
// group, or one combination of its targets and matrix values.
type CellPlan struct {
	Name       string // "" without a matrix; "websocket · auth.token · expired"
	Target     *Target
	Axes       []AxisChoice
	Matrix     map[string]string // {{matrix.NAME}}
	Transports []rt.Transport
	Auth       *AuthRef
	Place      Place
	Header     http.Header // of requests: the target's, the group's, the case's
	Case       *CaseExpect // nil without a case: clients must be accepted
	First      int         // client.index of the cell's first client
	Count      int
	Pos        Pos

	// In a plan of one client: what to add to an index and to a number in the
	// run to have those of the whole plan.
	shift, shiftID int
}

// AxisChoice is the value that a cell has on one axis.
type AxisChoice struct{ Axis, Value string }

// SkippedCell is an excluded combination.
type SkippedCell struct {
	Name, Reason string
	Pos          Pos
}
