package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"
)

const (
	shellTail = 4 << 10         // bytes of a command's output that are kept
	pipesTime = 2 * time.Second // for what a command has left behind to let go of its output
)

// runShell runs a command of the shell and returns the end of what it printed.
// When ctx ends, the command's whole process group is killed.
func runShell(ctx context.Context, command, dir string) (string, error) {
	cmd := shellCommand(command)
	out := &tail{max: shellTail}
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
	cmd.WaitDelay = pipesTime
	if err := cmd.Start(); err != nil {
		return "", fmt.Errorf("%s: %w", command, err)
	}
	stop := context.AfterFunc(ctx, func() { killTree(cmd) })
	err := cmd.Wait()
	timely := stop()
	text := strings.TrimSpace(out.all())
	switch {
	case !timely:
		return text, fmt.Errorf("%s: %w, killed: %s", command, context.Cause(ctx), out)
	case errors.Is(err, exec.ErrWaitDelay): // it started something that lives on
		return text, nil
	case err != nil:
		return text, fmt.Errorf("%s: %w: %s", command, err, out)
	}
	return text, nil
}

// guard is a process that runs a command if this one dies before it is
// released. It is in a session of its own, where no ctrl-c reaches it.
type guard struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
}

func startGuard(command, dir string) (*guard, error) {
	cmd := guardCommand(command)
	cmd.Dir = dir
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &guard{cmd, stdin}, nil
}

// release ends the guard without the command.
func (g *guard) release() {
	_, _ = io.WriteString(g.stdin, "released\n")
	_ = g.stdin.Close()
	_ = g.cmd.Wait()
}
