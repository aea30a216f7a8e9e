// Package stats holds the plain types of a gateway pod's statistics: what GET
// /stats on the admin listener returns as JSON, what the terminal UI reads, and
// what the metrics are made of.
//
// It imports the standard library only, so that a program can read a pod's
// statistics without linking the gateway.
package stats

import "time"

// Pod is one pod's statistics at one moment. Counters (fields whose comment
// says "total") only grow, from the start of the process; everything else is a
// gauge. Every duration is named with its unit. Maps are never nil in what
// Server.Stats returns, and hold only keys that have been counted.
type Pod struct {
	// ID names the pod within its cluster; by default host name and a random
	// suffix.
	ID      string `json:"id"`
	Version string `json:"version"`
	// Time is when the statistics were taken.
	Time    time.Time `json:"time"`
	Started time.Time `json:"started"`
	// UptimeSeconds is Time minus Started on the monotonic clock.
	UptimeSeconds float64 `json:"uptimeSeconds"`
	// Ready is whether the pod takes new clients; Reason says why not.
	Ready    bool   `json:"ready"`
	Reason   string `json:"reason,omitempty"`
	Draining bool   `json:"draining"`

	Clients    Clients `json:"clients"`
	Rooms      int     `json:"rooms"`
	Namespaces int     `json:"namespaces"`

	Traffic     Traffic     `json:"traffic"`
	Connections Connections `json:"connections"`
	Refusals    Refusals    `json:"refusals"`
	Queues      Queues      `json:"queues"`
	Latency     Latency     `json:"latency"`
	Process     Process     `json:"process"`
	// History is nil when nothing is kept.
	History *History `json:"history,omitempty"`
	// Presence is nil when no room has it.
	Presence *Presence `json:"presence,omitempty"`
	// Backplane is nil when the pod works alone.
	Backplane *Backplane `json:"backplane,omitempty"`
	// Services are those outside of the gateway, in the order of their routes.
	Services []Service `json:"services,omitempty"`
	// Faults lists the faults switched on with --faulty; empty in production.
	Faults []string `json:"faults,omitempty"`
}

// Clients counts the connections that are open now, by how they are carried. A
// Socket.IO connection with several namespaces counts once.
type Clients struct {
	Total int `json:"total"`
	// WebSocket and Polling are Socket.IO connections by current transport.
	WebSocket int `json:"websocket"`
	Polling   int `json:"polling"`
	// PlainWebSocket counts connections of the plain WebSocket endpoint.
	PlainWebSocket int `json:"plainWebsocket"`
	// SSE is the sum of SSEHTTP1 and SSEHTTP2.
	SSE      int `json:"sse"`
	SSEHTTP1 int `json:"sseHttp1"`
	SSEHTTP2 int `json:"sseHttp2"`
}

// Traffic counts application messages and the bytes of the frames that carried
// them, payload only: no TCP, TLS or WebSocket headers. All are totals.
type Traffic struct {
	// MessagesIn counts events and acks received from clients, refused ones
	// included.
	MessagesIn uint64 `json:"messagesIn"`
	// MessagesOut counts messages put in a client's queue: a broadcast to n
	// members counts n.
	MessagesOut uint64 `json:"messagesOut"`
	BytesIn     uint64 `json:"bytesIn"`
	BytesOut    uint64 `json:"bytesOut"`
	// Broadcasts counts emits to rooms or a namespace, whatever the number of
	// recipients. BroadcastsRemote of them came from other pods.
	Broadcasts       uint64 `json:"broadcasts"`
	BroadcastsRemote uint64 `json:"broadcastsRemote"`
	// Published counts what came in through the publish API.
	Published uint64 `json:"published"`
}

