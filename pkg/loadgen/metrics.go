package loadgen

import (
	"slices"
	"strings"
)

// MetricKind says what a metric's samples are, and with that which aggregates
// a threshold may ask for.
type MetricKind string

// The kinds of metric.
const (
	// KindLatency is a distribution of durations: count, min, mean, max, pNN.
	KindLatency MetricKind = "latency"
	// KindCounter counts things: count, and rate in events a second over the
	// run. A count of zero is an empty metric.
	KindCounter MetricKind = "counter"
	// KindRatio counts hits out of tries: count, total, and rate as the share
	// of hits, 0 to 1. It is empty when nothing was tried, so that `count == 0`
	// passes only where there was something to count.
	KindRatio MetricKind = "ratio"
	// KindRate is a distribution of rates, one sample a client: count, min,
	// mean, max, pNN and value. A bare `between A and B` or `within P of V`
	// means value, and that holds only if it holds for every client: both min
	// and max must satisfy it.
	KindRate MetricKind = "rate"
	// KindGauge is one measured value: value, min, max.
	KindGauge MetricKind = "gauge"
	// KindSampled are values that were read again and again, for instance from
	// the target's own metrics: last, min, max, mean, count, slope, and for
	// counters increase and rate.
	KindSampled MetricKind = "sampled"
)

// Names of the metrics that a run records.
const (
	ConnectLatency       = "connect_latency"
	ConnectFailures      = "connect_failures"
	ServerUnavailable    = "server_unavailable"
	DisconnectsUnplanned = "disconnects_unplanned"

	AckLatency      = "ack_latency"
	AckTimeouts     = "ack_timeouts"
	ServiceLatency  = "service_latency"
	GeneratorDelay  = "generator_delay"
	MessagesSent    = "messages_sent"
	EventsReceived  = "events_received"
	Errors          = "errors"
	StepSuccess     = "step_success"
	StepFailures    = "step_failures"
	PublishLatency  = "publish_latency"
	PublishFailures = "publish_failures"

	DeliveryLatency       = "delivery_latency"
	SamePod               = "same_pod"
	CrossPod              = "cross_pod"
	DeliveryExpected      = "delivery_expected"
	DeliveryDelivered     = "delivery_delivered"
	DeliveryLost          = "delivery_lost"
	DeliveryDuplicated    = "delivery_duplicated"
	DeliveryOutOfOrder    = "delivery_out_of_order"
	DeliveryLate          = "delivery_late"
	DeliveryUnexpected    = "delivery_unexpected"
	DeliveryCorrupt       = "delivery_corrupt"
	DeliveryIndeterminate = "delivery_indeterminate"
	StuckClients          = "stuck_clients"

	AuthMismatches    = "auth_mismatches"
	AuthInconclusive  = "auth_inconclusive"
	AuthRejectLatency = "auth_reject_latency"
	AuthLeaks         = "auth_leaks"
	SilentAccepts     = "silent_accepts"

	OutcomeCount   = "outcome"
	Accepted       = "accepted"
	Throttled      = "throttled"
	AcceptedRate   = "accepted_rate"
	ThrottledRate  = "throttled_rate"
	TimeToThrottle = "time_to_throttle"

	ReconnectTime     = "reconnect_time"
	ReconnectAttempts = "reconnect_attempts_per_client"
	ConnectRatePeak   = "connect_rate_peak"
	StillDisconnected = "still_disconnected"
	StateRecovered    = "state_recovered"
	DuplicateSessions = "duplicate_sessions"
	ResumeTime        = "resume_time"
	ResumeGap         = "resume_gap"
	ResumeDuplicates  = "resume_duplicates"
	SendsDisconnected = "sends_disconnected"

	SlowDisconnects = "slow_disconnects"
	SlowBytesRead   = "slow_bytes_read"
	DeliverySlow    = "delivery_slow"

	UpgradeSuccess   = "upgrade_success"
	StickyUnknownSID = "sticky_unknown_sid"

	PollEmpty    = "poll_empty"
	PollHoldTime = "poll_hold_time"
	PollGaps     = "poll_gaps"

	SSEFirstByte    = "sse_first_byte"
	SSEHeartbeatGap = "sse_heartbeat_gap"

	RecoveryTime = "recovery_time"

	SchedulerLag = "rtk_scheduler_lag"
	SelfDropped  = "rtk_self_dropped"
)

