//go:build unix

package hook

import (
	"os/exec"
	"syscall"
)

func shell(command string) []string { return []string{"/bin/sh", "-c", command} }

// ownGroup puts the process into a group of its own, so that what it starts
// can be ended with it, and a ctrl-c at the terminal does not reach it before
// the run has ended.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func killGroup(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
