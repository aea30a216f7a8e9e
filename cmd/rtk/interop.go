package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/realtime-toolkit/rtk/internal/nearest"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster/redis"
)

const interopLong = `Look at a live Redis and say which Socket.IO servers are on it: rtk pods, Node and
NestJS servers and emitters, by prefix, adapter and namespace, and what keeps
them from understanding each other.

It joins as a silent peer: it reads, and listens by patterns, which no server
counts and nobody answers. It writes nothing and prints no payload. A Redis user
with few rights sees less, and is told what it did not see.

Exit code 0: nothing is wrong; 99: there is a mismatch; 3: Redis can't be reached.`

const interopExample = `  rtk interop redis://127.0.0.1:6379
  rtk interop --for 30s --redis-prefix socket.io redis://10.0.0.5
  RTK_REDIS=rediss://… rtk interop -o json | jq .mismatches`

// interopFlags are the values of the flags of `rtk interop`.
type interopFlags struct {
	redis    string
	prefixes []string
	stream   string
	listen   time.Duration
	output   string
	tls      redisTLSFlags
}

func newInteropCmd(env *Env) *cobra.Command {
	f := &interopFlags{}
	cmd := &cobra.Command{
		Use:     "interop [URL]",
		Short:   "See which Socket.IO servers are on a Redis, and whether they get along",
		Long:    interopLong,
		Example: interopExample,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("interop takes one URL, not %d arguments", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := bindFlags(env, cmd); err != nil {
				return err
			}
			if len(args) == 1 {
				f.redis = args[0]
			}
			return runInterop(cmd.Context(), env, f)
		},
	}
	fl := cmd.Flags()
	fl.SortFlags = false
	fl.StringVar(&f.redis, "redis", "", "`URL` of the Redis, as for rtk serve, when it is no argument")
	fl.StringSliceVar(&f.prefixes, "redis-prefix", nil, "prefixes to look at (default all that are found)")
	fl.StringVar(&f.stream, "redis-stream", "", "stream to look at besides those that are found")
	fl.DurationVar(&f.listen, "for", 5*time.Second, "how long to listen to messages")
	f.tls.register(fl)
	fl.StringVarP(&f.output, "output", "o", "text", "text or json")
	return cmd
}

func runInterop(ctx context.Context, env *Env, f *interopFlags) error {
	outputs := []string{"text", "json"}
	switch {
	case f.redis == "":
		return hint(usagef("interop wants the URL of a Redis"), "such as   rtk interop redis://127.0.0.1:6379")
	case f.output != outputs[0] && f.output != outputs[1]:
		return usagef("--output %q%s; want text or json", f.output, nearest.Hint(f.output, outputs))
	case f.listen < 0 || f.listen > time.Hour:
		return usagef("--for %v: from 0s to 1h", f.listen)
	}
	config, err := f.tls.config(f.redis)
	if err != nil {
		return err
	}
	o := redis.SurveyOptions{
		Options:  redis.Options{URL: f.redis, TLS: config, Stream: f.stream},
		Prefixes: f.prefixes, Listen: f.listen,
	}
	if err := o.Check(); err != nil {
		return usagef("redis: %w", err)
	}
	signals, stop := env.Notify()
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-signals:
			cancel()
		case <-ctx.Done():
		}
	}()
	survey, err := redis.Look(ctx, o)
	if survey == nil {
		if ctx.Err() != nil {
			return &exitError{code: exitInterrupted}
		}
		return hint(&exitError{code: exitUnreachable, err: err}, "is the URL right, with the user and the password?")
	}
	if f.output == "json" {
		e := json.NewEncoder(env.Stdout)
		e.SetIndent("", "  ")
		err = e.Encode(survey)
	} else {
		_, err = fmt.Fprint(env.Stdout, surveyText(survey))
	}
	switch {
	case err != nil:
		return fmt.Errorf("print what was seen: %w", err)
	case ctx.Err() != nil:
		return &exitError{code: exitInterrupted}
	case len(survey.Mismatches) > 0:
		return &exitError{code: exitVerdict}
	}
	return nil
}
