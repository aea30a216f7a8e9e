//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// shellCommand runs in a process group of its own: a ctrl-c at the terminal is
// rtk's to handle.
func shellCommand(command string) *exec.Cmd {
	cmd := exec.Command("/bin/sh", "-c", command)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

// guardCommand waits for a line; the end of its input instead means that rtk is
// gone.
func guardCommand(command string) *exec.Cmd {
	cmd := exec.Command("/bin/sh", "-c", `read -r line && exit 0; eval "$1"`, "rtk-undo", command)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

func killTree(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }

func signalProcess(pid int, name string) error {
	return syscall.Kill(pid, map[string]syscall.Signal{
		"KILL": syscall.SIGKILL, "TERM": syscall.SIGTERM, "STOP": syscall.SIGSTOP, "CONT": syscall.SIGCONT,
	}[name])
}

func processExists(pid int) bool { return syscall.Kill(pid, 0) == nil }
