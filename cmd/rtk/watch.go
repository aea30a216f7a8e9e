package main

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/realtime-toolkit/rtk/pkg/client"
	"github.com/realtime-toolkit/rtk/pkg/rt"
	"github.com/realtime-toolkit/rtk/pkg/tui"
)

const watchLong = `Show what happens on a Socket.IO, WebSocket or SSE endpoint: every event with
its JSON, the state of the connection, reconnects and their causes; and send
messages to it.

Without a terminal, or with -o, it writes one line an event instead. Lines of
standard input are sent (an event name and JSON, or a frame with
--framing raw); at the end of input it waits --linger for answers and ends.`

const watchExample = `  rtk watch :3000 -n /chat                        a terminal view
  rtk watch 'sse+http://localhost:3000/events?topic=ticker'
  rtk watch ws://localhost:3000/ws -e message -o ndjson | jq .data
  echo 'join {"room":"lobby"}' | rtk watch :3000 -n /chat --token @token`

// watchFlags are the flags of rtk watch.
type watchFlags struct {
	target         string
	namespace      string
	token          string
	headers        []string
	events         []string
	filter         string
	topics         []string
	transport      string
	framing        string
	protocol       string
	output         string
	tui            string
	buffer         int
	linger         time.Duration
	noReconnect    bool
	insecure       bool
	connectTimeout time.Duration
	ack            bool
	showSecrets    bool
	color          string

	// stdinUsed says that a value was read from standard input (@-).
	stdinUsed bool

	// changed reports whether a flag was given, by whatever means.
	changed func(name string) bool
}

func newWatchCmd(env *Env) *cobra.Command {
	return newWatchCmdWith(env, func(ctx context.Context, f *watchFlags) error { return runWatch(ctx, env, f) })
}

// newWatchCmdWith is the seam for tests of the flags: run is called with what
// they came to.
func newWatchCmdWith(env *Env, run func(context.Context, *watchFlags) error) *cobra.Command {
	f := &watchFlags{}
	cmd := &cobra.Command{
		Use:     "watch <target>",
		Short:   "See inside an endpoint, and talk to it",
		Long:    watchLong,
		Example: watchExample,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return hint(usagef("watch wants one target, got %d", len(args)), "for example   rtk watch :3000 -n /chat", "see   rtk help targets")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := bindFlags(env, cmd); err != nil {
				return err
			}
			f.target = args[0]
			f.color, _ = cmd.Flags().GetString("color")
			f.changed = cmd.Flags().Changed
			return run(cmd.Context(), f)
		},
	}
	fl := cmd.Flags()
	fl.SortFlags = false
	fl.StringVarP(&f.namespace, "namespace", "n", "", "`NAMESPACE` to join (Socket.IO, and rtk's /ws), such as /chat")
	fl.StringArrayVar(&f.topics, "topic", nil, "SSE topic, as ?topic=`NAME`; repeatable")
	fl.StringVar(&f.protocol, "protocol", "", "socketio, websocket or sse (default as the target says, or by asking it)")
	fl.StringVar(&f.transport, "transport", "websocket", "Socket.IO transports in order: websocket, polling, or polling,websocket to upgrade")
	fl.StringVar(&f.framing, "framing", "nest", "frames of a plain WebSocket: nest ({event,data}) or raw")

	fl.StringVar(&f.token, "token", "", "token for auth.token (Socket.IO) or the Authorization header: literal, @FILE or @-")
	fl.StringArrayVarP(&f.headers, "header", "H", nil, "further request header, `K:V`; V may be @FILE; repeatable")
	fl.BoolVar(&f.insecure, "insecure", false, "do not verify certificates")
	fl.DurationVar(&f.connectTimeout, "connect-timeout", 10*time.Second, "bound of one connection attempt")
	fl.BoolVar(&f.noReconnect, "no-reconnect", false, "end when the connection ends")

	fl.StringArrayVarP(&f.events, "event", "e", nil, "show only events of this `NAME`, * stands for anything; repeatable")
	fl.StringVar(&f.filter, "filter", "", "show only what matches, in the language of the / key, such as 'room:r7 size>1k'")
	fl.StringVarP(&f.output, "output", "o", "", "write lines instead of a screen: text or ndjson")
	fl.StringVar(&f.tui, "tui", "auto", "the screen: auto, always or never")
	fl.IntVar(&f.buffer, "buffer", tui.DefaultBuffer, "events to hold; the oldest go first")
	fl.DurationVar(&f.linger, "linger", tui.DefaultLinger, "wait so long for answers after the end of standard input; negative waits for ever")
	fl.BoolVar(&f.ack, "ack", true, "ask the server to acknowledge what is sent")
	fl.BoolVar(&f.showSecrets, "show-secrets", false, "show tokens and passwords in payloads")
	fl.StringP(configFlag, "f", "", "configuration `FILE` (default ./rtk.yaml if present)")
	return cmd
}

