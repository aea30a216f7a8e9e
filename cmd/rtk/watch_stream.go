package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/realtime-toolkit/rtk/pkg/tui"
)

// watchStream writes lines.
func watchStream(ctx context.Context, env *Env, f *watchFlags, s *tui.Session, filter tui.Filter, mask *tui.Mask) error {
	// Without this a reader that closed our output would kill the process
	// before it could end quietly with 0.
	signal.Ignore(syscall.SIGPIPE)
	if f.showSecrets {
		mask = nil
	}
	o := tui.StreamOptions{
		Session: s, Out: env.Stdout, Err: env.Stderr, In: env.Stdin,
		Format: tui.Format(f.output), Filter: filter, Mask: mask,
		Color: env.Color(f.color, env.Stdout), Linger: f.linger,
	}
	if o.Format == "" {
		o.Format = tui.FormatText
	}
	if !hasInput(env) || f.stdinUsed {
		o.In = nil
	}
	return tui.Stream(ctx, o)
}

// hasInput reports whether somebody can write to standard input. /dev/null,
// which services and background jobs are given, ends at once and means that
// nobody can, not that the stream shall end.
func hasInput(env *Env) bool {
	file, ok := env.Stdin.(*os.File)
	if !ok {
		return env.Stdin != nil
	}
	info, err := file.Stat()
	if err != nil {
		return false
	}
	return info.Mode()&os.ModeCharDevice == 0 || env.IsTerminal(file)
}
