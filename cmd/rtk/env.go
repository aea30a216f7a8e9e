package main

import (
	"io"
	"io/fs"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/charmbracelet/x/term"
)

// Env is everything of the outside world that a command may use. Tests make
// their own.
type Env struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// LookupEnv reads one environment variable.
	LookupEnv func(name string) (string, bool)
	// Notify delivers SIGINT and SIGTERM on the channel it returns until stop
	// is called. The channel holds two signals; more are dropped.
	Notify func() (signals <-chan os.Signal, stop func())
	// NotifyReload delivers SIGHUP in the same way; nil where nothing does.
	NotifyReload func() (signals <-chan os.Signal, stop func())
	// Machine is the machine's file system, to find the memory limit of this
	// process; nil leaves the process's memory alone.
	Machine fs.FS
	// Executable is the path of this program, used to start pods.
	Executable func() (string, error)
}

func newEnv() *Env {
	// A reader of stdout that goes away is an error of the write, not the end
	// of the program: a run still has a verdict to give.
	signal.Ignore(syscall.SIGPIPE)
	return &Env{
		Stdin:     os.Stdin,
		Stdout:    os.Stdout,
		Stderr:    os.Stderr,
		LookupEnv: os.LookupEnv,
		Notify: func() (<-chan os.Signal, func()) {
			ch := make(chan os.Signal, 2)
			signal.Notify(ch, os.Interrupt, syscall.SIGTERM)
			return ch, func() { signal.Stop(ch) }
		},
		NotifyReload: func() (<-chan os.Signal, func()) {
			ch := make(chan os.Signal, 1)
			signal.Notify(ch, syscall.SIGHUP)
			return ch, func() { signal.Stop(ch) }
		},
		Machine:    os.DirFS("/"),
		Executable: os.Executable,
	}
}

// Getenv returns an environment variable, "" when it is not set.
func (e *Env) Getenv(name string) string {
	v, _ := e.LookupEnv(name)
	return v
}

// IsTerminal reports whether a stream of the Env is a terminal.
func (e *Env) IsTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(f.Fd())
}

// Width is the width of the terminal behind Stderr in columns, COLUMNS when
// set, 80 when there is no terminal.
func (e *Env) Width() int {
	if n, err := strconv.Atoi(e.Getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	if f, ok := e.Stderr.(*os.File); ok {
		if w, _, err := term.GetSize(f.Fd()); err == nil && w > 0 {
			return w
		}
	}
	return 80
}

// Color reports whether stream may be coloured: mode is the --color flag,
// auto, always or never. NO_COLOR counts when set to anything but the empty
// string (no-color.org), CLICOLOR_FORCE forces.
func (e *Env) Color(mode string, stream any) bool {
	switch mode {
	case "always":
		return true
	case "never":
		return false
	}
	if e.Getenv("NO_COLOR") != "" || e.Getenv("TERM") == "dumb" {
		return false
	}
	if v := e.Getenv("CLICOLOR_FORCE"); v != "" && v != "0" {
		return true
	}
	return e.IsTerminal(stream)
}
