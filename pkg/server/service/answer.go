package service

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Bounds of an Answer.
const (
	maxEmits = 256
	maxRooms = 1000 // in one list
	maxName  = 256  // bytes of a name of a room, an event or a code
)

// Answer is what a service wants done. The gateway does it in the order of the
// fields: it leaves and joins rooms, emits, acknowledges, disconnects.
type Answer struct {
	// Leave and Join are rooms of the call's connection.
	Leave []string `json:"leave,omitempty"`
	Join  []string `json:"join,omitempty"`
	Emit  []Emit   `json:"emit,omitempty"`
	// Ack is the one argument of the acknowledgement to a client that waits for
	// it; without one the acknowledgement has no argument.
	Ack json.RawMessage `json:"ack,omitempty"`
	// Reject refuses: the client is not let in (connect), or gets an error
	// (event). Nothing else of the answer is done then but Emit and Disconnect.
	// After the other hooks it means nothing.
	Reject *Refusal `json:"reject,omitempty"`
	// Disconnect ends the call's connection.
	Disconnect bool `json:"disconnect,omitempty"`
}

// Emit is an event to clients, on all pods.
type Emit struct {
	Event string `json:"event"`
	// Data is the one argument; the event has none without it.
	Data json.RawMessage `json:"data,omitempty"`
	// Rooms and Connections receive it, All the whole namespace. Without these it
	// goes to the call's connection.
	Rooms       []string `json:"rooms,omitempty"`
	Connections []string `json:"connections,omitempty"`
	All         bool     `json:"all,omitempty"`
	// Except are rooms and connections that don't receive it.
	Except []string `json:"except,omitempty"`
	// Volatile skips clients that can't take it at once.
	Volatile bool `json:"volatile,omitempty"`
}

// ParseAnswer reads the JSON form of an Answer, nothing being an empty one. A
// field that doesn't exist is an error: a service that misspells "reject" must
// not let clients in.
func ParseAnswer(b []byte) (*Answer, error) {
	a := &Answer{}
	if len(bytes.TrimSpace(b)) == 0 {
		return a, nil
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(a); err != nil {
		return nil, fmt.Errorf("answer: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("answer: something follows the JSON object")
	}
	if err := a.check(); err != nil {
		return nil, fmt.Errorf("answer: %w", err)
	}
	return a, nil
}

// EncodeAnswer writes what ParseAnswer reads.
func EncodeAnswer(a *Answer) ([]byte, error) { return marshal(a) }

// check refuses what the gateway could only do in part.
func (a *Answer) check() error {
	if a.Reject != nil && (a.Reject.Code == "" || len(a.Reject.Code) > maxName) {
		return fmt.Errorf("reject.code must have 1 to %d bytes", maxName)
	}
	if len(a.Emit) > maxEmits {
		return fmt.Errorf("emit has %d entries, the limit is %d", len(a.Emit), maxEmits)
	}
	for _, l := range []struct {
		name  string
		rooms []string
	}{{"join", a.Join}, {"leave", a.Leave}} {
		if err := checkNames(l.name, l.rooms); err != nil {
			return err
		}
	}
	for i := range a.Emit {
		if err := a.Emit[i].check(); err != nil {
			return fmt.Errorf("emit[%d]: %w", i, err)
		}
	}
	return nil
}

// reserved are the names that Socket.IO keeps for itself.
var reserved = []string{"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}

func (e *Emit) check() error {
	switch {
	case e.Event == "" || len(e.Event) > maxName:
		return fmt.Errorf("event must have 1 to %d bytes", maxName)
	case slices.Contains(reserved, e.Event):
		return fmt.Errorf("event %q is reserved by Socket.IO", e.Event)
	case e.All && (e.Rooms != nil || e.Connections != nil):
		return errors.New(`give "all", or "rooms" and "connections", not both`)
	case !e.All && len(e.Rooms)+len(e.Connections) == 0 && (e.Rooms != nil || e.Connections != nil):
		return errors.New(`"rooms" or "connections" is empty; leave it out if that is what you mean`)
	}
	return errors.Join(checkNames("rooms", e.Rooms), checkNames("connections", e.Connections), checkNames("except", e.Except))
}

func checkNames(field string, names []string) error {
	if len(names) > maxRooms {
		return fmt.Errorf("%s has %d entries, the limit is %d", field, len(names), maxRooms)
	}
	for _, n := range names {
		if n == "" || len(n) > maxName {
			return fmt.Errorf("%s: a name must have 1 to %d bytes", field, maxName)
		}
	}
	return nil
}
