package loadgen

import (
	"context"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// Fault is one entry of `faults:`. Exactly one of Drop, Proxy, Exec and Kill is
// set.
type Fault struct {
	Pos  Pos
	Name string // unique in the scenario; its window has this name

	At    time.Duration // from the start of the run, or of the phase
	In    string        // name of a phase, "" for the run
	Every time.Duration // 0: once
	Times int           // with Every: how often, 0 for as long as the run lasts
	For   time.Duration // 0: no duration of its own

	Drop  *DropFault
	Proxy *ProxyFault
	Exec  *ExecFault
	Kill  *KillFault
}

// DropFault breaks connections of clients from their side. With
// rt.BreakBlackhole they are dead for Fault.For and then reset.
type DropFault struct {
	Clients string  // group, "" for all groups
	Share   float64 // of those that are connected, 0 to 1
	How     rt.BreakHow
}

// ProxyFault disturbs the way to targets. All their connections go through a
// proxy from the start of the run.
type ProxyFault struct {
	Targets []*Target
	Toxics

	name string // of the targets, as the file has it
	pos  Pos
}

// Toxics are what a proxy does to the connections that go through it. The zero
// value passes everything on. Rates and delays are for each connection and each
// direction.
type Toxics struct {
	Latency, Jitter time.Duration
	Bandwidth       int64         // bytes a second, 0 for no limit
	Blackhole       Way           // nothing goes this way
	HalfOpen        Side          // the side that goes on believing in the connection; the other sees a reset
	Refuse          bool          // new connections are reset
	ResetAfter      int64         // bytes to the client after which a connection is reset, 0 for never
	SlowClose       time.Duration // how long the end of a connection is held back
}

// Way is a direction through a proxy.
type Way string

// Ways through a proxy.
const (
	WayBoth     Way = "both"
	WayToServer Way = "toServer"
	WayToClient Way = "toClient"
)

// Side is an end of a connection.
type Side string

// Sides of a connection.
const (
	SideClient Side = "client"
	SideServer Side = "server"
)

// ExecFault runs a command of the shell, and one that undoes it after
// Fault.For or at the end of the run, whatever that end is.
type ExecFault struct {
	Command, Undo string
	Dir           string        // where they run: the folder of the file that has them
	Timeout       time.Duration // bound of each of the two
}

// KillFault sends a signal to processes. A stopped one goes on after Fault.For
// or at the end of the run; a killed one comes back after Fault.For if Restart
// is set.
type KillFault struct {
	Targets []*Target // servers that the caller of Run has started, or
	Redis   bool      // their Redis, or
	PID     int       // any process
	Signal  string    // KILL, TERM or STOP
	Restart bool

	name string // of the targets, as the file has it
	pos  Pos
}

// Victim is one process that a KillFault means.
type Victim struct {
	Target *Target
	Redis  bool
	PID    int
}

// Victims are the processes that the fault means.
func (k *KillFault) Victims() []Victim {
	var out []Victim
	for _, t := range k.Targets {
		out = append(out, Victim{Target: t})
	}
	if k.Redis || k.PID != 0 {
		out = append(out, Victim{Redis: k.Redis, PID: k.PID})
	}
	return out
}

// FaultDriver does for faults what needs the operating system. Package loadgen
// opens no socket and starts no process. Implementations are safe for
// concurrent use.
type FaultDriver interface {
	// Proxy puts a proxy in front of addr, a host:port.
	Proxy(addr string) (FaultProxy, error)
	// Exec runs the command and returns the end of what it printed. It fails
	// when the command does. undo is nil when there is nothing to undo; otherwise
	// the caller calls it once, also after an error.
	Exec(ctx context.Context, f *ExecFault) (output string, undo FaultUndo, err error)
	// Kill sends the signal to one of the fault's victims. undo is as in Exec.
	Kill(ctx context.Context, v Victim, f *KillFault) (undo FaultUndo, err error)
}

// FaultUndo undoes a fault.
type FaultUndo func(ctx context.Context) error

// FaultProxy is a proxy in front of one address.
type FaultProxy interface {
	// Addr is where it listens, a host:port.
	Addr() string
	// Set changes what happens to open and new connections from now on.
	Set(Toxics)
	// Touched counts the connections that had to do with what was set last.
	Touched() int
	// Close resets all connections and stops listening.
	Close() error
}
