package service

import (
	"fmt"
	"log/slog"
	"time"
)

// Defaults of Options.
const (
	DefaultQueueCalls = 64
	DefaultQueueBytes = 1 << 20
	DefaultDeadline   = 30 * time.Second
)

// Options of Bind; 0 in a field means its default.
type Options struct {
	Logger *slog.Logger // nil: slog.Default()
	PodID  string       // source of the calls
	// QueueCalls and QueueBytes bound what waits in the lane of one connection;
	// one call may wait whatever its size. A disconnect is never refused.
	QueueCalls int
	QueueBytes int
	// Deadline is the time for one call when the service has no shorter one.
	Deadline time.Duration
}

func (o Options) withDefaults() (Options, error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	for _, n := range []struct {
		at   *int
		name string
		def  int
	}{
		{&o.QueueCalls, "QueueCalls", DefaultQueueCalls},
		{&o.QueueBytes, "QueueBytes", DefaultQueueBytes},
	} {
		if *n.at == 0 {
			*n.at = n.def
		}
		if *n.at < 1 {
			return o, fmt.Errorf("service option %s %d: must be positive", n.name, *n.at)
		}
	}
	if o.Deadline == 0 {
		o.Deadline = DefaultDeadline
	}
	if o.Deadline < 0 {
		return o, fmt.Errorf("service option Deadline %v: must be positive", o.Deadline)
	}
	return o, nil
}
