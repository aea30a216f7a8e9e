package main

import (
	"io"
	"os"
	"time"
)

// lifelineVar is set in the environment of processes that rtk starts itself.
const lifelineVar = "RTK_LIFELINE"

// lifelineGrace is how long a child may take to stop by itself.
const lifelineGrace = 10 * time.Second

// followParent ends this process when the parent that holds the other end of
// stdin goes away, however it died: a pod must not outlive the run that
// started it. It does nothing in a process that a user started.
func followParent(env *Env) {
	if env.Getenv(lifelineVar) == "" {
		return
	}
	go func() {
		_, _ = io.Copy(io.Discard, env.Stdin)
		// The ordinary, graceful way out, where the system has signals.
		p, err := os.FindProcess(os.Getpid())
		if err == nil && p.Signal(os.Interrupt) == nil {
			time.Sleep(lifelineGrace)
		}
		os.Exit(exitInternal)
	}()
}

// exitNow ends the process without waiting for anything: the second ctrl-c.
func exitNow(code int) { os.Exit(code) }