func runWatch(ctx context.Context, env *Env, f *watchFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	screen, err := f.wantsScreen(env)
	if err != nil {
		return err
	}
	request, mask, err := f.request(env)
	if err != nil {
		return err
	}
	filter, err := f.parseFilter()
	if err != nil {
		return err
	}

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	signals, stop := env.Notify()
	defer stop()
	go func() {
		select {
		case s := <-signals:
			cancel(&signalError{s})
		case <-ctx.Done():
		}
	}()

	if request.Target.Protocol == "" {
		if err := probe(ctx, env, f, request); err != nil {
			return err
		}
	}
	f.complete(request)

	d := client.New(client.Options{Insecure: f.insecure})
	defer d.Close()
	session, err := tui.NewSession(tui.SessionOptions{
		Dialer: d, Request: *request, ConnectTimeout: f.connectTimeout,
		NoReconnect: f.noReconnect, MustConnect: !screen, Hold: screen && !f.noReconnect,
		Acks:   f.ack && (request.Target.Protocol == rt.SocketIO || f.changed("ack")),
		Buffer: f.buffer,
	})
	if err != nil {
		return err
	}
	if screen {
		err = watchScreen(ctx, env, f, session, filter, mask)
	} else {
		err = watchStream(ctx, env, f, session, filter, mask)
	}
	if s, ok := errors.AsType[*signalError](context.Cause(ctx)); ok && err == nil {
		return &exitError{code: s.code()}
	}
	if e, ok := errors.AsType[*rt.Error](err); ok && e.Stage == rt.StageConnected {
		return hint(err) // what helps a refused handshake does not help here
	}
	return err
}

// signalError is the cause of a context that a signal ended.
type signalError struct{ signal os.Signal }

func (e *signalError) Error() string { return e.signal.String() }

func (e *signalError) code() int {
	if e.signal == syscall.SIGTERM {
		return 128 + int(syscall.SIGTERM)
	}
	return exitInterrupted
}

func (f *watchFlags) check() error {
	oneOf := func(name, value string, allowed ...string) error {
		for _, a := range allowed {
			if value == a {
				return nil
			}
		}
		return usagef("--%s %q: want %s", name, value, strings.Join(allowed[:len(allowed)-1], ", ")+" or "+allowed[len(allowed)-1])
	}
	if f.protocol != "" {
		if err := oneOf("protocol", f.protocol, "socketio", "websocket", "sse"); err != nil {
			return err
		}
	}
	if f.output != "" {
		if err := oneOf("output", f.output, "text", "ndjson"); err != nil {
			return err
		}
	}
	if err := oneOf("tui", f.tui, "auto", "always", "never"); err != nil {
		return err
	}
	if err := oneOf("color", f.color, "auto", "always", "never"); err != nil {
		return err
	}
	if err := oneOf("framing", f.framing, "nest", "raw"); err != nil {
		return err
	}
	switch {
	case f.buffer < 1 || f.buffer > 10_000_000:
		return usagef("--buffer %d: want 1 to 10000000", f.buffer)
	case f.connectTimeout <= 0:
		return usagef("--connect-timeout %v: want more than 0", f.connectTimeout)
	case f.tui == "always" && f.output != "":
		return usagef("--tui always and -o %s exclude each other", f.output)
	}
	return nil
}

// wantsScreen decides between the screen and lines.
func (f *watchFlags) wantsScreen(env *Env) (bool, error) {
	tty := env.IsTerminal(env.Stdin) && env.IsTerminal(env.Stdout)
	switch {
	case f.tui == "never" || f.output != "":
		return false, nil
	case f.tui == "always":
		if !tty {
			return false, hint(usagef("--tui always: standard input and output are not a terminal"), "leave it out for lines of text")
		}
		return true, nil
	}
	return tty && env.Getenv("TERM") != "dumb" && env.Getenv("CI") == "", nil
}

func (f *watchFlags) parseFilter() (tui.Filter, error) {
	expr := f.filter
	if len(f.events) > 0 {
		expr = strings.TrimSpace("ev:" + strings.Join(f.events, ",") + " " + expr)
	}
	filter, err := tui.ParseFilter(expr)
	if err != nil {
		return tui.Filter{}, &usageError{err}
	}
	return filter, nil
}
