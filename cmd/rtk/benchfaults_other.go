//go:build !unix

package main

import (
	"errors"
	"os"
	"os/exec"
)

func shellCommand(command string) *exec.Cmd { return exec.Command("cmd", "/C", command) }

// guardCommand waits for a line; the end of its input instead means that rtk is
// gone.
func guardCommand(command string) *exec.Cmd {
	return exec.Command("cmd", "/V", "/C", "set /p line= & if not defined line "+command)
}

func killTree(cmd *exec.Cmd) { _ = cmd.Process.Kill() }

func signalProcess(pid int, name string) error {
	if name != "KILL" {
		return errors.New("this system has no signal but KILL")
	}
	p, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	return p.Kill()
}

func processExists(pid int) bool {
	_, err := os.FindProcess(pid)
	return err == nil
}
