package main

import (
	"log/slog"
	"strings"
)

// logger makes the log of a long-running command, on stderr.
func (f *serveFlags) logger(env *Env) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.logLevel)); err != nil || strings.ContainsAny(f.logLevel, "+-") {
		return nil, usagef("--log-level %q: want debug, info, warn or error", f.logLevel)
	}
	f.level.Set(level)
	opts := &slog.HandlerOptions{Level: &f.level}
	switch format := f.logFormat; {
	case format == "text", format == "auto" && env.IsTerminal(env.Stderr):
		return slog.New(slog.NewTextHandler(env.Stderr, opts)), nil
	case format == "json", format == "auto":
		return slog.New(slog.NewJSONHandler(env.Stderr, opts)), nil
	default:
		return nil, usagef("--log-format %q: want auto, text or json", format)
	}
}
