package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// Exit codes, documented in `rtk help exit-codes`. A run's verdict has its own
// (loadgen.Verdict.ExitCode).
const (
	exitOK           = 0
	exitInternal     = 1
	exitUsage        = 2
	exitUnreachable  = 3
	exitInconclusive = 4
	exitVerdict      = 99
	exitTimeout      = 124
	exitInterrupted  = 130
)

// usageError is a mistake in flags, configuration or a scenario: nothing was
// sent.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, a ...any) error { return &usageError{fmt.Errorf(format, a...)} }

// exitError ends the program with a code. A nil err prints nothing: the
// command has said all there is to say.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}
func (e *exitError) Unwrap() error { return e.err }

// hintError adds lines that help to mend the error: a question, or a command
// that would work.
type hintError struct {
	err   error
	hints []string
}

func (e *hintError) Error() string { return e.err.Error() }
func (e *hintError) Unwrap() error { return e.err }

// hint attaches at most two hints to err.
func hint(err error, hints ...string) error {
	if err == nil {
		return nil
	}
	return &hintError{err, hints}
}

// kindHints are the hints of errors that carry none of their own.
var kindHints = map[rt.ErrKind]string{
	rt.KindUnreachable: "is the server running, and is this the right port?",
	rt.KindTLS:         "pass --insecure for a self-signed certificate",
	rt.KindRejected:    "pass a token with --token @FILE, or mint one with   rtk token --jwt-secret @FILE --sub ana",
	rt.KindLimit:       "raise the limit of open files (ulimit -n) or lower the number of clients",
}

// exitCode maps an error to the program's exit code.
func exitCode(err error) int {
	if err == nil {
		return exitOK
	}
	if e, ok := errors.AsType[*exitError](err); ok {
		return e.code
	}
	if _, ok := errors.AsType[*usageError](err); ok {
		return exitUsage
	}
	if errors.Is(err, syscall.EPIPE) {
		return exitOK
	}
	if errors.Is(err, context.Canceled) {
		return exitInterrupted
	}
	if errors.Is(err, os.ErrNotExist) {
		return exitUsage
	}
	switch rt.KindOf(err) {
	case rt.KindUsage:
		return exitUsage
	case rt.KindUnreachable, rt.KindTLS, rt.KindRejected, rt.KindTimeout:
		return exitUnreachable
	case rt.KindLimit:
		return exitInconclusive
	case rt.KindCanceled:
		return exitInterrupted
	}
	return exitInternal
}

// noCommands breaks up what GitHub Actions would take for a command at the
// beginning of a later line of an error that quotes a server.
var noCommands = strings.NewReplacer("\n::", "\n: :", "\r::", "\r: :", "##[", "# #[")

// printError writes err in the one form that all commands share.
func printError(w io.Writer, err error) {
	if e, ok := errors.AsType[*exitError](err); ok && e.err == nil {
		return
	}
	if errors.Is(err, syscall.EPIPE) {
		return
	}
	fmt.Fprintf(w, "rtk: %s\n", noCommands.Replace(err.Error()))
	hints := []string(nil)
	if e, ok := errors.AsType[*hintError](err); ok {
		hints = e.hints
	} else if e, ok := errors.AsType[*rt.Error](err); ok {
		if h := kindHints[e.Kind]; h != "" {
			hints = []string{h}
		}
	}
	for _, h := range hints[:min(len(hints), 2)] {
		fmt.Fprintf(w, "rtk: hint: %s\n", h)
	}
}
