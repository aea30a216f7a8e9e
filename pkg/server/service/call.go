package service

import (
	"context"
	"encoding/json"
	"time"
)

// Hook is what a Call is about.
type Hook string

// The hooks.
const (
	// HookConnect is a client that wants to join the namespace. It waits for the
	// answer, which may reject it.
	HookConnect Hook = "connect"
	// HookEvent is an event that a client sent.
	HookEvent Hook = "event"
	// HookJoin and HookLeave tell that a connection has joined or left a room.
	HookJoin  Hook = "join"
	HookLeave Hook = "leave"
	// HookDisconnect tells that a connection has ended, which has taken it out of
	// all its rooms.
	HookDisconnect Hook = "disconnect"
)

// Hooks are all hooks.
var Hooks = []Hook{HookConnect, HookEvent, HookJoin, HookLeave, HookDisconnect}

// Call is what happened on a connection. It must not be modified.
type Call struct {
	// ID names the call, the same in every try to deliver it: what has been done
	// for an ID must not be done again.
	ID   string
	Hook Hook
	Time time.Time
	Pod  string
	Data Data
}

// Data is the part of a Call that the business is interested in, and the data
// of the CloudEvent that carries a Call to another program.
type Data struct {
	Namespace  string     `json:"namespace"`
	Connection Connection `json:"connection"`
	// Event and the rest up to WantsAck are of HookEvent.
	Event string `json:"event,omitempty"`
	// Args are the arguments as a JSON array. Binary ones are placeholders,
	// {"_placeholder":true,"num":i}, for Attachments[i].
	Args        json.RawMessage `json:"args,omitempty"`
	Attachments [][]byte        `json:"attachments,omitempty"` // base64 in JSON
	WantsAck    bool            `json:"wantsAck,omitempty"`
	// Room is of HookJoin and HookLeave.
	Room string `json:"room,omitempty"`
	// Reason is of HookDisconnect.
	Reason string `json:"reason,omitempty"`
	// Auth is the CONNECT payload of a Socket.IO client without its token, of
	// HookConnect.
	Auth json.RawMessage `json:"auth,omitempty"`
	// Recovered is of HookConnect: the client goes on with the session of an
	// earlier connection, its id and its rooms.
	Recovered bool `json:"recovered,omitempty"`
}

// Connection is the connection of a Call.
type Connection struct {
	ID        string `json:"id"`
	Protocol  string `json:"protocol"`  // "socket.io", "websocket" or "sse"
	Transport string `json:"transport"` // "websocket", "polling" or "sse"
	Remote    string `json:"remote,omitempty"`
	Origin    string `json:"origin,omitempty"`
	UserAgent string `json:"userAgent,omitempty"`
	Query     string `json:"query,omitempty"` // without tokens
	// Subject and Claims are the verified token's.
	Subject string         `json:"subject,omitempty"`
	Claims  map[string]any `json:"claims,omitempty"`
}

// Service answers calls. It is called by many goroutines at once, by one at a
// time for a connection unless Target.Window says otherwise. It must return
// soon after ctx ends. A nil Answer is an empty one.
//
// An error with a method ErrorCode() string reaches the client as it is,
// *Refusal and *server.Error among them; another as code "internal".
type Service interface {
	Call(ctx context.Context, c *Call) (*Answer, error)
}

// Func is a Service in this program.
type Func func(ctx context.Context, c *Call) (*Answer, error)

// Call calls f.
func (f Func) Call(ctx context.Context, c *Call) (*Answer, error) { return f(ctx, c) }

// Codes that clients get of calls that a service did not answer.
const (
	CodeBusy        = "busy"        // too much is waiting already: try again later
	CodeUnavailable = "unavailable" // the service does not work
	CodeTimeout     = "timeout"     // no answer in time; the service may have acted all the same
)

// Refusal is an error that the client is told.
type Refusal struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (r *Refusal) Error() string { return r.Message }

// ErrorCode returns the code.
func (r *Refusal) ErrorCode() string { return r.Code }

// Outage is the error of a call that a service did not answer. The client gets
// the Refusal, Err is for the log.
type Outage struct {
	Refusal
	Err error
}

func (o *Outage) Error() string { return o.Message }

func (o *Outage) Unwrap() error { return o.Err }

// Unavailable, Timeout and Busy make the errors of calls that got no answer.
func Unavailable(err error) error {
	return &Outage{Refusal{CodeUnavailable, "the service does not answer: try again later"}, err}
}

// Timeout is for a deadline that has passed.
func Timeout(err error) error {
	return &Outage{Refusal{CodeTimeout, "the service did not answer in time"}, err}
}

// Busy is for a bound that has been reached.
func Busy(err error) error {
	return &Outage{Refusal{CodeBusy, "the service has too much to do: try again later"}, err}
}
