package loadgen

import (
	"log/slog"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/hist"
	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// Options are what a run needs from outside.
type Options struct {
	// Dialer opens the connections. It must be set if the plan has any.
	Dialer rt.Dialer
	// Requester sends the requests of publish steps. It must be set if the
	// plan has any.
	Requester rt.Requester
	// Faults does what the faults of the plan need of the operating system. It
	// must be set if the plan has any but dropped connections.
	Faults FaultDriver
	// Hooks starts the processes of exec steps. It must be set if the plan has
	// any.
	Hooks Hooks
	// Baseline is what thresholds on baseline compare with. It must be set if
	// the plan has any.
	Baseline *Baseline
	// Checkpoint, when set, gets a partial report as often as the scenario's
	// checkpoint says, and the whole one at the end.
	Checkpoint func(*Report) error
	// Progress, when set, is called every ProgressEvery (default 1 s) from one
	// goroutine and must return soon.
	Progress      func(Snapshot)
	ProgressEvery time.Duration
	// Logger gets warnings, never one for each client. Nil discards them.
	Logger *slog.Logger
	// SourceAddrs are local IP addresses to spread the connections over, for
	// more connections to one remote address than it has ephemeral ports.
	SourceAddrs []string
	// Grace is how long an interrupted run waits for deliveries in flight,
	// 5 s by default.
	Grace time.Duration
	// Environment is put into the report.
	Environment Environment
	// Tape keeps the last frames of each client, for Report.Tape.
	Tape bool
	// Trace, when set, is called with every frame, from many goroutines.
	Trace func(TraceFrame)
	// Repeat is the command that makes the run again with the same seed, for
	// Report.Repeat.
	Repeat string
	// FineTimers keeps the instants of sends with timers of the kernel, where there
	// are any, and not with those of Go, which are up to a millisecond late. They
	// don't know the fake time of tests.
	FineTimers bool
	// MaxDials bounds the handshakes that are under way at the same time, 256
	// by default.
	MaxDials int

	// side is the run's part in an interleaved pair, joined where it says that
	// it has begun.
	side   *side
	joined chan<- struct{}
	// onEngine lets tests look into a run.
	onEngine func(*engine)
	// lag stands in for a slow machine in tests.
	lag func(*hist.Set, hist.ID)
	// strain changes what the generator says about itself, in tests.
	strain func(*Generator)
}

func (o Options) withDefaults() Options {
	if o.ProgressEvery <= 0 {
		o.ProgressEvery = time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Grace <= 0 {
		o.Grace = 5 * time.Second
	}
	if o.MaxDials <= 0 {
		o.MaxDials = 256
	}
	return o
}

// defaultTimeout bounds a run for which the scenario names no bound.
const defaultTimeout = 30 * time.Minute

// defaultSettle is how long deliveries are waited for when a verify block
// does not say.
const defaultSettle = 2 * time.Second