// Labels that series carry. A client's id is never a label.
const (
	LabelClients   = "clients" // group name
	LabelTarget    = "target"
	LabelEvent     = "event"
	LabelStep      = "step" // Step.Name
	LabelClass     = "class"
	LabelVerify    = "verify"
	LabelFrom      = "from" // target of the publisher
	LabelTo        = "to"   // target of the subscriber
	LabelTransport = "transport"
	LabelPlace     = "place"
	LabelCase      = "case"
	LabelReason    = "reason"
	LabelKind      = "kind" // rt.ErrKind of an error
)

// MetricDef describes one metric.
type MetricDef struct {
	Name   string
	Kind   MetricKind
	Unit   string   // "s", "/s" or "" for counts
	Labels []string // labels that its series may carry
	Doc    string   // for ratios it says what is tried
}

var (
	connLabels     = []string{LabelClients, LabelTarget, LabelTransport}
	sendLabels     = []string{LabelClients, LabelTarget, LabelEvent, LabelStep}
	stepLabels     = []string{LabelClients, LabelTarget, LabelStep}
	deliveryLabels = []string{LabelVerify, LabelFrom, LabelTo}
	authLabels     = []string{LabelClients, LabelTarget, LabelTransport, LabelPlace, LabelCase}
	outcomeLabels  = []string{LabelClients, LabelTarget, LabelStep, LabelEvent}
)

