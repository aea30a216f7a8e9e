package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/charmbracelet/colorprofile"

	"github.com/realtime-toolkit/rtk/pkg/tui"
)

// terminalVariables are what the screen may know of the environment.
var terminalVariables = []string{
	"TERM", "TERM_PROGRAM", "COLORTERM", "TMUX", "STY", "SSH_TTY", "SSH_CONNECTION", "WT_SESSION", "LANG", "LC_ALL", "LC_CTYPE",
}

// watchScreen runs the terminal view and leaves one line of summary behind.
func watchScreen(ctx context.Context, env *Env, f *watchFlags, s *tui.Session, filter tui.Filter, mask *tui.Mask) error {
	began := time.Now()
	// The screen uses the sixteen colours of the terminal's own palette.
	// Without colour, bold, underline and reverse stay.
	profile := colorprofile.Ascii
	if env.Color(f.color, env.Stdout) {
		profile = colorprofile.ANSI
	}
	var environ []string
	for _, name := range terminalVariables {
		if v, ok := env.LookupEnv(name); ok {
			environ = append(environ, name+"="+v)
		}
	}
	err := tui.Run(ctx, tui.Options{
		Session: s, Input: env.Stdin, Output: env.Stdout,
		Environ: environ, Profile: profile, Filter: filter, Mask: mask, ShowSecrets: f.showSecrets,
	})
	fmt.Fprintln(env.Stdout, watchSummary(s, began))
	if errors.Is(err, tui.ErrInterrupted) {
		return &exitError{code: exitInterrupted}
	}
	return err
}

// watchSummary is what stays on the terminal after the screen has gone.
func watchSummary(s *tui.Session, began time.Time) string {
	st, n := s.State(), s.Source().Stats(time.Now())
	line := fmt.Sprintf("%s  %s  in %d  out %d  reconnects %d", s.Target(), time.Since(began).Round(time.Second), n.In, n.Out, st.Reconnects)
	for _, d := range st.Drops {
		line += fmt.Sprintf("  %s ×%d", d.Cause, d.Count)
	}
	return line
}
