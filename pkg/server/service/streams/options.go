package streams

import (
	"cmp"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"time"
)

// Defaults of Options and WorkerOptions.
const (
	DefaultGroup         = "rtk"
	DefaultDeadline      = 5 * time.Second
	DefaultPending       = 1024
	DefaultMaxLen        = 10_000
	DefaultConcurrency   = 16
	DefaultClaimAfter    = 30 * time.Second
	DefaultTimeout       = time.Minute
	DefaultMaxDeliveries = 5
)

// Options of New; URL and Stream are required, 0 in another field means its
// default.
type Options struct {
	// URL is redis://[user:password@]host[:port][/db], or rediss:// for TLS. The
	// password never shows in an error or a log.
	URL string
	TLS *tls.Config // for rediss://; nil: the system's roots
	// Stream is the key of the commands.
	Stream string
	PodID  string       // part of the name of the reply stream
	Logger *slog.Logger // nil: slog.Default()
	// Deadline is how long a call waits for its answer.
	Deadline time.Duration
	// Pending is how many calls may wait for their answers.
	Pending int
	// MaxLen is how many commands may be on the stream, those under way included.
	MaxLen int
}

func (o Options) withDefaults() (Options, error) {
	o.Deadline = cmp.Or(o.Deadline, DefaultDeadline)
	o.Pending = cmp.Or(o.Pending, DefaultPending)
	o.MaxLen = cmp.Or(o.MaxLen, DefaultMaxLen)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	switch {
	case o.Stream == "":
		return o, fmt.Errorf("%w: no stream", ErrOptions)
	case o.Deadline < time.Millisecond:
		return o, fmt.Errorf("%w: deadline %v: at least 1ms", ErrOptions, o.Deadline)
	case o.Pending < 1, o.MaxLen < 1:
		return o, fmt.Errorf("%w: a bound is not positive", ErrOptions)
	}
	return o, nil
}

// WorkerOptions of NewWorker; URL and Stream are required, 0 in another field
// means its default.
type WorkerOptions struct {
	URL    string // as in Options
	TLS    *tls.Config
	Stream string
	Group  string
	// Name of the worker in the group, which must be its own. "" makes one of
	// host name, process id and random text.
	Name   string
	Logger *slog.Logger // nil: slog.Default()
	// Concurrency is how many commands are handled at a time.
	Concurrency int
	// ClaimAfter is after how long without a sign of life another worker takes
	// over a command. A worker gives signs while it handles one, for as long as
	// that takes.
	ClaimAfter time.Duration
	// Timeout is for the handling of one command.
	Timeout time.Duration
	// MaxDeliveries is after how many failed deliveries a command is put on the
	// dead-letter stream, MaxLen how many that keeps.
	MaxDeliveries, MaxLen int
}

func (o WorkerOptions) withDefaults() (WorkerOptions, error) {
	o.Group = cmp.Or(o.Group, DefaultGroup)
	o.Concurrency = cmp.Or(o.Concurrency, DefaultConcurrency)
	o.ClaimAfter = cmp.Or(o.ClaimAfter, DefaultClaimAfter)
	o.Timeout = cmp.Or(o.Timeout, DefaultTimeout)
	o.MaxDeliveries = cmp.Or(o.MaxDeliveries, DefaultMaxDeliveries)
	o.MaxLen = cmp.Or(o.MaxLen, DefaultMaxLen)
	if o.Name == "" {
		host, _ := os.Hostname()
		o.Name = fmt.Sprintf("%s-%d-%s", host, os.Getpid(), rand.Text()[:6])
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	switch {
	case o.Stream == "":
		return o, fmt.Errorf("%w: no stream", ErrOptions)
	case o.ClaimAfter < 10*time.Millisecond, o.Timeout < time.Millisecond:
		return o, fmt.Errorf("%w: a duration is too short", ErrOptions)
	case o.Concurrency < 1, o.MaxDeliveries < 1, o.MaxLen < 1:
		return o, fmt.Errorf("%w: a bound is not positive", ErrOptions)
	}
	return o, nil
}