// metricTable is every metric, in the order of the documentation.
var metricTable = []MetricDef{
	{ConnectLatency, KindLatency, "s", connLabels, "from the due time of a connect to the end of the handshake; successful handshakes only"},
	{ConnectFailures, KindRatio, "", connLabels, "handshakes that failed or were refused though they should have been accepted, of those tried"},
	{ServerUnavailable, KindRatio, "", connLabels, "connects refused by the network, unreachable or timed out, of those tried"},
	{DisconnectsUnplanned, KindRatio, "", connLabels, "connections that ended though neither side was to end them, of those that opened; a disconnect that an outcome class or a case names is planned"},

	{AckLatency, KindLatency, "s", sendLabels, "from the intended send to the ack (response time)"},
	{AckTimeouts, KindRatio, "", sendLabels, "acks that did not come within their bound, of those asked for"},
	{ServiceLatency, KindLatency, "s", sendLabels, "from the actual send to the ack"},
	{GeneratorDelay, KindLatency, "s", sendLabels, "from the intended to the actual send: time lost by rtk itself"},
	{MessagesSent, KindCounter, "", sendLabels, "messages sent by emit and publish steps"},
	{EventsReceived, KindCounter, "", []string{LabelClients, LabelTarget, LabelEvent}, "application events received"},
	{Errors, KindRatio, "", []string{LabelClients, LabelTarget, LabelKind}, "operations that failed, of those tried: connects, sends, acks, publishes"},
	{StepSuccess, KindRatio, "", stepLabels, "steps that ended as they should, of those started"},
	{StepFailures, KindRatio, "", stepLabels, "steps that failed, of those started"},
	{PublishLatency, KindLatency, "s", sendLabels, "from the intended request to the response of a publish step"},
	{PublishFailures, KindRatio, "", sendLabels, "publish requests that failed or answered another status, of those sent"},

	{DeliveryLatency, KindLatency, "s", deliveryLabels, "from the intended publish to the arrival at a subscriber"},
	{SamePod, KindLatency, "s", []string{LabelVerify}, "delivery_latency where publisher and subscriber share a target; its aggregates serve as references: same_pod_p99"},
	{CrossPod, KindLatency, "s", []string{LabelVerify}, "delivery_latency where publisher and subscriber are on different targets"},
	{DeliveryExpected, KindCounter, "", deliveryLabels, "deliveries that had to happen: acked publishes times the subscribers eligible for them"},
	{DeliveryDelivered, KindRatio, "", deliveryLabels, "deliveries that happened, of those expected"},
	{DeliveryLost, KindRatio, "", deliveryLabels, "deliveries that did not happen, of those expected; one that came when the settle time was over is late"},
	{DeliveryDuplicated, KindRatio, "", deliveryLabels, "surplus deliveries, per delivery expected"},
	{DeliveryOutOfOrder, KindRatio, "", deliveryLabels, "deliveries that came after a later one, of those expected"},
	{DeliveryLate, KindRatio, "", deliveryLabels, "deliveries that took longer than the verify block's within, or came when the settle time was over, of those expected"},
	{DeliveryUnexpected, KindRatio, "", deliveryLabels, "deliveries to a subscriber that must not have them (isolation leak), of those that could have leaked"},
	{DeliveryCorrupt, KindRatio, "", deliveryLabels, "deliveries whose marker, or the payload of a marker with a size, was damaged, per delivery expected"},
	{DeliveryIndeterminate, KindRatio, "", deliveryLabels, "deliveries that were neither due nor forbidden: publish without an ack, or a subscriber outside its eligible window; of all publishes times subscribers"},
	{StuckClients, KindRatio, "", []string{LabelVerify, LabelTo}, "subscribers that stayed connected and received nothing any more, though others on their target did (zombie subscriptions), of those that joined"},

	{AuthMismatches, KindRatio, "", authLabels, "handshakes that were accepted though they had to be refused, or the reverse, of those that were one or the other"},
	{AuthInconclusive, KindRatio, "", authLabels, "handshakes that ended in neither an acceptance nor an explicit refusal, of those tried"},
	{AuthRejectLatency, KindLatency, "s", authLabels, "from the start of the handshake to the refusal"},
	{AuthLeaks, KindRatio, "", authLabels, "refused clients that received an application event, of those refused"},
	{SilentAccepts, KindRatio, "", authLabels, "clients that were refused and served all the same: an application event came after the refusal, or one before it that does not announce it, of those refused"},

	{OutcomeCount, KindRatio, "", append([]string{LabelClass}, outcomeLabels...), "sends of a class, of all classified sends; name the class: outcome{class=accepted}"},
	{Accepted, KindRatio, "", outcomeLabels, "the same as outcome{class=accepted}"},
	{Throttled, KindRatio, "", outcomeLabels, "the same as outcome{class=throttled}; sends of steps without an outcome count as tried when their ack was checked"},
	{AcceptedRate, KindRate, "/s", outcomeLabels, "accepted sends a second in steady state (after the first throttled one), one sample for each client"},
	{ThrottledRate, KindRate, "/s", outcomeLabels, "throttled sends a second in steady state, one sample for each client"},
	{TimeToThrottle, KindLatency, "s", outcomeLabels, "from a client's first send to its first throttled one"},

	{ReconnectTime, KindLatency, "s", connLabels, "from the end of a connection that was lost to the end of the handshake that replaced it"},
	{ReconnectAttempts, KindRate, "", connLabels, "handshakes that a client tried after its connection was lost, one sample for each client that lost one"},
	{ConnectRatePeak, KindGauge, "/s", []string{LabelClients}, "handshakes begun a second at the height of the herd, measured over 100 ms"},
	{StillDisconnected, KindRatio, "", connLabels, "clients that lost their connection and were not back at the end, of those that lost it"},
	{StateRecovered, KindRatio, "", connLabels, "comebacks with which the server gave the session back (Socket.IO connection state recovery), of all comebacks"},
	{DuplicateSessions, KindRatio, "", connLabels, "clients that the server serves twice since they came back: an older connection still gets events, or what is published comes twice; of those that came back"},
	{ResumeTime, KindLatency, "s", connLabels, "from the end of a connection that was lost to the first event on the one that replaced it"},
	{ResumeGap, KindRatio, "", []string{LabelVerify}, "messages that were published while a subscriber was away and never reached it, of all such messages"},
	{ResumeDuplicates, KindRatio, "", connLabels, "deliveries after a comeback of what the client had before, of all deliveries then of what was published before"},
	{SendsDisconnected, KindRatio, "", sendLabels, "sends that were due or unanswered while the client was disconnected, of all that were due: no loss of the server's"},

	{SlowDisconnects, KindRatio, "", []string{LabelClients, LabelTarget, LabelTransport, LabelReason}, "connections of slow readers that the server or the network ended, of those that opened"},
	{SlowBytesRead, KindCounter, "", connLabels, "bytes that slow readers took from their sockets"},
	{DeliverySlow, KindRatio, "", deliveryLabels, "deliveries that did not happen because the subscriber reads slowly, of those expected; they are not in delivery_lost"},
	{UpgradeSuccess, KindRatio, "", connLabels, "connections that moved from polling to WebSocket, of those that were to (transports: [polling, websocket])"},
	{StickyUnknownSID, KindRatio, "", connLabels, "requests of long-polling sessions, each over a connection of its own and with the session's cookies, that were answered with an unknown session, of those made"},
	{PollEmpty, KindRatio, "", connLabels, "long polls that were answered without an event, of those answered"},
	{PollHoldTime, KindLatency, "s", connLabels, "from a long poll to its answer: how long the server held it"},
	{PollGaps, KindRatio, "", connLabels, "answers to long polls in which the server says that events are missing, of those answered"},

	{SSEFirstByte, KindLatency, "s", connLabels, "from the request to the first byte of an SSE stream's body"},
	{SSEHeartbeatGap, KindLatency, "s", connLabels, "time between two chunks of an SSE stream, comments included"},

	{RecoveryTime, KindGauge, "s", nil, "from the end of a fault, named by the label after, until deliveries are well again for the time of hold: nothing that is published from then on is lost, and the p99 of delivery_latency is at most 1.5 times what it was before the fault; one sample for each time that the fault struck"},

	{SchedulerLag, KindLatency, "s", nil, "how late rtk's own timers fire"},
	{SelfDropped, KindRatio, "", nil, "messages that rtk itself had to drop, of those received"},
}

