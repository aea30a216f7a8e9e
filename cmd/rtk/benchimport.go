package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/realtime-toolkit/rtk/pkg/loadgen"
)

const importLong = `Translate a script of another tool into a scenario.

The scenario goes to stdout, or to the file of -O, which must not exist yet; it
is one that lints. Whatever means something else in it, or could not be
translated, has a comment where it would stand and a line on stderr.`

func newBenchImportCmd(env *Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import",
		Short: "Translate a script of another tool into a scenario",
		Long:  importLong,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return hint(usagef("import: unknown tool %q", args[0]), "rtk bench import artillery FILE")
			}
			return hint(usagef("import: of which tool?"), "rtk bench import artillery FILE")
		},
	}
	cmd.AddCommand(newImportArtilleryCmd(env))
	return cmd
}

func newImportArtilleryCmd(env *Env) *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:     "artillery FILE",
		Short:   "Translate a script of Artillery (YAML or JSON)",
		Long:    importLong,
		Example: "  rtk bench import artillery load.yml -O load.rtk.yaml",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("import artillery: one file, not %d", len(args))
			}
			name := args[0]
			var src []byte
			var err error
			if name == stdinScenario {
				src, err = scenarioFrom(env.Stdin, "stdin")
			} else {
				src, err = readScenario(name)
			}
			if err != nil {
				return err
			}
			scenario, notes, diags := loadgen.ImportArtillery(name, src)
			if diags.HasErrors() {
				fmt.Fprintln(env.Stderr, diags.Format())
				return usagef("%s: nothing was written", name)
			}
			if out == "" {
				_, err = env.Stdout.Write(scenario)
			} else if err = writeNew(out, scenario, 0o644); err != nil {
				err = usagef("import: %w", err)
			}
			if err != nil {
				return err
			}
			for _, n := range notes {
				fmt.Fprintf(env.Stderr, "rtk: %s\n", n)
			}
			if out != "" {
				fmt.Fprintf(env.Stderr, "rtk: wrote %s; see its plan with   rtk bench dry-run %s\n", filepath.ToSlash(out), out)
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&out, "out", "O", "", "write to `FILE`, which must not exist yet")
	return cmd
}
