package main

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/realtime-toolkit/rtk/pkg/loadgen"
	"github.com/realtime-toolkit/rtk/scenarios"
)

const benchLong = `Drive clients at real-time endpoints and give a verdict.

Without arguments rtk starts two gateways and an embedded Redis on loopback and
runs the three core checks: auth rejection, throttling, cross-pod delivery.
A scenario is a shipped one by name, or a file; with --target it runs against
those endpoints, whoever made them.

The result goes to stdout, progress to stderr. The exit code is the verdict:
0 pass, 99 a check failed, 4 inconclusive, 3 nothing could be measured, 2 the
scenario or a flag is wrong (see   rtk exit-codes).`

const benchExample = `  rtk bench                                   two pods, three checks
  rtk bench cross-pod                         one of them
  rtk bench auth --target https://staging.example.com --jwt-secret @secret
  rtk bench chat.yaml -o json --report junit.xml`

// defaultScenarios are the core checks.
var defaultScenarios = []string{"auth", "throttle", "cross-pod"}

type benchOptions struct {
	env        *Env
	scenarios  []string
	targets    []string
	output     string
	reports    []string
	out        []string
	jwtSecret  string
	limit      string
	set        []string
	baseline   string
	seed       uint64
	timeout    time.Duration
	grace      time.Duration
	progress   string
	color      string
	quiet      bool
	insecure   bool
	pods       int
	serveFlags []string

	tapeOptions

	onGitHub, onGitHubSet bool // --github, and whether it was given
	failExitCode          int
	inconclusive          string

	profile   string
	allowExec bool
	dryRun    bool
}

func newBenchCmd(env *Env) *cobra.Command {
	o := &benchOptions{env: env}
	cmd := &cobra.Command{
		Use:     "bench [scenario...]",
		Short:   "Drive clients at an endpoint and give a verdict",
		Long:    benchLong,
		Example: benchExample,
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return scenarios.Names(), cobra.ShellCompDirectiveDefault
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := bindFlags(env, cmd); err != nil {
				return err
			}
			o.scenarios = args
			o.color, _ = cmd.Flags().GetString("color")
			o.onGitHubSet = cmd.Flags().Changed("github")
			if err := o.validate(); err != nil {
				return err
			}
			return runBench(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.StringP(configFlag, "f", "", "configuration `FILE` (default ./rtk.yaml if present)")
	f.StringArrayVarP(&o.targets, "target", "t", nil, "run against this `URL`; repeat for several pods")
	f.StringVarP(&o.output, "output", "o", "text", "result on stdout: text or json")
	f.StringArrayVar(&o.reports, "report", nil, "also write a report to `FILE`: "+reportSuffixes+"; repeatable")
	f.StringArrayVar(&o.out, "out", nil, "the same with the format named: `FORMAT=FILE,...` of "+strings.Join(loadgen.ReportFormats, ", ")+"; repeatable")
	f.BoolVar(&o.onGitHub, "github", false, "annotations and step summary of GitHub Actions (default: where GITHUB_ACTIONS or GITHUB_STEP_SUMMARY is set)")
	f.IntVar(&o.failExitCode, "fail-exit-code", exitVerdict, "exit code `N` when a check failed, 0 to 255")
	f.StringVar(&o.inconclusive, "inconclusive", "fail", "what an inconclusive run is to CI: fail (exit code 4) or pass (exit code 0)")
	f.StringVar(&o.jwtSecret, "jwt-secret", "", "HMAC `SECRET` that tokens are minted with; @FILE reads it from a file")
	f.StringVar(&o.limit, "limit", "", "message limit of the target that the throttle check expects, as in 20/s")
	f.StringArrayVar(&o.set, "set", nil, "set a variable of the scenario, as in `NAME=VALUE`; repeatable")
	f.StringVar(&o.baseline, "baseline", "", "JSON report `FILE` of a former run, for thresholds that compare with baseline")
	f.Uint64Var(&o.seed, "seed", 0, "seed of the plan; 0 picks one and prints it")
	f.DurationVar(&o.timeout, "timeout", 0, "end the run after this time with exit code 124 (default 30m)")
	f.DurationVar(&o.grace, "grace", 5*time.Second, "after ctrl-c, wait so long for deliveries in flight")
	f.StringVar(&o.progress, "progress", "auto", "progress on stderr: auto, plain or none")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "no progress, and only the verdict")
	f.BoolVar(&o.insecure, "insecure", false, "do not verify certificates")
	f.IntVar(&o.pods, "pods", 2, "how many gateways to start when there is no --target")
	f.StringArrayVar(&o.serveFlags, "serve-flag", nil, "further flag of the gateways that are started, as in --serve-flag=--faulty=dup=1%")
	f.BoolVar(&o.dryRun, "dry-run", false, "show the plan, the frames and the budget, and connect to nothing (as   rtk bench dry-run)")
	cmd.AddCommand(newBenchDryRunCmd(env, o), newBenchNewCmd(env), newBenchImportCmd(env))
	f.StringVar(&o.profile, "profile", "", "put the profile `NAME` of the scenarios over them")
	f.BoolVar(&o.allowExec, "allow-exec", false, "let scenarios that are no local files start commands")
	o.tapeOptions.flags(f)
	cmd.AddCommand(newBenchLintCmd(env), newBenchCompareCmd(env), newBenchFindCmd(env), newBenchABCmd(env))
	return cmd
}

func (o *benchOptions) validate() error {
	if o.output != "text" && o.output != "json" {
		return usagef("--output %q: want text or json", o.output)
	}
	switch o.progress {
	case "auto", "plain", "none":
	default:
		return usagef("--progress %q: want auto, plain or none", o.progress)
	}
	if o.quiet {
		o.progress = "none"
	}
	if o.pods < 1 || o.pods > 16 {
		return usagef("--pods %d: want 1 to 16", o.pods)
	}
	if o.timeout < 0 {
		return usagef("--timeout %v: want a time from now on", o.timeout)
	}
	if o.grace < 0 {
		return usagef("--grace %v: want 0 or more", o.grace)
	}
	if o.failExitCode < 0 || o.failExitCode > 255 {
		return usagef("--fail-exit-code %d: want 0 to 255", o.failExitCode)
	}
	if err := o.validateTape(); err != nil {
		return err
	}
	if o.inconclusive != "fail" && o.inconclusive != "pass" {
		return usagef("--inconclusive %q: want fail or pass", o.inconclusive)
	}
	if err := o.checkOutFiles(); err != nil {
		return err
	}
	for _, s := range o.set {
		if name, _, ok := strings.Cut(s, "="); !ok || name == "" {
			return usagef("--set %q: want NAME=VALUE", s)
		}
	}
	return nil
}

// shipped reports whether name is one of the embedded scenarios. What looks
// like a path is a file.
func shipped(name string) bool {
	if strings.ContainsAny(name, "./\\") {
		return false
	}
	for _, n := range scenarios.Names() {
		if n == name {
			return true
		}
	}
	return false
}
