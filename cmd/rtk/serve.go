package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/auth"
)

const serveLong = `Run a gateway for Socket.IO v4, plain WebSocket, Server-Sent Events and long
polling.

  /                   a page in the browser to try it
  /socket.io/         Socket.IO; the chat service is namespace /chat
  /ws                 WebSocket with {"event","data"} frames
  /events?topic=NAME  Server-Sent Events
  /asyncapi           what clients may send and receive (also .json and .yaml)

The admin listener has /healthz, /readyz, /metrics, /stats, /api/publish,
/admin/events and /debug/pprof; keep it off the internet.

Every flag can also be given as RTK_SERVE_<FLAG> or RTK_<FLAG> in the
environment, or under "serve:" in rtk.yaml.`

const serveExample = `  rtk serve
  rtk serve --jwt-secret @secret --throttle 20/s --throttle-burst 40
  rtk serve --listen :3000 --redis redis://127.0.0.1:6379 --origins https://app.example.com
  RTK_JWT_SECRET=… rtk serve --tls-cert cert.pem --tls-key key.pem`

// serveFlags are the values of the flags of `rtk serve`.
type serveFlags struct {
	listen      []string
	adminListen string
	socketMode  string
	adminKey    string
	publishKey  string
	services    []string
	podID       string

	jwtSecret, jwtKey, jwks string
	jwtAudience, jwtIssuer  []string
	jwtAlg                  []string
	jwtLeeway               time.Duration
	authCookie, authQuery   string
	issuers                 []string
	policy                  string
	expiryWarning           time.Duration

	throttle        string
	throttleBurst   int
	throttleStrikes int
	throttleMore    throttleFlags

	redisFlags
	advertise      string
	peers          []string
	peerSecretFlag string
	origins        []string

	historyFlags
	overflow    []string
	presence    []string
	presenceMax int

	presenceGrace time.Duration

	maxPayload, maxAttachments, maxRooms      int
	queueBytes, queueMessages                 int
	pingInterval, pingTimeout, connectTimeout time.Duration
	sseHeartbeat, sseRetry                    time.Duration
	compression                               int
	wsNamespace, wsProfile                    string

	tls        tlsFlags
	drain      time.Duration
	drainDelay time.Duration

	logFormat, logLevel string

	validate      string
	asyncAPI      bool
	printAsyncAPI string

	faulty  string
	breakIt bool

	// routing is from sections of the configuration file; nil without one.
	routing *routing

	// changed reports whether a flag was given, by whatever means.
	changed func(name string) bool
	// values returns the text of all flags, reread what they would be if the
	// program started now.
	values func() map[string]string
	reread func() (*serveFlags, error)
	level  slog.LevelVar // logLevel of the running log
}

func newServeCmd(env *Env) *cobra.Command {
	return newServeCmdWith(env, func(ctx context.Context, f *serveFlags) error { return runServe(ctx, env, f) })
}

// newServeCmdWith is the seam for tests of the flags: run is called with what
// they came to.
func newServeCmdWith(env *Env, run func(context.Context, *serveFlags) error) *cobra.Command {
	cmd, _ := newServeCmdFlags(env, run)
	return cmd
}

