package main

import (
	"github.com/spf13/cobra"

	"github.com/realtime-toolkit/rtk/internal/nearest"
	"github.com/realtime-toolkit/rtk/pkg/loadgen"
)

const schemaLong = `Print a JSON Schema (draft 07).

scenario describes the files of   rtk bench FILE. An editor with YAML support
completes and checks them when the file begins with

  # yaml-language-server: $schema=./scenario.schema.json

report describes what   rtk bench -o json   prints.`

const schemaExample = `  rtk schema > scenario.schema.json
  rtk schema report | jq .title`

// newSchemaCmd prints the schemas of the files that people and programs write
// and read.
func newSchemaCmd(env *Env) *cobra.Command {
	return &cobra.Command{
		Use:       "schema [scenario|report]",
		Short:     "Print the JSON Schema of scenarios or of reports",
		Long:      schemaLong,
		Example:   schemaExample,
		ValidArgs: []string{"scenario", "report"},
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("schema: one of scenario and report, not %d arguments", len(args))
			}
			out := loadgen.Schema()
			if len(args) == 1 {
				switch args[0] {
				case "scenario":
				case "report":
					out = loadgen.ReportSchema()
				default:
					return usagef("unknown schema %q%s", args[0], nearest.Hint(args[0], []string{"scenario", "report"}))
				}
			}
			_, err := env.Stdout.Write(out)
			return err
		},
	}
}
