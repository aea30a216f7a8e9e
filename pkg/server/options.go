package server

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server/auth"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/server/peers"
	"github.com/realtime-toolkit/rtk/pkg/server/policy"
	"github.com/realtime-toolkit/rtk/pkg/server/throttle"
	"github.com/realtime-toolkit/rtk/pkg/wire/nestws"
)

// Defaults of Options.
const (
	DefaultSocketIOPath     = "/socket.io/"
	DefaultWSPath           = "/ws"
	DefaultEventsPath       = "/events"
	DefaultPollPath         = "/poll"
	DefaultPingInterval     = 25 * time.Second
	DefaultPingTimeout      = 20 * time.Second
	DefaultConnectTimeout   = 45 * time.Second
	DefaultUpgradeTimeout   = 10 * time.Second
	DefaultHandshakeTimeout = 10 * time.Second
	DefaultWriteTimeout     = 10 * time.Second
	DefaultCloseTimeout     = 2 * time.Second
	DefaultAckTimeout       = 30 * time.Second
	DefaultRequestTimeout   = 5 * time.Second
	DefaultMaxPayload       = 1_000_000
	DefaultMaxAttachments   = 10
	DefaultMaxRooms         = 1024
	DefaultQueueBytes       = 1 << 20
	DefaultQueueMessages    = 1024
	DefaultThrottleStrikes  = 100
	DefaultSSEHeartbeat     = 15 * time.Second
	DefaultSSERetry         = 3 * time.Second
	DefaultExpiryWarning    = 30 * time.Second
)

// StrikeWindow is the time in which more than Options.ThrottleStrikes refused
// messages close a connection.
const StrikeWindow = time.Minute

