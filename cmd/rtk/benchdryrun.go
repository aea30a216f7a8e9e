package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/realtime-toolkit/rtk/pkg/client"
	"github.com/realtime-toolkit/rtk/pkg/loadgen"
	"github.com/realtime-toolkit/rtk/pkg/rt"
	"github.com/realtime-toolkit/rtk/scenarios"
)

const dryRunLong = `Show what a run would do, without connecting to anything.

The plan, the groups with their cells, how many messages there are, what the
first client of each group writes (secrets hidden), the ports and open files
that the run takes beside what this machine has, and how long it takes at the
least. The exit code is 4 if the machine can't carry the run. It is the same as
rtk bench --dry-run.

Without --target a run of a shipped scenario starts gateways of its own; here
loopback addresses stand in their place. Pods that a run would look up are not
looked up: one stands for all of them.`

func newBenchDryRunCmd(env *Env, o *benchOptions) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "dry-run [scenario...]",
		Short:   "Show the plan, the frames and the budget of a run",
		Long:    dryRunLong,
		Example: "  rtk bench dry-run chat.yaml\n  rtk bench dry-run cross-pod --target http://10.0.0.11:3000 -o json",
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return scenarios.Names(), cobra.ShellCompDirectiveDefault
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := bindFlagsLike(env, cmd, cmd.Parent()); err != nil {
				return err
			}
			o.scenarios = args
			if err := o.validate(); err != nil {
				return err
			}
			return runDry(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.StringArrayVarP(&o.targets, "target", "t", nil, "plan for this `URL`; repeat for several pods")
	f.StringVarP(&o.output, "output", "o", "text", "plan on stdout: text or json")
	f.StringVar(&o.jwtSecret, "jwt-secret", "", "HMAC `SECRET` that tokens are minted with; @FILE reads it from a file")
	f.StringVar(&o.limit, "limit", "", "message limit of the target that the throttle check expects, as in 20/s")
	f.StringArrayVar(&o.set, "set", nil, "set a variable of the scenario, as in `NAME=VALUE`; repeatable")
	f.Uint64Var(&o.seed, "seed", 0, "seed of the plan; 0 picks one and prints it")
	f.IntVar(&o.pods, "pods", 2, "how many gateways a run would start when there is no --target")
	f.StringVar(&o.profile, "profile", "", "put the profile `NAME` of the scenarios over them")
	return cmd
}

// runDry prints the plan of each scenario.
func runDry(ctx context.Context, o *benchOptions) error {
	o.allowExec = true // nothing is started
	r := &benchRun{benchOptions: o, show: newProgress(o.env, "none")}
	if err := r.variables(); err != nil {
		return err
	}
	names := o.scenarios
	if len(names) == 0 {
		names = defaultScenarios
	}
	if err := r.parseTargets(); err != nil {
		return err
	}
	if len(r.targets) == 0 && slices.ContainsFunc(names, shipped) {
		if err := r.pretendPods(); err != nil {
			return err
		}
	}
	d := client.New(client.Options{Insecure: o.insecure, UserAgent: "rtk/" + version()})
	defer d.Close()
	var plans []*dryPlan
	for _, name := range names {
		p, err := r.compile(ctx, name, notLookedUp)
		if err != nil {
			return err
		}
		v, err := describePlan(o.env, d, p, time.Now())
		if err != nil {
			return usagef("%s: %w", name, err)
		}
		plans = append(plans, v)
	}
	if o.output == "json" {
		enc := json.NewEncoder(o.env.Stdout)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		if err := enc.Encode(map[string]any{"schema": "rtk.bench.plan/v1", "plans": plans}); err != nil {
			return err
		}
	} else {
		for i, p := range plans {
			if i > 0 {
				fmt.Fprintln(o.env.Stdout)
			}
			p.write(o.env.Stdout)
		}
	}
	for _, p := range plans {
		if !p.Fits {
			return hint(&exitError{exitInconclusive, errors.New(p.Scenario + ": this machine can't carry the run")}, p.fixes()...)
		}
	}
	return nil
}

// pretendPods puts addresses in the place of the gateways that a run would
// start.
func (r *benchRun) pretendPods() error {
	r.vars["JWT_AUD"], r.vars["JWT_ISS"] = podAudience, podIssuer
	r.setDefault("JWT_SECRET", "a secret that a run picks at random")
	r.setDefault("STRICT", "1")
	for i := range r.pods {
		t, err := rt.ParseTarget(fmt.Sprintf("http://127.0.0.1:%d", 3000+10*i))
		if err != nil {
			return err
		}
		t.Name = fmt.Sprintf("pod-%d", i)
		r.targets = append(r.targets, t)
	}
	return nil
}

// notLookedUp stands for the pods that a run would look up.
func notLookedUp(context.Context, *loadgen.Discovery) ([]loadgen.Endpoint, error) {
	return []loadgen.Endpoint{{Addr: "pod.invalid:80"}}, nil
}

