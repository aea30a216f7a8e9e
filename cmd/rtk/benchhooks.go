package main

import (
	"github.com/realtime-toolkit/rtk/pkg/loadgen"
	"github.com/realtime-toolkit/rtk/pkg/loadgen/hook"
)

// hookProcesses starts the processes of exec steps.
type hookProcesses struct{}

var _ loadgen.Hooks = hookProcesses{}

func (hookProcesses) Start(c loadgen.HookCommand) (loadgen.Hook, error) {
	return hook.Start(hook.Options{Argv: c.Argv, Shell: c.Shell, Dir: c.Dir})
}
