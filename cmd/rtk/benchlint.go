package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/realtime-toolkit/rtk/pkg/loadgen"
	"github.com/realtime-toolkit/rtk/scenarios"
)

const lintLong = `Check scenario files without running them.

Everything that is wrong is printed as file:line:column with the source line
and, where there is one, a hint. Environment references are resolved as in a
run. The exit code is 2 if anything is wrong.`

// newBenchLintCmd checks scenario files.
func newBenchLintCmd(env *Env) *cobra.Command {
	var set []string
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
				n, err := lint(env, name, lookup)
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

// lint prints what is wrong with one scenario and counts it.
func lint(env *Env, name string, lookup func(string) (string, bool)) (int, error) {
	var src []byte
	var err error
	if shipped(name) {
		src, err = scenarios.Open(name)
	} else {
		src, err = readScenario(name)
	}
	if err != nil {
		return 0, err
	}
	sc, diags := loadgen.Parse(name, src, lookup)
	if diags.HasErrors() {
		fmt.Fprintln(env.Stdout, diags.Format())
		return len(diags), nil
	}
	if err := sc.LoadKeys(os.ReadFile); err != nil {
		fmt.Fprintln(env.Stdout, err)
		return 1, nil
	}
	fmt.Fprintf(env.Stdout, "%s: ok\n", filepath.ToSlash(name))
	return 0, nil
}
