package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"
)

const rootLong = `rtk runs, loads and inspects real-time endpoints.

  rtk serve    a gateway: Socket.IO, WebSocket, Server-Sent Events, long polling
  rtk bench    thousands of clients at an endpoint, and a verdict for CI
  rtk watch    a terminal view into an endpoint
  rtk interop  which Socket.IO servers are on a Redis, and whether they get along`

const rootExample = `  rtk bench                                 two pods, three checks, a verdict; no set-up
  rtk serve                                 a gateway on 127.0.0.1:3000
  rtk watch :3000 -n /chat                  look inside it
  rtk bench auth --target http://127.0.0.1:3000 --jwt-secret @secret`

// newRoot builds the command tree over env.
func newRoot(env *Env) *cobra.Command {
	root := &cobra.Command{
		Use:           "rtk",
		Short:         "Run, load and inspect real-time endpoints",
		Long:          rootLong,
		Example:       rootExample,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       version(),
		Args:          cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				err := usagef("unknown command %q", args[0])
				if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
					return hint(err, "did you mean   rtk "+strings.Join(near, "   or   rtk ")+" ?")
				}
				return hint(err, "see   rtk --help")
			}
			return cmd.Help()
		},
	}
	root.SuggestionsMinimumDistance = 2
	root.SetIn(env.Stdin)
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	root.SetVersionTemplate("rtk {{.Version}}\n")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return hint(&usageError{err}, "see   "+c.CommandPath()+" --help")
	})
	root.PersistentFlags().String("color", "auto", "colour the output: auto, always or never")
	root.AddCommand(
		newServeCmd(env), newBenchCmd(env), newWatchCmd(env), newInteropCmd(env), newPublishCmd(env),
		newTokenCmd(env), newSchemaCmd(env), newVersionCmd(env), newManCmd(env), newDevRedisCmd(env),
	)
	root.AddCommand(helpTopics()...)
	return root
}

// run executes one command line and returns the process exit code.
func run(ctx context.Context, env *Env, args []string) int {
	root := newRoot(env)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil {
		printError(env.Stderr, err)
	}
	return exitCode(err)
}