var metricIndex = func() map[string]*MetricDef {
	m := make(map[string]*MetricDef, len(metricTable))
	for i := range metricTable {
		m[metricTable[i].Name] = &metricTable[i]
	}
	return m
}()

// LookupMetric finds a metric by its name.
func LookupMetric(name string) (MetricDef, bool) {
	d, ok := metricIndex[name]
	if !ok {
		return MetricDef{}, false
	}
	return *d, true
}

// Metrics lists every metric that thresholds may name.
func Metrics() []MetricDef { return slices.Clone(metricTable) }

// hasAgg tells whether a threshold may ask a metric of this kind for agg.
func (k MetricKind) hasAgg(agg string) bool {
	if k == KindSampled {
		return slices.Contains(k.aggs(), agg)
	}
	switch agg {
	case "slope":
		return k == KindLatency || k == KindCounter || k == KindRatio
	case "count":
		return k != KindGauge
	case "rate":
		return k == KindCounter || k == KindRatio
	case "total":
		return k == KindRatio
	case "value":
		return k == KindGauge || k == KindRate
	case "min", "max":
		return k == KindLatency || k == KindRate || k == KindGauge
	case "mean":
		return k == KindLatency || k == KindRate
	}
	return strings.HasPrefix(agg, "p") && (k == KindLatency || k == KindRate)
}

// slopeOf is the aggregate whose slope is meant when a condition does not say.
func (k MetricKind) slopeOf() string {
	switch k {
	case KindLatency:
		return "p50"
	case KindSampled:
		return "last"
	}
	return "rate"
}

// aggs lists the aggregates of the kind, for messages.
func (k MetricKind) aggs() []string {
	switch k {
	case KindLatency:
		return []string{"count", "min", "mean", "max", "p50", "p90", "p99", "p99.9", "slope"}
	case KindCounter:
		return []string{"count", "rate", "slope"}
	case KindRatio:
		return []string{"count", "rate", "total", "slope"}
	case KindSampled:
		return []string{"last", "min", "max", "mean", "count", "slope", "increase", "rate"}
	case KindRate:
		return []string{"value", "count", "min", "mean", "max", "p50", "p90", "p99"}
	}
	return []string{"value", "min", "max"}
}
