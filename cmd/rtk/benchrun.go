package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/realtime-toolkit/rtk/pkg/client"
	"github.com/realtime-toolkit/rtk/pkg/loadgen"
	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// What the started gateways want of a token.
const (
	podAudience = "rtk-pods"
	podIssuer   = "rtk-bench"
)

// benchRun is one invocation of `rtk bench`.
type benchRun struct {
	*benchOptions
	vars    map[string]string // overlay on the environment
	targets []rt.Target
	plans   []*planned                    // in the order of the runs
	change  func(*loadgen.Scenario) error // to scenarios before they are planned, nil for none
	cluster *pods
	dialer  *client.Dialer
	show    *progress
	github  *github
	piped   []byte // the scenario from stdin
	// signal is the first signal that came, for the exit code.
	signal atomic.Pointer[os.Signal]
}

func runBench(ctx context.Context, o *benchOptions) error {
	if o.dryRun {
		return runDry(ctx, o)
	}
	r := &benchRun{benchOptions: o, show: newProgress(o.env, o.progress), github: newGitHub(o)}
	r.github.pause()
	defer r.github.resume()
	if err := r.variables(); err != nil {
		return err
	}
	names := o.scenarios
	if len(names) == 0 {
		names = defaultScenarios
	}
	// Everything that can be wrong with the input is found before a process
	// starts or a byte is sent.
	if err := r.parseTargets(); err != nil {
		return err
	}
	needPods := false
	for _, name := range names {
		if shipped(name) {
			needPods = needPods || len(r.targets) == 0
			continue
		}
		sc, err := r.parse(name)
		if err != nil {
			return err
		}
		needPods = needPods || len(r.targets) == 0 && needsPods(sc)
	}

	ctx, stop := r.onSignal(ctx)
	defer stop()
	if needPods {
		var err error
		if r.cluster, err = startPods(ctx, o.env, o.pods, r.vars["JWT_SECRET"], r.podFlags()); err != nil {
			return r.interrupted(err)
		}
		defer r.cluster.stop()
		r.usePods()
	}
	r.dialer = client.New(client.Options{Insecure: o.insecure, UserAgent: "rtk/" + version(), Pollers: runtime.GOMAXPROCS(0)})
	defer r.dialer.Close()

	// All of them are planned before the first runs: a mistake in the last
	// costs nobody the time of the others.
	for _, name := range names {
		p, err := r.plan(ctx, name)
		if err != nil {
			return err
		}
		r.plans = append(r.plans, p)
	}
	var reports []*loadgen.Report
	var failed error
	for _, p := range r.plans {
		rep, err := r.one(ctx, p)
		if rep != nil {
			reports = append(reports, rep)
		}
		if failed = err; err != nil || ctx.Err() != nil {
			break
		}
	}
	return r.conclude(reports, r.interrupted(failed))
}

// conclude writes what was measured, also when a run failed or a report can't
// be written. The verdict has the last line and, unless it is good, the exit
// code.
func (r *benchRun) conclude(reports []*loadgen.Report, failed error) error {
	if len(reports) == 0 {
		return failed
	}
	unwritten := errors.Join(r.write(reports), r.writeTape(reports))
	r.github.write(reports)
	if failed != nil {
		if unwritten != nil {
			printError(r.env.Stderr, unwritten)
		}
		return failed
	}
	if unwritten == nil {
		return r.verdict(reports)
	}
	printError(r.env.Stderr, unwritten)
	if err := r.verdict(reports); err != nil {
		return err
	}
	return &exitError{code: exitInternal} // CI would miss the report
}

// variables builds the overlay that flags put over the environment.
func (r *benchRun) variables() error {
	r.vars = map[string]string{}
	secret, err := readValue(r.env, r.jwtSecret)
	if err != nil {
		return usagef("--jwt-secret: %w", err)
	}
	if secret == "" {
		secret = r.env.Getenv("JWT_SECRET")
	}
	if secret != "" {
		r.vars["JWT_SECRET"] = secret
	}
	if r.limit != "" {
		n, ok := strings.CutSuffix(r.limit, "/s")
		if !ok {
			return usagef("--limit %q: want messages a second, as in 20/s", r.limit)
		}
		r.vars["LIMIT"] = n
	}
	for _, s := range r.set {
		name, value, _ := strings.Cut(s, "=")
		r.vars[name] = value
	}
	return nil
}