// newServeCmdFlags also returns where the values of the flags go.
func newServeCmdFlags(env *Env, run func(context.Context, *serveFlags) error) (*cobra.Command, *serveFlags) {
	f := &serveFlags{}
	cmd := &cobra.Command{
		Use:     "serve",
		Short:   "Run a gateway for Socket.IO, WebSocket and Server-Sent Events",
		Long:    serveLong,
		Example: serveExample,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return hint(usagef("serve takes no argument, got %q", args[0]), "did you mean   rtk serve --listen "+args[0]+" ?")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			f.values = valuesOf(cmd)
			f.reread = rereader(env, cmd)
			if err := bindFlags(env, cmd); err != nil {
				return err
			}
			f.changed = cmd.Flags().Changed
			var err error
			if f.routing, err = loadRouting(env, cmd); err != nil {
				return err
			}
			return run(cmd.Context(), f)
		},
	}
	fl := cmd.Flags()
	fl.SortFlags = false
	fl.StringSliceVar(&f.listen, "listen", []string{"127.0.0.1:3000"}, "addresses for clients: HOST:PORT (port 0 takes a free one), unix:PATH, or systemd for sockets that were passed")
	fl.StringVar(&f.adminListen, "admin-listen", "127.0.0.1:3001", `address for operators, as for --listen; "off" for none`)
	fl.StringVar(&f.socketMode, "socket-mode", "0660", "permissions of unix sockets")
	fl.StringVar(&f.adminKey, "admin-key", "", "bearer key for /api/publish, /admin/events and /debug/pprof: literal, @FILE or environment")
	fl.StringVar(&f.publishKey, "publish-key", "", "bearer key for /api/publish alone, which --admin-key does not open then: literal, @FILE or environment")
	fl.StringSliceVar(&f.services, "service", []string{"chat", "feed"}, "services to run: chat, feed, echo")
	fl.StringVar(&f.podID, "pod-id", "", "name of the pod in statistics (default host name and a random suffix)")
	fl.StringP(configFlag, "f", "", "configuration file (default ./rtk.yaml if present)")

	fl.StringVar(&f.jwtSecret, "jwt-secret", "", "HMAC secret that tokens are signed with: literal, @FILE or environment; at least 32 bytes")
	fl.StringVar(&f.jwtKey, "jwt-key", "", "`FILE` with PEM public keys or certificates that tokens are checked with")
	fl.StringVar(&f.jwks, "jwks", "", "`URL` of a JSON Web Key Set")
	fl.StringSliceVar(&f.jwtAudience, "jwt-audience", nil, "audiences of which a token must name one")
	fl.StringSliceVar(&f.jwtIssuer, "jwt-issuer", nil, "issuers of which a token must come from one")
	fl.StringSliceVar(&f.jwtAlg, "jwt-alg", nil, "accepted algorithms (default all that the keys serve)")
	fl.StringSliceVar(&f.issuers, "issuer", nil, "one of several issuers, with keys of its own: iss=NAME,jwks=URL or key=FILE or secret=@FILE[,alg=ALG][,audience=AUD]; may stand several times")
	fl.DurationVar(&f.jwtLeeway, "jwt-leeway", 5*time.Second, "clock difference that tokens' times may have, at most 30s")
	fl.StringVar(&f.authCookie, "auth-cookie", "token", `cookie that may carry the token; "-" for none`)
	fl.StringVar(&f.authQuery, "auth-query", "token", `query parameter that may carry the token; "-" for none`)
	fl.DurationVar(&f.expiryWarning, "expiry-warning", server.DefaultExpiryWarning, "time before a token expires at which its client is told; -1s for never")
	fl.StringVar(&f.policy, "policy", "", "`FILE` with the rules of which rooms and topics a client may join and send to (default all)")
	fl.StringSliceVar(&f.origins, "origins", nil, `allowed values of Origin, "*" for any (default the page's own host)`)

	fl.StringVar(&f.throttle, "throttle", "", `rate of messages that a connection may send, such as "20/s" (default unlimited)`)
	fl.IntVar(&f.throttleBurst, "throttle-burst", 40, "messages that may come at once")
	fl.IntVar(&f.throttleStrikes, "throttle-strikes", server.DefaultThrottleStrikes, "refused messages in a minute that close a connection; -1 never closes")

	f.throttleMore.bind(fl)

	f.historyFlags.register(fl)
	fl.StringSliceVar(&f.overflow, "overflow", nil, "what rooms do for clients that don't keep up: `PATTERN=POLICY` with disconnect, drop-oldest, latest[:KEY] or coalesce:WINDOW[:KEY], such as 'ticker:*=latest' (default disconnect)")
	fl.StringSliceVar(&f.presence, "presence", nil, "`PATTERN` of rooms whose members are told who joins and leaves, such as 'lobby:*' or '/chat#room:*' (default none)")
	fl.IntVar(&f.presenceMax, "presence-max", server.DefaultPresenceMax, "members on all pods beyond which a room is no longer told of each")
	fl.DurationVar(&f.presenceGrace, "presence-grace", server.DefaultPresenceGrace, "how long a member that was cut off may stay away before others are told that it has left; 0 is not at all")

	f.redisFlags.register(fl)
	fl.StringVar(&f.advertise, "advertise", "", "`URL` under which the other pods reach this one's --listen, such as http://10.0.0.7:3000; sessions then need no sticky balancer")
	fl.StringSliceVar(&f.peers, "peers", nil, "advertised URLs of all pods (default found over --redis)")
	fl.StringVar(&f.peerSecretFlag, "peer-secret", "", "secret that the pods share: literal, @FILE or environment; at least 16 bytes (default --jwt-secret)")

	fl.IntVar(&f.maxPayload, "max-payload", server.DefaultMaxPayload, "bytes of one message, after inflation")
	fl.IntVar(&f.maxAttachments, "max-attachments", server.DefaultMaxAttachments, "binary attachments of one message")
	fl.IntVar(&f.maxRooms, "max-rooms", server.DefaultMaxRooms, "rooms of one connection")
	fl.IntVar(&f.compression, "compression", 0, fmt.Sprintf("deflate messages of at least so many bytes on WebSocket (permessage-deflate), such as %d; 0 is off", server.DefaultCompressionThreshold))
	fl.IntVar(&f.queueBytes, "queue-bytes", server.DefaultQueueBytes, "bytes that may wait for one connection before it is closed as too slow")
	fl.IntVar(&f.queueMessages, "queue-messages", server.DefaultQueueMessages, "messages that may wait for one connection before it is closed as too slow")
	fl.DurationVar(&f.pingInterval, "ping-interval", server.DefaultPingInterval, "time between heartbeats")
	fl.DurationVar(&f.pingTimeout, "ping-timeout", server.DefaultPingTimeout, "time for the answer to a heartbeat")
	fl.DurationVar(&f.connectTimeout, "connect-timeout", server.DefaultConnectTimeout, "time for a Socket.IO client to join a namespace")
	fl.DurationVar(&f.sseHeartbeat, "sse-heartbeat", server.DefaultSSEHeartbeat, "time between comments on an idle event stream; -1s for none")
	fl.DurationVar(&f.sseRetry, "sse-retry", server.DefaultSSERetry, "reconnect delay told to EventSource; -1s for none")
	fl.StringVar(&f.wsNamespace, "ws-namespace", "", `namespace of /ws without ?namespace= (default "/chat" with the chat service, otherwise "/")`)
	fl.StringVar(&f.wsProfile, "ws-profile", "nest-ws@12", "framing of /ws: nest-ws@12 or nest-ws@11")

	fl.StringVar(&f.tls.mode, "tls", "", "dev makes a certificate for this machine, signed by an authority of your own")
	fl.StringVar(&f.tls.cert, "tls-cert", "", "`FILE` with the PEM certificate chain; read again when it changes")
	fl.StringVar(&f.tls.key, "tls-key", "", "`FILE` with the PEM private key")
	fl.StringVar(&f.tls.clientCA, "tls-client-ca", "", "`FILE` with PEM certificates that sign those of clients")
	fl.StringVar(&f.tls.clientAuth, "tls-client-auth", "require", "require a client's certificate, or request it and check it when given")
	fl.DurationVar(&f.drain, "drain", 30*time.Second, "time for a graceful stop")
	fl.DurationVar(&f.drainDelay, "drain-delay", 0, "time before it in which only readiness is off, so that balancers notice")

	fl.StringVar(&f.logFormat, "log-format", "auto", "text, json, or auto: text on a terminal, otherwise json")
	fl.StringVar(&f.logLevel, "log-level", "info", "debug, info, warn or error")

	fl.StringVar(&f.validate, "validate", "reject", "payloads that break the contract: reject, warn or off")
	fl.BoolVar(&f.asyncAPI, "asyncapi", true, "serve the contract at /asyncapi, /asyncapi.json and /asyncapi.yaml")
	fl.StringVar(&f.printAsyncAPI, "print-asyncapi", "", "print the contract as `yaml` or json and end")
	fl.Lookup("print-asyncapi").NoOptDefVal = "yaml"

	fl.StringVar(&f.faulty, "faulty", "", "break the gateway on purpose, to test checkers: auth=off|late|leak|silent|linger, throttle=off|late, dup=P, drop=P, reorder=P, corrupt=P, leak=P, zombie=P, late=TIME, crosspod=off, seed=N")
	fl.BoolVar(&f.breakIt, "i-know-this-breaks-delivery", false, "required by --faulty")
	return cmd, f
}

