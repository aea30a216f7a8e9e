package main

import "github.com/spf13/cobra"

const topicExitCodes = `Exit codes of rtk

    0   done, and every threshold and expectation held
    1   rtk itself failed: a bug, a full disk, a lost pod of its own
    2   usage: a flag, a configuration file or a scenario is wrong; nothing was sent
    3   the target is unreachable or refused us, and nothing was measured
    4   inconclusive: the generator was the bottleneck, or a limit of this machine was hit
   99   the run finished and a verdict failed, or rtk interop found a mismatch
  124   --timeout passed
  130   interrupted (ctrl-c); a partial report was written
  143   ended by SIGTERM; a partial report was written
`

const topicTargets = `Targets of rtk watch and rtk bench --target

  http://host:3000                 Socket.IO, SSE or WebSocket: rtk asks the endpoint
  http://host:3000/socket.io/      Socket.IO
  sio+http://host:3000             Socket.IO
  ws://host:3000/ws                plain WebSocket
  sse+http://host:3000/events?topic=ticker
                                   Server-Sent Events
  :3000                            http://localhost:3000

https and wss work in the same places. Credentials and queries of a target
never appear in an error, a log or a report.
`

const topicEnvironment = `Environment of rtk

A flag can be given as RTK_<COMMAND>_<FLAG> or RTK_<FLAG>, upper case, with
underscores: RTK_SERVE_LISTEN, RTK_JWT_SECRET. The order is

  flag > RTK_<COMMAND>_<FLAG> > RTK_<FLAG> > rtk.yaml > default

  NO_COLOR, CLICOLOR_FORCE, TERM, COLUMNS   as usual
  CI                                        progress as plain lines
  HTTPS_PROXY, NO_PROXY                     honoured by plain HTTP requests

Scenario files read the variables that they name: ${URL}, ${JWT_SECRET:?…}.
`

// helpTopics are commands that only have a help text.
func helpTopics() []*cobra.Command {
	topic := func(name, short, long string) *cobra.Command {
		return &cobra.Command{Use: name, Short: short, Long: long}
	}
	return []*cobra.Command{
		topic("exit-codes", "The exit codes and what they mean", topicExitCodes),
		topic("targets", "How to name an endpoint", topicTargets),
		topic("environment", "Environment variables and precedence", topicEnvironment),
	}
}