func (r *benchRun) lookup(name string) (string, bool) {
	if v, ok := r.vars[name]; ok {
		return v, true
	}
	return r.env.LookupEnv(name)
}

func (r *benchRun) parseTargets() error {
	for i, s := range r.benchOptions.targets {
		t, err := rt.ParseTarget(s)
		if err != nil {
			return err
		}
		t.Insecure = r.insecure
		if len(r.benchOptions.targets) > 1 {
			t.Name = fmt.Sprintf("pod-%d", i)
		}
		r.targets = append(r.targets, t)
	}
	if len(r.targets) > 0 {
		r.setDefault("URL", r.benchOptions.targets[0])
	}
	return nil
}

// usePods makes the started gateways the targets.
func (r *benchRun) usePods() {
	r.vars["JWT_SECRET"] = r.cluster.Secret
	r.setDefault("URL", r.cluster.gateways[0].URL)
	r.setDefault("PUBLISH_URL", r.cluster.gateways[0].Admin+"/api/publish")
	r.setDefault("METRICS_URL", r.cluster.gateways[0].Admin+"/metrics")
	// The gateways are known to check everything, so the matrix is whole.
	r.vars["JWT_AUD"], r.vars["JWT_ISS"] = podAudience, podIssuer
	r.setDefault("STRICT", "1")
	for i, c := range r.cluster.gateways {
		t, err := rt.ParseTarget(c.URL)
		if err != nil {
			continue // it came from our own listener
		}
		t.Name = fmt.Sprintf("pod-%d", i)
		r.targets = append(r.targets, t)
	}
}

func (r *benchRun) setDefault(name, value string) {
	if _, ok := r.lookup(name); !ok {
		r.vars[name] = value
	}
}

// podFlags are the flags of the gateways: the limits that the shipped
// scenarios expect, then what the user adds.
func (r *benchRun) podFlags() []string {
	limit := r.vars["LIMIT"]
	if limit == "" {
		limit = "20"
	}
	// No strikes: a flooder that is cut off can't show that it is let back in.
	return append(append([]string{
		"--throttle", limit + "/s", "--throttle-burst", "40", "--throttle-strikes", "-1",
		"--jwt-audience", podAudience, "--jwt-issuer", podIssuer,
	}, podFeatures...), r.serveFlags...)
}

// parse reads and checks one scenario.
func (r *benchRun) parse(name string) (*loadgen.Scenario, error) {
	src := r.piped // stdin can be read once
	if src == nil || name != stdinScenario {
		var err error
		if src, err = scenarioSource(r.env, name); err != nil {
			return nil, err
		}
	}
	if name == stdinScenario {
		r.piped = src
	}
	sc, diags, err := parseScenario(name, src, loadgen.ParseOptions{Lookup: r.lookupFor(name), Profile: r.profile})
	if err != nil {
		return nil, err
	}
	if len(diags) > 0 {
		fmt.Fprintln(r.env.Stderr, diags.Format())
		mistakes := "1 mistake"
		if len(diags) > 1 {
			mistakes = fmt.Sprintf("%d mistakes", len(diags))
		}
		return nil, usagef("%s: %s, nothing was sent", name, mistakes)
	}
	if err := commandsAllowed(name, sc.Commands(), r.allowExec); err != nil {
		return nil, err
	}
	return sc, checkReports(sc)
}

// planned is a scenario that is ready to run.
type planned struct {
	name    string // as it was given
	sc      *loadgen.Scenario
	plan    *loadgen.Plan
	sources []string // addresses to connect from

	baseline   *loadgen.Baseline           // nil without --baseline
	checkpoint func(*loadgen.Report) error // nil unless the scenario asks for it
}

