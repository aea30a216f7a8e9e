package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/realtime-toolkit/rtk/internal/nearest"
	"github.com/realtime-toolkit/rtk/pkg/loadgen"
	"github.com/realtime-toolkit/rtk/pkg/loadgen/compare"
	"github.com/realtime-toolkit/rtk/pkg/loadgen/find"
)

const schemaLong = `Print a JSON Schema (draft 07).

scenario describes the files of   rtk bench FILE. An editor with YAML support
completes and checks them when the file begins with

  # yaml-language-server: $schema=./scenario.schema.json

report describes what   rtk bench -o json   prints, compare and find what
rtk bench compare -o json   and   rtk bench find -o json   do.`

const schemaExample = `  rtk schema > scenario.schema.json
  rtk schema report | jq .title`

// schemaNames are the schemas, that of no argument first.
var schemaNames = []string{"scenario", "report", "compare", "find"}

var schemas = map[string]func() []byte{
	"scenario": loadgen.Schema,
	"report":   loadgen.ReportSchema,
	"compare":  compare.Schema,
	"find":     find.Schema,
}

// newSchemaCmd prints the schemas of the files that people and programs write
// and read.
func newSchemaCmd(env *Env) *cobra.Command {
	return &cobra.Command{
		Use:       "schema [" + strings.Join(schemaNames, "|") + "]",
		Short:     "Print the JSON Schema of scenarios, reports or comparisons",
		Long:      schemaLong,
		Example:   schemaExample,
		ValidArgs: schemaNames,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("schema: one of %s, not %d arguments", strings.Join(schemaNames, ", "), len(args))
			}
			name := schemaNames[0]
			if len(args) == 1 {
				name = args[0]
			}
			schema, ok := schemas[name]
			if !ok {
				return usagef("unknown schema %q%s", name, nearest.Hint(name, schemaNames))
			}
			_, err := env.Stdout.Write(schema())
			return err
		},
	}
}
