package loadgen

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/mint"
	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// Pos is a place in a scenario file. Line and Column count from 1.
type Pos struct {
	File         string
	Line, Column int
}

// String is file:line:column.
func (p Pos) String() string {
	return p.File + ":" + strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Column)
}

// Scenario is one parsed and validated scenario file. Matrices are not yet
// expanded, environment references are resolved.
type Scenario struct {
	Name        string
	Description string
	File        string
	Profile     string   // the profile that was chosen, "" for none
	Profiles    []string // all that the file has
	Seed        uint64   // 0: the run picks one and prints it
	Targets     []*Target
	Auth        map[string]*AuthProfile
	Data        []*Feeder // in file order, empty until LoadFiles
	Groups      []*Group  // in file order
	Verify      []*Verify
	Thresholds  []*Threshold
	Faults      []*Fault // in file order
	Phases      []Phase  // in order, none for a run without any
	Scrapes     []*Scrape
	Checkpoint  *Checkpoint   // nil for none
	Skipped     []SkippedPart // what does not apply to the server at hand
	// Secrets are the values that came from the environment into places that
	// hold secrets; every output must mask them.
	Secrets []string
	// Reports are the files that a run leaves behind.
	Reports []ReportFile
	// Timeout bounds the whole run, 0 for the default of 30 minutes.
	Timeout time.Duration

	dataUses []dataUse
}

// Target is one named endpoint of a scenario.
type Target struct {
	Pos  Pos
	Name string
	rt.Target
	Header    http.Header
	Poll      *Poll      // nil unless the protocol is longpoll
	Discovery *Discovery // the pods are still to be found, see Scenario.Discover
}

// AuthProfile says which token a client presents.
type AuthProfile struct {
	Pos   Pos
	Name  string
	None  bool   // present no token
	Raw   string // present this string
	JWT   *JWTSpec
	Place Place // where the token goes; PlaceAuthToken by default for Socket.IO, PlaceHeader for the rest
}

// AuthRef is a use of a profile with changes, as in
// {use: base, defect: expired, expiresIn: 3s}.
type AuthRef struct {
	Pos       Pos
	Profile   *AuthProfile // nil means none
	Defect    Defect       // "" for a sound token
	ExpiresIn time.Duration
	Place     Place // "" means the profile's
}

// JWTSpec is how tokens are minted for each client.
type JWTSpec struct {
	Alg    string // HS256…, RS256…, PS256…, ES256…, EdDSA
	Secret string // HMAC
	// KeyFile names the file of Key, relative to the scenario's file; empty
	// when the key is in the scenario. Parse does not read it, see LoadKeys.
	KeyFile   string
	Key       []byte // PEM private key for the rest
	keyPos    Pos
	KeyID     string
	Claims    map[string]any // string values may hold {{client.index}} and the like
	ExpiresIn time.Duration
}

// Place is where a token travels.
type Place string

// Places. The last two always come with a name: cookie.session, query.token.
const (
	PlaceAuthToken   Place = "auth.token"           // Socket.IO CONNECT payload
	PlaceHeader      Place = "header.authorization" // Authorization: Bearer
	PlaceSubprotocol Place = "subprotocol"          // Sec-WebSocket-Protocol
	PlaceCookie      Place = "cookie"               // cookie.NAME
	PlaceQuery       Place = "query"                // query.NAME
)

// Split divides cookie.session into PlaceCookie and session. Places without a
// name of their own have an empty one.
func (p Place) Split() (kind Place, name string) {
	for _, k := range []Place{PlaceCookie, PlaceQuery} {
		if rest, ok := strings.CutPrefix(string(p), string(k)+"."); ok {
			return k, rest
		}
	}
	return p, ""
}

// Defect is a flaw that the token minter puts into an otherwise sound token.
type Defect = mint.Defect

// The defects of the auth check. mint.Defects describes them.
const (
	DefectExpired       = mint.Expired
	DefectNotBefore     = mint.NotBefore
	DefectWrongKey      = mint.WrongKey
	DefectAlgNone       = mint.AlgNone
	DefectAlgConfusion  = mint.AlgConfusion
	DefectTampered      = mint.Tampered
	DefectWrongAudience = mint.WrongAudience
	DefectWrongIssuer   = mint.WrongIssuer
	DefectNoExpiry      = mint.NoExpiry
	DefectUnknownKeyID  = mint.UnknownKeyID
	DefectOversize      = mint.Oversize
)