// plan reads one scenario and checks what it takes.
func (r *benchRun) plan(ctx context.Context, name string) (*planned, error) {
	p, err := r.compile(ctx, name, r.discover)
	if err != nil {
		return nil, err
	}
	if err := (&faultDriver{cluster: r.cluster}).check(p.sc); err != nil {
		return nil, err
	}
	if p.sources, err = checkBudget(p.plan, sourcePorts(r.env.Machine)); err != nil {
		return nil, err
	}
	if p.baseline, err = r.readBaseline(p.sc.Name); err != nil {
		return nil, err
	}
	p.checkpoint, err = checkpointer(p.sc)
	return p, err
}

// compile reads one scenario and makes its plan. find looks up pods.
func (r *benchRun) compile(ctx context.Context, name string, find func(context.Context, *loadgen.Discovery) ([]loadgen.Endpoint, error)) (*planned, error) {
	sc, err := r.parse(name)
	if err != nil {
		return nil, err
	}
	if len(r.targets) > 0 {
		if err := sc.OverrideTargets(r.targets); err != nil {
			return nil, usagef("%s: %w", name, err)
		}
	}
	if err := sc.Discover(ctx, find); err != nil {
		return nil, err
	}
	if r.change != nil {
		if err := r.change(sc); err != nil {
			return nil, usagef("%s: %w", name, err)
		}
	}
	if r.timeout > 0 {
		sc.Timeout = r.timeout
	}
	seed := r.seed
	if seed == 0 {
		seed = sc.Seed
	}
	plan, err := loadgen.Compile(sc, loadgen.CompileOptions{Seed: seed, OnlyClient: r.onlyClient()})
	if err != nil {
		return nil, usagef("%s: %w", name, err)
	}
	return &planned{name: name, sc: sc, plan: plan}, nil
}

// one runs one scenario. There may be a report beside an error.
func (r *benchRun) one(ctx context.Context, p *planned) (*loadgen.Report, error) {
	for _, w := range p.plan.Warnings {
		fmt.Fprintf(r.env.Stderr, "rtk: warning: %s: %s\n", p.name, w)
	}
	trace, err := r.tracer(p.plan)
	if err != nil {
		return nil, err
	}
	r.show.begin(p.sc.Name)
	rep, err := loadgen.Run(ctx, p.plan, loadgen.Options{
		Dialer:      r.dialer,
		Requester:   r.dialer,
		FineTimers:  true,
		Baseline:    p.baseline,
		Checkpoint:  p.checkpoint,
		Hooks:       hookProcesses{},
		Faults:      &faultDriver{cluster: r.cluster},
		Progress:    r.show.show,
		SourceAddrs: p.sources,
		Grace:       max(r.grace, 1), // to Run, 0 is the default
		Environment: environment(r.env),
		Tape:        r.keepsTape(),
		Trace:       trace,
		Repeat:      r.repeat(p),
	})
	r.show.end()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.name, err)
	}
	if r.cluster != nil {
		if died := r.cluster.died(); died != "" {
			return rep, &exitError{exitInternal, fmt.Errorf("%s: a process that rtk started is gone: %s", p.name, died)}
		}
	}
	return rep, nil
}

// onSignal cancels the context at the first SIGINT or SIGTERM, so that the run
// stops sending and reports what it has; the second ends the program.
func (r *benchRun) onSignal(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	signals, stop := r.env.Notify()
	go func() {
		for {
			select {
			case s := <-signals:
				if r.signal.Swap(&s) != nil {
					exitNow(exitInterrupted)
				}
				fmt.Fprintln(r.env.Stderr, "\nrtk: stopping, a second ctrl-c ends at once")
				cancel()
			case <-ctx.Done():
				if r.signal.Load() == nil {
					return
				}
				// Keep listening for the second signal while the report is made.
				ctx = context.WithoutCancel(ctx)
			}
		}
	}()
	return ctx, func() { stop(); cancel() }
}

// interrupted turns an error that a signal caused into its exit code.
func (r *benchRun) interrupted(err error) error {
	if s := r.signal.Load(); s != nil && errors.Is(err, context.Canceled) {
		return &exitError{code: signalCode(*s)}
	}
	return err
}

func signalCode(s os.Signal) int {
	if s == syscall.SIGTERM {
		return 128 + int(syscall.SIGTERM)
	}
	return exitInterrupted
}
