package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/realtime-toolkit/rtk/internal/nearest"
	"github.com/realtime-toolkit/rtk/scenarios"
)

const newLong = `Write a commented scenario to begin with.

It goes to FILE, TEMPLATE.rtk.yaml by default, which must not exist yet; - is
stdout. Each template runs against   rtk serve   as it is, or with the flags
that it begins with.`

func newBenchNewCmd(env *Env) *cobra.Command {
	var list bool
	names := make([]string, 0, 8)
	for _, t := range scenarios.Templates() {
		names = append(names, t.Name)
	}
	cmd := &cobra.Command{
		Use:       "new TEMPLATE [FILE]",
		Short:     "Write a scenario to begin with",
		Long:      newLong,
		Example:   "  rtk bench new --list\n  rtk bench new chat\n  rtk bench new cross-pod bench/pods.rtk.yaml",
		ValidArgs: names,
		RunE: func(_ *cobra.Command, args []string) error {
			if list {
				for _, t := range scenarios.Templates() {
					fmt.Fprintf(env.Stdout, "%-12s %s\n", t.Name, t.What)
				}
				return nil
			}
			switch {
			case len(args) == 0:
				return hint(usagef("new: no template given"), "rtk bench new --list")
			case len(args) > 2:
				return usagef("new: a template and a file, not %d arguments", len(args))
			}
			file := args[0] + ".rtk.yaml"
			if len(args) == 2 {
				file = args[1]
			}
			src, err := scenarios.OpenTemplate(args[0])
			if err != nil {
				return hint(usagef("no template %q%s", args[0], nearest.Hint(args[0], names)), "rtk bench new --list")
			}
			if file == "-" {
				_, err := env.Stdout.Write(src)
				return err
			}
			if err := writeNew(file, src, 0o644); err != nil {
				return usagef("new: %w", err)
			}
			fmt.Fprintf(env.Stderr, "rtk: wrote %s; check it with   rtk bench lint %s   and see its plan with   rtk bench dry-run %s\n", file, file, file)
			return nil
		},
	}
	cmd.Flags().BoolVar(&list, "list", false, "list the templates")
	return cmd
}
