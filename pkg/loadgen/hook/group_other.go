//go:build !unix

package hook

import "os/exec"

func shell(command string) []string { return []string{"cmd", "/c", command} }

func ownGroup(*exec.Cmd) {}

func killGroup(cmd *exec.Cmd) { _ = cmd.Process.Kill() }