// options checks the flags that have a meaning together and makes the options
// of the server. Everything that can be refused is refused here, before a
// socket is opened.
func (f *serveFlags) options(env *Env) (server.Options, error) {
	o := server.Options{
		PodID:           f.podID,
		Version:         version(),
		AuthPlaces:      auth.Places{Cookie: f.authCookie, Query: f.authQuery},
		ThrottleStrikes: f.throttleStrikes,
		Origins:         f.origins,
		WSNamespace:     f.wsNamespace,
		PingInterval:    f.pingInterval,
		PingTimeout:     f.pingTimeout,
		ConnectTimeout:  f.connectTimeout,
		MaxPayload:      f.maxPayload,
		MaxAttachments:  f.maxAttachments,
		MaxRooms:        f.maxRooms,
		Compression:     server.Compression{Threshold: f.compression},
		QueueBytes:      f.queueBytes,
		QueueMessages:   f.queueMessages,
		SSEHeartbeat:    f.sseHeartbeat,
		SSERetry:        f.sseRetry,
		ExpiryWarning:   f.expiryWarning,
	}
	var errs []error
	check := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	var err error
	o.Faults, err = f.faults()
	check(err)
	o.Throttle, err = f.throttleLimit()
	check(err)
	o.Policy, err = readPolicy(f.policy, f.changed("policy"))
	check(err)
	o.Limits, err = f.limits()
	check(err)
	if o.Throttle.Off() {
		o.Throttle = o.Limits.Rules.Conn.Messages
	}
	o.WSProfile, err = f.profile()
	check(err)
	o.Payloads, o.PayloadsWarn, err = f.payloads()
	check(err)
	check(f.checkRedis(env))
	check(f.historyFlags.options(&o, &f.redisFlags, f.changed))
	for _, text := range f.overflow {
		rule, err := server.ParseOverflow(text)
		if err != nil {
			check(usagef("--overflow: %w", err))
		}
		o.Overflow = append(o.Overflow, rule)
	}
	for _, text := range f.presence {
		rule, err := server.ParsePresence(text)
		if err != nil {
			check(usagef("--presence: %w", err))
		}
		o.Presence = append(o.Presence, rule)
	}
	o.PresenceMax, o.PresenceGrace = f.presenceMax, f.presenceGrace
	if f.presenceGrace == 0 {
		o.PresenceGrace = -1
	}
	check(f.checkServices())
	check(f.checkNumbers())
	check(f.tls.check())
	check(f.routing.check(f.pingTimeout))
	if o.WSNamespace == "" && f.serves("chat") {
		o.WSNamespace = "/chat"
	}
	if o.WSNamespace != "" && o.WSNamespace[0] != '/' {
		check(hint(usagef("--ws-namespace %q: a namespace begins with /", o.WSNamespace), "did you mean   --ws-namespace /"+o.WSNamespace+" ?"))
	}
	f.adminKey, err = f.secret(env, "admin-key", f.adminKey)
	check(err)
	f.publishKey, err = f.secret(env, "publish-key", f.publishKey)
	check(err)
	return o, errors.Join(errs...)
}
