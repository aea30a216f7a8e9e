package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// historyLength is how many messages of a room newcomers are shown.
const historyLength = 20

// maxRooms bounds what clients can make the service keep.
const maxRooms = 1000

// Rooms is the service: what the chat allows and remembers. It knows no sockets,
// and would look the same behind an HTTP API. It is safe for concurrent use.
type Rooms struct {
	mu      sync.Mutex
	history map[string][]Posted
	now     func() time.Time
}

// NewRooms returns a chat without rooms.
func NewRooms() *Rooms { return &Rooms{history: make(map[string][]Posted), now: time.Now} }

// Posted is a message in a room.
type Posted struct {
	Room string    `json:"room"`
	From string    `json:"from" doc:"name that the sender chose"`
	Text string    `json:"text"`
	At   time.Time `json:"at"`
}

// Refusal is an error that the sender is told. ErrorCode makes it so.
type Refusal struct{ Code, Text string }

func (r *Refusal) Error() string { return r.Text }

// ErrorCode returns the code.
func (r *Refusal) ErrorCode() string { return r.Code }

// Enter returns the last messages of a room.
func (r *Rooms) Enter(room string) ([]Posted, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.history[room]; !known {
		if len(r.history) >= maxRooms {
			return nil, &Refusal{"too_many_rooms", fmt.Sprintf("there are %d rooms already", maxRooms)}
		}
		r.history[room] = nil
	}
	return slices.Clone(r.history[room]), nil
}

// Post adds a message to a room.
func (r *Rooms) Post(from, room, text string) (Posted, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return Posted{}, &Refusal{"empty", "a message needs a text"}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	p := Posted{Room: room, From: from, Text: text, At: r.now().UTC()}
	h := append(r.history[room], p)
	r.history[room] = h[max(0, len(h)-historyLength):]
	return p, nil
}