// Connections counts the beginnings and ends of connections. All are totals.
type Connections struct {
	// Opened counts connections that were accepted, Closed those that ended:
	// Opened-Closed is Clients.Total.
	Opened uint64 `json:"opened"`
	Closed uint64 `json:"closed"`
	// ClosedByReason has the sum Closed. Keys are the gateway's reasons, such
	// as "transport close", "ping timeout", "slow consumer", "throttled",
	// "server shutdown", "token expired".
	ClosedByReason map[string]uint64 `json:"closedByReason"`
	// HandshakeErrors counts connections that were refused for anything but
	// authentication, by cause: "origin", "bad request", "connect timeout", …
	HandshakeErrors map[string]uint64 `json:"handshakeErrors"`
	// Upgrades counts moves from long polling to WebSocket.
	Upgrades uint64 `json:"upgrades"`
	// Forwarded counts requests passed on to the pod of their session;
	// ForwardFailed those whose pod did not answer.
	Forwarded     uint64 `json:"forwarded"`
	ForwardFailed uint64 `json:"forwardFailed"`
	// AcceptErrors counts failures of accept(2), such as no descriptors left.
	AcceptErrors uint64 `json:"acceptErrors"`
	// SSEHTTP1Browsers counts streams that a browser opened over HTTP/1.1,
	// where it allows six connections a host.
	SSEHTTP1Browsers uint64 `json:"sseHttp1Browsers"`
}

// Refusals counts what the guards refused. All are totals.
type Refusals struct {
	// AuthByCode counts refused tokens by the verifier's code: "expired",
	// "bad_signature", …; Auth is their sum.
	Auth       uint64            `json:"auth"`
	AuthByCode map[string]uint64 `json:"authByCode"`
	// Throttled counts messages that the throttle refused.
	Throttled uint64 `json:"throttled"`
	// ThrottledByLimit counts what each limit refused, joins and connects
	// included: "conn.messages", "user.joins", "ip.connects", "event" for the
	// limits of single events. Empty while there is only the limit of
	// Options.Throttle, which Throttled counts.
	ThrottledByLimit map[string]uint64 `json:"throttledByLimit,omitempty"`
	// WouldThrottle is the same for a dry run, WouldWait how long what would
	// have been refused would have had to wait.
	WouldThrottle map[string]uint64 `json:"wouldThrottle,omitempty"`
	WouldWait     *Waits            `json:"wouldWait,omitempty"`
	// InvalidPayloads counts payloads that broke the contract, those that were
	// let through with a warning too.
	InvalidPayloads uint64 `json:"invalidPayloads"`
	// StrikesClosed counts connections closed for too many refused messages.
	StrikesClosed uint64 `json:"strikesClosed"`
	// ProtocolErrors counts connections closed because the peer broke the
	// protocol or a size limit.
	ProtocolErrors uint64 `json:"protocolErrors"`
}

// Waits is a histogram of waiting times. All are totals.
type Waits struct {
	// BoundsSeconds are the upper bounds of the classes; Counts has one more
	// for what is longer.
	BoundsSeconds []float64 `json:"boundsSeconds"`
	Counts        []uint64  `json:"counts"`
	SumSeconds    float64   `json:"sumSeconds"`
}

// History is what is kept for clients that come back. Sessions, Messages, Bytes
// and Rooms are now, the others totals.
type History struct {
	Rooms    int `json:"rooms"`
	Messages int `json:"messages"`
	// Bytes is about the memory that the messages take.
	Bytes    int `json:"bytes"`
	Sessions int `json:"sessions"`
	// Appended counts messages that were kept, Dropped those that a bound of
	// count, bytes or age has pushed out.
	Appended uint64 `json:"appended"`
	Dropped  uint64 `json:"dropped"`
	// Recovered counts Socket.IO clients that got their session back, Refused
	// those that asked and got a new one. Resumed counts streams and polls that
	// went on after a cursor, Gaps those of them that were told of a gap.
	Recovered uint64 `json:"recovered"`
	Refused   uint64 `json:"refused"`
	Resumed   uint64 `json:"resumed"`
	Gaps      uint64 `json:"gaps"`
}

// Queues describes the outbound queues of all connections together.
type Queues struct {
	// Messages and Bytes wait to be written now. A frame that several
	// connections share counts once for each.
	Messages int64 `json:"messages"`
	Bytes    int64 `json:"bytes"`
	// SlowConsumers is the total of connections closed because their queue was
	// full. VolatileDropped is the total of volatile messages not queued.
	SlowConsumers   uint64 `json:"slowConsumers"`
	VolatileDropped uint64 `json:"volatileDropped"`
	// DeepestMessages and DeepestBytes are those of the longest queue.
	DeepestMessages int64 `json:"deepestMessages"`
	DeepestBytes    int64 `json:"deepestBytes"`
	// OverflowDropped, Superseded and Coalesced count messages that clients did
	// not get by the policy of their rooms: the queue was full, a later one of
	// the key took its place in a queue, or before it was sent to anybody.
	OverflowDropped uint64 `json:"overflowDropped"`
	Superseded      uint64 `json:"superseded"`
	Coalesced       uint64 `json:"coalesced"`
}

