package loadgen

import "time"

// Step is one entry of a flow. Exactly one of the pointers is set, or Wait,
// or Barrier.
type Step struct {
	Pos  Pos
	Name string // `as:`, or the kind and event: "emit say"
	Line string // the step as the file has it, for messages

	Emit    *Emit
	On      *On
	Expect  *Expect
	Wait    time.Duration // `wait:`, 0 when not a wait
	Barrier string
	Publish *Publish
	Exec    *Exec
}

// DefaultStepWithin bounds acks and expected events for which the file names
// no bound.
const DefaultStepWithin = 10 * time.Second

// Emit sends an event, once or at a rate.
type Emit struct {
	Event     string
	Namespace string     // "" means the group's
	Blobs     []Blob     // binary data, in the order of their placeholders in Args
	Args      []Template // Socket.IO arguments; for plain WebSocket one value or none
	Schedule  Schedule
	Ack       *AckExpect // nil: no ack asked for
	Outcome   []Outcome  // classes, first match wins; unmatched sends are class "other"
	Marker    bool       // some argument holds {{marker}}
}

// Classes of sends that no class of an outcome matches.
const (
	OutcomeOther      = "other"      // something came back, but nothing that matches
	OutcomeUnanswered = "unanswered" // nothing came back in time
)

// Publish is an HTTP request, once or at a rate.
type Publish struct {
	Method   string
	Path     string   // appended to the target's URL, "" for none
	PathVars Template // Path, if it holds variables
	JSON     Template
	HasBody  bool // JSON is to be sent
	Schedule Schedule
	Status   []int // accepted statuses; nil means any 2xx
	Marker   bool
}

// Schedule is an open schedule: send k is due at start + k/rate, whatever
// became of the sends before it.
type Schedule struct {
	Rate      float64       // sends a second for each client, 0 means send once
	TotalRate float64       // sends a second over the group; excludes Rate
	For       time.Duration // how long
	Count     int           // or how many sends for each client; 0 means bounded by For
	// ToEnd means to the end of the phases, which the plan knows: For is then
	// 0, or in a plan the longest that it can be.
	ToEnd bool
	// Ramp, when set, is how the rate changes at the beginning; Rate or
	// TotalRate is then the higher end of it.
	Ramp *RateRamp
}

// RateRamp changes a rate evenly from one value to another, which it keeps.
type RateRamp struct {
	From, To float64 // a second
	Over     time.Duration
}

// Once tells that the step sends a single time.
func (s Schedule) Once() bool { return s.Rate == 0 && s.TotalRate == 0 }

// AckExpect bounds and checks an ack.
type AckExpect struct {
	Within time.Duration
	Match  *Matcher
}

// On counts and verifies incoming events while the flow goes on.
type On struct {
	Event     string // "" means any
	Namespace string // "" means any
	At        string // JSONPath of the marker within the first argument, "" means scan the body
	// Path is At compiled, nil for "".
	Path *Path
	// UntilEnd keeps the client until the run's end; Count ends the step
	// after so many events, For after a time. Exactly one of them is set.
	UntilEnd bool
	Count    int
	For      time.Duration
}

// Expect waits for one event.
type Expect struct {
	Event  string
	Match  *Matcher
	Within time.Duration
}

// Outcome names a class of sends by what came back.
type Outcome struct {
	Class string
	AnyOf []OutcomeWhen
}

// OutcomeWhen is one condition of an outcome class; exactly one of Ack,
// AnyAck, Event and Disconnect is set.
type OutcomeWhen struct {
	Ack        *Matcher // the ack's first argument matches
	AnyAck     bool     // any ack
	Event      string   // this event came instead of an ack
	EventMatch *Matcher
	Disconnect *Matcher // the connection was closed with a matching reason
}