// dryPlan is what a run would do, as it is printed.
type dryPlan struct {
	Scenario    string     `json:"scenario"`
	File        string     `json:"file"`
	Profile     string     `json:"profile,omitempty"`
	Seed        uint64     `json:"seed"`
	AtLeast     float64    `json:"at_least_s"`
	Clients     int        `json:"clients"`
	Connections int        `json:"connections"`
	Messages    int64      `json:"messages"`
	Pairs       int64      `json:"pairs"`
	Files       dryFiles   `json:"files"`
	Ports       []dryPorts `json:"ports"`
	Fits        bool       `json:"fits"`
	Groups      []dryGroup `json:"groups"`
	Thresholds  []string   `json:"thresholds"`
	Warnings    []string   `json:"warnings"`
}

type dryGroup struct {
	Name       string      `json:"name"`
	Clients    int         `json:"clients"`
	Rate       string      `json:"connects,omitempty"`
	Cells      []dryCell   `json:"cells"`
	Skipped    []dryCell   `json:"skipped,omitempty"`
	Handshake  []dryWrites `json:"handshake,omitempty"`
	Steps      []dryStep   `json:"steps"`
	firstIndex int
}

type dryCell struct {
	Name     string `json:"name,omitempty"`
	Target   string `json:"target,omitempty"`
	URL      string `json:"url,omitempty"`
	Protocol string `json:"protocol,omitempty"`
	Clients  int    `json:"clients,omitempty"`
	Reason   string `json:"reason,omitempty"`
}

type dryStep struct {
	Name     string      `json:"name"`
	Line     string      `json:"step"`
	Messages int64       `json:"messages,omitempty"`
	Writes   []dryWrites `json:"writes,omitempty"`
}

// dryWrites is one thing that the first client writes.
type dryWrites struct {
	Request string   `json:"request,omitempty"`
	Header  []string `json:"header,omitempty"`
	Body    string   `json:"body,omitempty"`
}

// describePlan turns a plan into what is printed of it. No secret gets past
// here.
func describePlan(env *Env, d *client.Dialer, p *planned, now time.Time) (*dryPlan, error) {
	plan := p.plan
	mask := plan.Mask()
	out := &dryPlan{
		Scenario: mask(p.sc.Name), File: p.name, Profile: p.sc.Profile, Seed: plan.Seed, AtLeast: plan.Length.Seconds(),
		Clients: plan.Clients, Connections: plan.Connections, Messages: plan.Messages, Pairs: plan.Pairs,
		Thresholds: []string{}, Warnings: []string{},
	}
	for _, w := range plan.Warnings {
		out.Warnings = append(out.Warnings, mask(w))
	}
	for _, t := range p.sc.Thresholds {
		out.Thresholds = append(out.Thresholds, mask(t.Text))
	}
	previews, err := plan.Preview(now)
	if err != nil {
		return nil, err
	}
	for _, v := range previews {
		out.Groups = append(out.Groups, describeGroup(d, v, mask))
	}
	if err := out.budget(env, plan); err != nil {
		return nil, err
	}
	return out, nil
}

func describeGroup(d *client.Dialer, v loadgen.Preview, mask func(string) string) dryGroup {
	g := dryGroup{Name: v.Group.Group.Name, Clients: v.Group.Count, firstIndex: v.Cell.First}
	if r := v.Group.Group.Connect.Rate; r > 0 {
		g.Rate = fmt.Sprintf("%g/s", r)
	}
	for _, c := range v.Group.Cells {
		g.Cells = append(g.Cells, dryCell{Name: mask(c.Name), Target: c.Target.Name, URL: mask(c.Target.String()), Protocol: string(c.Target.Protocol), Clients: c.Count})
	}
	for _, s := range v.Group.Skipped {
		g.Skipped = append(g.Skipped, dryCell{Name: mask(s.Name), Reason: mask(s.Reason)})
	}
	hide := func(w client.Described) dryWrites {
		out := dryWrites{Request: mask(w.Request), Body: mask(w.Body)}
		for _, h := range w.Header {
			switch name, value, _ := strings.Cut(h, ": "); name {
			case "Authorization", "Proxy-Authorization": // Basic has the password in another form
				scheme, _, _ := strings.Cut(value, " ")
				h = name + ": " + scheme + " ***"
			case "Cookie":
				h = name + ": ***"
			}
			out.Header = append(out.Header, mask(h))
		}
		return out
	}
	for _, st := range v.Steps {
		s := dryStep{Name: st.Step.Name, Line: mask(st.Step.Line), Messages: int64(st.Sends)}
		switch {
		case st.Outgoing != nil && v.Dial != nil:
			_, sends := d.Describe(v.Dial, []*rt.Outgoing{st.Outgoing})
			for _, w := range sends {
				s.Writes = append(s.Writes, hide(w))
			}
		case st.Request != nil:
			if w, err := d.DescribeRequest(st.Request); err == nil {
				s.Writes = append(s.Writes, hide(w))
			}
		}
		g.Steps = append(g.Steps, s)
	}
	if v.Dial != nil {
		handshake, _ := d.Describe(v.Dial, nil)
		for _, w := range handshake {
			g.Handshake = append(g.Handshake, hide(w))
		}
	}
	if v.Poll != nil {
		if w, err := d.DescribeRequest(v.Poll); err == nil {
			g.Handshake = append(g.Handshake, hide(w))
		}
	}
	return g
}
