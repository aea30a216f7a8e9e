package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/realtime-toolkit/rtk/pkg/loadgen"
	"github.com/realtime-toolkit/rtk/scenarios"
)

const lintLong = `Check scenario files without running them.

Everything that is wrong is printed as file:line:column with the source line
and, where there is one, a hint. Environment references are resolved as in a
run. A file with profiles is checked as it stands and with each of them. The
exit code is 2 if anything is wrong.`

// newBenchLintCmd checks scenario files.
func newBenchLintCmd(env *Env) *cobra.Command {
	var set []string
	var profile string
	cmd := &cobra.Command{
		Use:     "lint FILE...",
		Short:   "Check scenario files without running them",
		Long:    lintLong,
		Example: "  rtk bench lint bench/*.rtk.yaml\n  rtk bench lint auth --set JWT_SECRET=x",
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return scenarios.Names(), cobra.ShellCompDirectiveDefault
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return hint(usagef("lint: no scenario given"), "rtk bench lint FILE")
			}
			lookup, err := lintVars(set, env.LookupEnv)
			if err != nil {
				return err
			}
			mistakes := 0
			for _, name := range args {
				n, err := lint(env, name, loadgen.ParseOptions{Lookup: lookup, Profile: profile})
				if err != nil {
					return err
				}
				mistakes += n
			}
			if mistakes > 0 {
				noun := "mistakes"
				if mistakes == 1 {
					noun = "mistake"
				}
				return usagef("lint: %d %s", mistakes, noun)
			}
			return nil
		},
	}
	cmd.Flags().StringArrayVar(&set, "set", nil, "set a variable of the scenario, as in `NAME=VALUE`; repeatable")
	cmd.Flags().StringVar(&profile, "profile", "", "check with this profile only; all of them by default")
	return cmd
}

// lintVars looks into the flags before it looks into the environment.
func lintVars(set []string, env func(string) (string, bool)) (func(string) (string, bool), error) {
	vars := map[string]string{}
	for _, s := range set {
		name, value, ok := strings.Cut(s, "=")
		if !ok || name == "" {
			return nil, usagef("--set %q: want NAME=VALUE", name)
		}
		vars[name] = value
	}
	return func(name string) (string, bool) {
		if v, ok := vars[name]; ok {
			return v, true
		}
		return env(name)
	}, nil
}

// lint prints what is wrong with one scenario and counts it. Without a profile
// the file is checked as it stands and with each of its profiles.
func lint(env *Env, name string, o loadgen.ParseOptions) (int, error) {
	src, err := scenarioSource(env, name)
	if err != nil {
		return 0, err
	}
	profiles, mistakes := lintOnce(env, name, src, o)
	if o.Profile != "" {
		return mistakes, nil
	}
	for _, o.Profile = range profiles {
		_, n := lintOnce(env, name, src, o)
		mistakes += n
	}
	return mistakes, nil
}

func lintOnce(env *Env, name string, src []byte, o loadgen.ParseOptions) (profiles []string, mistakes int) {
	sc, diags, err := parseScenario(name, src, o)
	as := filepath.ToSlash(name)
	if o.Profile != "" {
		as += " with profile " + o.Profile
	}
	switch {
	case diags.HasErrors():
		if o.Profile != "" {
			fmt.Fprintln(env.Stdout, as+":")
		}
		fmt.Fprintln(env.Stdout, diags.Format())
		return nil, len(diags)
	case err != nil:
		fmt.Fprintln(env.Stdout, err)
		return nil, 1
	}
	if err := sc.CheckFaults(); err != nil {
		fmt.Fprintln(env.Stdout, err)
		return sc.Profiles, 1
	}
	fmt.Fprintln(env.Stdout, as+": ok")
	return sc.Profiles, 0
}
