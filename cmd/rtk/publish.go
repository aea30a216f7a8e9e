package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/realtime-toolkit/rtk/pkg/emitter"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster/redis"
	"github.com/realtime-toolkit/rtk/pkg/wire/rawjson"
)

// maxPublish bounds what is read from standard input.
const maxPublish = 16 << 20

const publishLong = `Send an event to the clients of a cluster over its Redis, as
@socket.io/redis-emitter does: to rtk pods and to Node servers, without a
connection to any of them.

The arguments of the event are JSON values; - reads more of them from standard
input. The flags of the Redis are those of the servers.

Exit code 0: Redis has it; 2: a mistake, nothing was sent; 3: Redis can't be
reached. How many servers hear the namespace is told on standard error.`

const publishExample = `  rtk publish --redis redis://127.0.0.1:6379 -n /chat -r lobby message '{"text":"hi"}'
  echo '{"version":7}' | rtk publish --redis redis://127.0.0.1:6379 reload -
  RTK_REDIS=redis://10.0.0.5 rtk publish --server-side cache.clear '"users"'`

// publishFlags are the values of the flags of `rtk publish`. Those of the Redis
// are a pod's.
type publishFlags struct {
	serveFlags
	namespace            string
	rooms, except        []string
	volatile, noCompress bool
	serverSide           bool
	timeout              time.Duration
}

func newPublishCmd(env *Env) *cobra.Command {
	f := &publishFlags{}
	cmd := &cobra.Command{
		Use:     "publish EVENT [JSON…]",
		Short:   "Send an event to the clients of a cluster over its Redis",
		Long:    publishLong,
		Example: publishExample,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return hint(usagef("publish wants the name of an event"), `such as   rtk publish --redis redis://127.0.0.1:6379 message '{"text":"hi"}'`)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := bindFlags(env, cmd); err != nil {
				return err
			}
			f.changed = cmd.Flags().Changed
			return f.run(cmd.Context(), env, args[0], args[1:])
		},
	}
	fl := cmd.Flags()
	fl.SortFlags = false
	fl.StringVarP(&f.namespace, "namespace", "n", "/", "`NAMESPACE` of the clients")
	fl.StringArrayVarP(&f.rooms, "room", "r", nil, "`ROOM` that gets it, or a client's id; repeatable (default all of the namespace)")
	fl.StringArrayVar(&f.except, "except", nil, "`ROOM` that does not; repeatable")
	fl.BoolVar(&f.volatile, "volatile", false, "skip clients that can't take it at once")
	fl.BoolVar(&f.noCompress, "no-compress", false, "don't deflate it")
	fl.BoolVar(&f.serverSide, "server-side", false, "send it to the servers, not to the clients")
	fl.DurationVar(&f.timeout, "timeout", 5*time.Second, "how long Redis may take")
	f.registerSender(fl, "")
	return cmd
}

func (f *publishFlags) run(ctx context.Context, env *Env, event string, values []string) error {
	switch {
	case f.redis == "":
		return hint(usagef("publish wants the servers' Redis"), "add   --redis redis://127.0.0.1:6379")
	case f.serverSide && len(f.rooms)+len(f.except) > 0:
		return usagef("--server-side goes to all servers: leave --room and --except out")
	case f.timeout <= 0:
		return usagef("--timeout %v: want more than 0s", f.timeout)
	}
	if err := f.checkRedis(env); err != nil {
		return err
	}
	args, err := readJSONArgs(env, values)
	if err != nil {
		return err
	}
	o := f.backplane
	o.DialTimeout, o.IOTimeout = f.timeout, f.timeout
	e, err := emitter.New(o)
	if err != nil {
		return usagef("--redis: %w", err)
	}
	defer e.Close()
	ctx, stop := f.bounded(ctx, env)
	defer stop()
	if err := f.send(ctx, e, event, args); err != nil {
		return f.failed(ctx, err)
	}
	return f.tell(ctx, env, e)
}

// bounded ends with the timeout and with a signal.
func (f *publishFlags) bounded(ctx context.Context, env *Env) (context.Context, func()) {
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	signals, stop := env.Notify()
	go func() {
		select {
		case <-signals:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, func() { stop(); cancel() }
}

func (f *publishFlags) send(ctx context.Context, e *emitter.Emitter, event string, args []any) error {
	to := e.Of(f.namespace).To(f.rooms...).Except(f.except...)
	if f.volatile {
		to = to.Volatile()
	}
	if f.noCompress {
		to = to.Compress(false)
	}
	if f.serverSide {
		return to.ServerSideEmit(ctx, event, args...)
	}
	return to.Emit(ctx, event, args...)
}

func (f *publishFlags) failed(ctx context.Context, err error) error {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return &exitError{code: exitInterrupted}
	case errors.Is(err, redis.ErrUnreachable):
		return hint(&exitError{exitUnreachable, err}, "is the URL right, with the user and the password? The message may have been sent all the same")
	}
	return &usageError{err}
}

// tell says who heard it: a wrong prefix or adapter is no error to Redis.
func (f *publishFlags) tell(ctx context.Context, env *Env, e *emitter.Emitter) error {
	n, err := e.Of(f.namespace).Servers(ctx)
	name := "/" + strings.TrimPrefix(f.namespace, "/")
	switch {
	case err != nil: // a user may have the right to publish and not to count
		fmt.Fprintf(env.Stderr, "rtk: published; the servers can't be counted: %v\n", err)
	case n == 0:
		fmt.Fprintf(env.Stderr, "rtk: warning: published, but no server with adapter %s hears namespace %s on prefix %s\nrtk: hint: see who is there with   rtk interop --redis URL\n",
			f.redisAdapter, name, f.redisPrefix)
	case n == 1:
		fmt.Fprintln(env.Stderr, "rtk: published to 1 server")
	default:
		fmt.Fprintf(env.Stderr, "rtk: published to %d servers\n", n)
	}
	return nil
}

// readJSONArgs checks the arguments of an event and reads those of standard
// input.
func readJSONArgs(env *Env, values []string) ([]any, error) {
	var args []any
	for i, v := range values {
		if v == "-" {
			more, err := readJSONValues(env.Stdin)
			if err != nil {
				return nil, err
			}
			args = append(args, more...)
			continue
		}
		if !rawjson.Valid([]byte(v)) {
			return nil, hint(usagef("argument %d of the event is not JSON: %s", i+1, clipText(v, 60)), `a text is JSON in quotes:   '"hello"'`)
		}
		args = append(args, json.RawMessage(strings.TrimSpace(v)))
	}
	return args, nil
}

// readJSONValues reads JSON values with white space between.
func readJSONValues(r io.Reader) ([]any, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxPublish+1))
	if err != nil {
		return nil, fmt.Errorf("read standard input: %w", err)
	}
	if len(text) > maxPublish {
		return nil, usagef("standard input has more than 16 MiB")
	}
	var values []any
	for rest := bytes.TrimSpace(text); len(rest) > 0; rest = bytes.TrimSpace(rest) {
		value, after, ok := rawjson.Next(rest)
		if !ok {
			return nil, usagef("value %d of standard input is not JSON", len(values)+1)
		}
		values, rest = append(values, json.RawMessage(value)), after
	}
	return values, nil
}