// Options configure a Server. The zero value is a working open gateway; 0 in a
// field means its default, negative means off where the field says so.
type Options struct {
	Logger  *slog.Logger // nil: slog.Default()
	PodID   string       // names the pod in statistics; "" makes one of host name and random text
	Version string       // of the program, for statistics only

	Auth       *auth.Verifier // nil: every client is let in
	AuthPlaces auth.Places    // where a token may travel

	// Throttle bounds the message events of one connection; the zero Limit is
	// off. A connection with more than ThrottleStrikes refused messages within
	// StrikeWindow is closed; 0 is DefaultThrottleStrikes, negative never.
	Throttle        throttle.Limit
	ThrottleStrikes int
	// ExpiryWarning is how long before the token of a connection expires the
	// client gets the event "token_expiring"; 0 is DefaultExpiryWarning,
	// negative never.
	ExpiryWarning time.Duration
	// Policy says which rooms and topics clients may join and send to; nil allows
	// all of them. Connections join through it whoever calls Conn.Join.
	Policy *policy.Policy
	Limits Limits // further limits: by user, address and room; of bytes, joins and connects

	// Origins are the allowed values of the Origin header, such as
	// "https://app.example.com", for upgrades and CORS alike. Empty means the
	// request's own host only, "*" any. A request without Origin is not a
	// browser's and passes.
	Origins []string

	Backplane cluster.Backplane // nil: this pod alone

	// Peers lets any pod take the requests of any polling session, so that a
	// balancer needs no sticky sessions. The server runs it and closes it. nil:
	// all requests of a session must reach the pod that opened it.
	Peers *peers.Peers

	SocketIOPath string // "-" switches the endpoint off, as for the next two
	WSPath       string
	EventsPath   string
	PollPath     string // of GET with topics, for clients that can have no stream
	// WSNamespace is where plain WebSocket connections go that don't say
	// ?namespace=; "" is "/".
	WSNamespace string
	WSProfile   nestws.Profile

	PingInterval     time.Duration // Engine.IO heartbeat, and pings on plain WebSocket
	PingTimeout      time.Duration // time for the answer
	ConnectTimeout   time.Duration // time for a Socket.IO client to join a namespace
	UpgradeTimeout   time.Duration // time from the probe to the end of an upgrade
	HandshakeTimeout time.Duration // time for token verification and for the body of a POST
	WriteTimeout     time.Duration // time for a stalled client to take more bytes
	CloseTimeout     time.Duration // time for a client to take the goodbye and answer it
	AckTimeout       time.Duration // EmitAck when its context has no deadline
	RequestTimeout   time.Duration // time for other pods to answer when the context has no deadline

	MaxPayload     int // bytes of one message, after inflation; announced as maxPayload
	MaxAttachments int // binary attachments of one packet
	MaxRooms       int // rooms of one connection
	// MaxDynamicNamespaces bounds the namespaces that Server.OfFunc makes; one
	// client has few of them, but it chooses the names.
	MaxDynamicNamespaces int

	// Compression deflates messages on WebSocket; the zero value is off.
	Compression Compression

	// QueueBytes and QueueMessages bound what waits to be written to one
	// connection. A connection that goes beyond either is closed (reason "slow
	// consumer").
	QueueBytes    int
	QueueMessages int

	// StrictPayloads refuses payloads of typed handlers with members that the In
	// type has no field for.
	StrictPayloads bool
	// Payloads checks the payloads of declared events from clients before their
	// handlers; nil checks none. PayloadsWarn lets those that fail through and
	// logs them.
	Payloads     PayloadValidator
	PayloadsWarn bool

	// EncodeError makes what the client is told of an event that failed: the
	// argument of its acknowledgement or of "exception". It must marshal to JSON,
	// and must not pass on what PublicError would not. nil is
	// {"ok":false,"error":{"code":…,"message":…}}.
	EncodeError func(c *Conn, err error) any

	// Overflow gives rooms another policy than to close a connection that goes
	// beyond QueueBytes or QueueMessages.
	Overflow []OverflowRule

	// Presence tells the members of rooms who joins and leaves, on all pods that
	// have the same rules. Members of a room that has more than PresenceMax of them
	// are no longer told of each. A member that is cut off and whom a token or a
	// session to recover will tell has PresenceGrace to come back before others are
	// told that it has left; 0 is DefaultPresenceGrace, negative none.
	Presence      []PresenceRule
	PresenceMax   int
	PresenceGrace time.Duration

	// History keeps the latest messages of rooms, for event streams that come
	// back and for polls.
	History HistoryOptions
	// Recovery is how long a Socket.IO client that was cut off may come back to
	// its session: its id, its rooms, its data and what it missed. 0 is never.
	// All messages of all namespaces but EventsNamespace are kept for as long.
	Recovery time.Duration

	SSEHeartbeat time.Duration // comment on an idle stream; negative: none
	SSERetry     time.Duration // reconnect delay told to EventSource; negative: not told

	Faults *Faults // breaks the gateway on purpose, to test checkers; nil in production
}