// Latency is where the gateway itself spends time between a message's arrival
// and its way out.
type Latency struct {
	// Handler is the time that guards and handlers of events took.
	Handler Histogram `json:"handler"`
	// Write is the time from when a writer was woken until it had offered
	// everything that waited to the kernel: how long a message may lie in a
	// queue for want of processor time.
	Write Histogram `json:"write"`
}

// Process describes the Go process.
type Process struct {
	Goroutines int `json:"goroutines"`
	// HeapBytes is live and not yet swept objects; RSSBytes is the resident
	// set, 0 where the system doesn't tell it cheaply.
	HeapBytes uint64 `json:"heapBytes"`
	RSSBytes  uint64 `json:"rssBytes,omitempty"`
	// CPUSeconds is the total of user and system time, 0 where unknown.
	CPUSeconds float64 `json:"cpuSeconds,omitempty"`
	GOMAXPROCS int     `json:"gomaxprocs"`
}

// Backplane is the health of the link to the other pods.
type Backplane struct {
	// Kind is "memory", "redis-classic", "redis-sharded" or "redis-streams".
	Kind      string `json:"kind"`
	Connected bool   `json:"connected"`
	// Degraded means that messages to or from other pods may be late or lost;
	// Reason says why, without secrets.
	Degraded bool   `json:"degraded"`
	Reason   string `json:"reason,omitempty"`
	// Published, Received, Dropped (outbox overflow, and what was lost with a
	// connection), Overrun (came faster than it could be delivered), Ignored
	// (garbage on the channels) and Reconnects (subscriptions made anew) are
	// totals; Queued is the length of the outbox now. Heard is all that came over
	// the subscriptions, the pod's own messages and those for nobody here too.
	Published  uint64 `json:"published"`
	Received   uint64 `json:"received"`
	Heard      uint64 `json:"heard"`
	Dropped    uint64 `json:"dropped"`
	Overrun    uint64 `json:"overrun"`
	Ignored    uint64 `json:"ignored"`
	Reconnects uint64 `json:"reconnects"`
	Queued     int    `json:"queued"`
	// Foreign counts messages of another adapter, which must not be on the same
	// channels; it is a total.
	Foreign uint64 `json:"foreign"`
	// Asked counts the questions to the other pods, Partial those that not all of
	// them answered in time, Answered the questions of other pods to this one and
	// Executed their commands to it. They are totals.
	Asked    uint64 `json:"asked"`
	Partial  uint64 `json:"partial"`
	Answered uint64 `json:"answered"`
	Executed uint64 `json:"executed"`
	// HandlersDropped counts what other pods caused faster than the program's
	// hooks and handlers of server-side events took it; it is a total.
	HandlersDropped uint64 `json:"handlersDropped"`
	// QueuedBytes is what waits in the outbox, QueuedSeconds how long the oldest
	// of it has waited.
	QueuedBytes   int     `json:"queuedBytes"`
	QueuedSeconds float64 `json:"queuedSeconds"`
	// Servers is how many pods were counted last, Node's among them and this one;
	// 0 before the first count.
	Servers int `json:"servers"`
	// Subscriptions is the number of channels and patterns that the pod hears.
	Subscriptions int `json:"subscriptions"`
	// RTTMicros is the last round trip through the backplane to oneself, in
	// microseconds.
	RTTMicros int64 `json:"rttMicros"`
}

// Presence is what the pod knows of who is in the rooms that have presence.
type Presence struct {
	Rooms   int `json:"rooms"`   // with members on any pod
	Members int `json:"members"` // on all pods; somebody in two rooms counts twice
	Remote  int `json:"remote"`  // those on other pods
	Absent  int `json:"absent"`  // those that are cut off and may come back
	Pods    int `json:"pods"`    // other pods that have presence
	// Events were told to the members on this pod; Dropped are members of other
	// pods beyond the bound of what a pod keeps. They are totals.
	Events  uint64 `json:"events"`
	Dropped uint64 `json:"dropped"`
}