// Group is one `clients:` entry.
type Group struct {
	Pos       Pos
	Name      string
	Count     int       // clients; per target with EachTarget, per cell with a Matrix
	Targets   []*Target // one, or several for `target: each` and lists: then Count is for each of them
	Auth      *AuthRef  // nil: none
	Namespace string    // "" means the target's
	Connect   Connect
	Phases    []Phase // instead of the scenario's, for how many clients are connected
	Matrix    []Axis  // in file order
	Exclude   []Exclusion
	Expect    *HandshakeExpect // what rejected and accepted mean for matrix cells
	Flow      []*Step
	Multiplex []string   // further namespaces over the same connection
	Sticky    bool       // probes whether a balancer keeps sessions together, instead of a flow
	ReadRate  int64      // bytes a second that are read, 0 for all that comes
	Reconnect *Reconnect // nil: a connection that ends is not replaced
	Advice    string     // for the reader of a report in which the group fails
}

// Connect says how fast and how a group connects.
type Connect struct {
	Rate            float64 // connects a second over the group, 0 means the default of 500/s
	Timeout         time.Duration
	Status          int    // SSE and HTTP: expected status
	ContentType     string // SSE
	FirstByteWithin time.Duration
	Transports      []rt.Transport
	Proto           string // "h2" asks for HTTP/2
	LastEventID     string
	Header          http.Header // instead of the target's of the same names
}

// Axis is one dimension of a matrix.
type Axis struct {
	Pos    Pos
	Name   string // transport, place, case, or a free name for {{matrix.NAME}}
	Values []AxisValue
}

// Names of the axes that have a meaning of their own.
const (
	AxisTransport = "transport" // values websocket, polling
	AxisPlace     = "place"     // values are Places
	AxisCase      = "case"
	AxisTarget    = "target" // values are target names
)

// AxisValue is one value of an axis. Cases carry an auth and an expectation.
type AxisValue struct {
	Pos    Pos
	Name   string
	Auth   *AuthRef
	Header http.Header // of a case
	Expect *CaseExpect // nil unless a case
}

// CaseExpect is what must happen to the clients of a case.
type CaseExpect struct {
	Outcome string        // OutcomeAccepted, OutcomeRejected or OutcomeDisconnected
	Within  time.Duration // disconnected: bound after the connect
	Advice  string
}

// Outcomes of a handshake that a case may expect.
const (
	OutcomeAccepted     = "accepted"
	OutcomeRejected     = "rejected"
	OutcomeDisconnected = "disconnected"
)

// Exclusion drops the cells whose axis values match, with a reason that the
// report shows as skipped.
type Exclusion struct {
	Pos    Pos
	Match  map[string]string
	Reason string
}

// HandshakeExpect bounds acceptance and refusal.
type HandshakeExpect struct {
	Pos                Pos
	AcceptedWithin     time.Duration
	RejectedAt         []rt.Stage
	RejectedStatus     []int
	RejectedCode       []*Matcher
	RejectedWithin     time.Duration
	NoEventsBefore     bool
	SocketClosedWithin time.Duration
}

// Verify is one delivery check between publishers and subscribers.
type Verify struct {
	Pos       Pos
	Name      string
	From, To  string    // group names
	Guarantee Guarantee // "" with Nothing
	// InPhase is the guarantee of what is published in a phase, by its name.
	InPhase map[string]Guarantee
	Order   Order
	Within  time.Duration // later is late; 0 means no bound
	Settle  time.Duration // wait after the last publish
	GroupBy string        // "target" prints the pod × pod grid
	Nothing bool          // isolation: To must receive nothing from From
	Slow    bool          // To reads slowly, and no guarantee is asked for: what it misses is no loss
	Across  bool          // what is published while a subscriber is away is expected as well
	Advice  string
}

// Guarantee is what the deliveries of a Verify must be.
type Guarantee string

// Guarantees.
const (
	AtMostOnce  Guarantee = "atMostOnce"
	AtLeastOnce Guarantee = "atLeastOnce"
	ExactlyOnce Guarantee = "exactlyOnce"
)

// Order is which order deliveries must keep.
type Order string

// Orders.
const (
	OrderNone         Order = "none"
	OrderPerPublisher Order = "perPublisher"
	OrderTotal        Order = "total"
)