// withDefaults returns o with its zero fields filled in, or an error that names
// the first field that makes no sense.
func (o Options) withDefaults() (Options, error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	for _, p := range []struct {
		at   *string
		name string
		def  string
	}{
		{&o.SocketIOPath, "SocketIOPath", DefaultSocketIOPath},
		{&o.WSPath, "WSPath", DefaultWSPath},
		{&o.EventsPath, "EventsPath", DefaultEventsPath},
		{&o.PollPath, "PollPath", DefaultPollPath},
		{&o.WSNamespace, "WSNamespace", "/"},
	} {
		if *p.at == "" {
			*p.at = p.def
		}
		if *p.at != "-" && !strings.HasPrefix(*p.at, "/") {
			return o, fmt.Errorf("server option %s %q: must begin with /", p.name, *p.at)
		}
	}
	if o.SocketIOPath != "-" && !strings.HasSuffix(o.SocketIOPath, "/") {
		o.SocketIOPath += "/"
	}
	for _, d := range []struct {
		at   *time.Duration
		name string
		def  time.Duration
		off  bool
	}{
		{&o.PingInterval, "PingInterval", DefaultPingInterval, false},
		{&o.PingTimeout, "PingTimeout", DefaultPingTimeout, false},
		{&o.ConnectTimeout, "ConnectTimeout", DefaultConnectTimeout, false},
		{&o.UpgradeTimeout, "UpgradeTimeout", DefaultUpgradeTimeout, false},
		{&o.HandshakeTimeout, "HandshakeTimeout", DefaultHandshakeTimeout, false},
		{&o.WriteTimeout, "WriteTimeout", DefaultWriteTimeout, false},
		{&o.CloseTimeout, "CloseTimeout", DefaultCloseTimeout, false},
		{&o.AckTimeout, "AckTimeout", DefaultAckTimeout, false},
		{&o.RequestTimeout, "RequestTimeout", DefaultRequestTimeout, false},
		{&o.SSEHeartbeat, "SSEHeartbeat", DefaultSSEHeartbeat, true},
		{&o.SSERetry, "SSERetry", DefaultSSERetry, true},
		{&o.ExpiryWarning, "ExpiryWarning", DefaultExpiryWarning, true},
	} {
		if *d.at == 0 {
			*d.at = d.def
		}
		if *d.at < 0 && !d.off {
			return o, fmt.Errorf("server option %s %v: must be positive", d.name, *d.at)
		}
		if *d.at > 0 && *d.at < time.Millisecond {
			return o, fmt.Errorf("server option %s %v: at least 1ms", d.name, *d.at)
		}
	}
	for _, n := range []struct {
		at   *int
		name string
		def  int
	}{
		{&o.MaxPayload, "MaxPayload", DefaultMaxPayload},
		{&o.MaxAttachments, "MaxAttachments", DefaultMaxAttachments},
		{&o.MaxRooms, "MaxRooms", DefaultMaxRooms},
		{&o.MaxDynamicNamespaces, "MaxDynamicNamespaces", DefaultMaxDynamicNamespaces},
		{&o.PresenceMax, "PresenceMax", DefaultPresenceMax},
		{&o.QueueBytes, "QueueBytes", DefaultQueueBytes},
		{&o.QueueMessages, "QueueMessages", DefaultQueueMessages},
	} {
		if *n.at == 0 {
			*n.at = n.def
		}
		if *n.at < 1 {
			return o, fmt.Errorf("server option %s %d: must be positive", n.name, *n.at)
		}
	}
	if o.ThrottleStrikes == 0 {
		o.ThrottleStrikes = DefaultThrottleStrikes
	}
	if c := o.Compression; c.Threshold < 0 || c.Level < 0 || c.Level > 9 {
		return o, fmt.Errorf("server option Compression %+v: want a threshold in bytes, and a level of 1 to 9", c)
	}
	if err := o.Throttle.Validate(); err != nil {
		return o, fmt.Errorf("server option Throttle: %w", err)
	}
	if o.Throttle.Off() {
		o.Throttle = o.Limits.Rules.Conn.Messages
	}
	if err := o.Limits.Rules.Validate(); err != nil {
		return o, fmt.Errorf("server option Limits: %w", err)
	}
	for _, origin := range o.Origins {
		if origin != "*" && !strings.Contains(origin, "://") {
			return o, fmt.Errorf("server option Origins: %q has no scheme; want %q or \"*\"", origin, "https://"+origin)
		}
	}
	for _, r := range o.Overflow {
		if err := r.validate(); err != nil {
			return o, fmt.Errorf("server option Overflow: %w", err)
		}
	}
	if o.PresenceGrace == 0 {
		o.PresenceGrace = DefaultPresenceGrace
	}
	for _, r := range o.Presence {
		if err := r.validate(); err != nil {
			return o, fmt.Errorf("server option Presence: %w", err)
		}
	}
	if err := o.checkHistory(); err != nil {
		return o, err
	}
	if o.Faults != nil {
		if err := o.Faults.validate(); err != nil {
			return o, err
		}
	}
	if o.SocketIOPath == "-" && o.WSPath == "-" && o.EventsPath == "-" {
		return o, errors.New("server options: SocketIOPath, WSPath and EventsPath are all off")
	}
	return o, nil
}
