package main

import (
	"context"
	"runtime"

	"github.com/realtime-toolkit/rtk/pkg/client"
	"github.com/realtime-toolkit/rtk/pkg/loadgen"
)

// session is what several runs of one command share: variables, targets or
// started gateways, and the dialer.
type session struct {
	*benchRun
	ctx context.Context // ends at the first signal
}

// startSession prepares the runs. prepare may set variables before the
// scenarios are read. The caller must call stop.
func startSession(ctx context.Context, o *benchOptions, prepare func(*benchRun)) (s *session, stop func(), err error) {
	r := &benchRun{benchOptions: o, show: newProgress(o.env, o.progress)}
	if err := r.variables(); err != nil {
		return nil, nil, err
	}
	if err := r.parseTargets(); err != nil {
		return nil, nil, err
	}
	prepare(r)
	needPods := false
	for _, name := range o.scenarios {
		if shipped(name) {
			needPods = needPods || len(r.targets) == 0
			continue
		}
		if _, err := r.parse(name); err != nil {
			return nil, nil, err
		}
	}
	ctx, cancel := r.onSignal(ctx)
	if needPods {
		if r.cluster, err = startPods(ctx, o.env, o.pods, r.vars["JWT_SECRET"], r.podFlags()); err != nil {
			cancel()
			return nil, nil, r.interrupted(err)
		}
		r.usePods()
	}
	r.dialer = client.New(client.Options{Insecure: o.insecure, UserAgent: "rtk/" + version(), Pollers: runtime.GOMAXPROCS(0)})
	return &session{r, ctx}, func() {
		r.dialer.Close()
		if r.cluster != nil {
			r.cluster.stop()
		}
		cancel()
	}, nil
}

// planWith is plan with a change to the scenario.
func (s *session) planWith(ctx context.Context, name string, change func(*loadgen.Scenario) error) (*planned, error) {
	s.change = change
	defer func() { s.change = nil }()
	return s.plan(ctx, name)
}
