// Package chat is a small chat: rooms that clients join, leave, write to and
// type in. Service holds the rules and knows no sockets; Gateway, the thin part
// that talks to clients, registers it on a server as namespace /chat.
//
// Events from clients, each acked with {"ok":true,…} or
// {"ok":false,"error":{"code":…,"message":…}}:
//
//	join    {"room":"r"}              → {"ok":true,"room":"r"}
//	leave   {"room":"r"}              → {"ok":true,"room":"r"}
//	message {"room":"r","text":"hi"}  → {"ok":true,"id":"…","at":1767096277388}
//	typing  {"room":"r"}              → {"ok":true}
//
// Events to the members of a room:
//
//	message {"room":"r","text":"hi","from":"ana","id":"…","at":1767096277388}   the sender too
//	typing  {"room":"r","from":"ana"}                                           not the sender; may be dropped
//
// "at" is Unix time in milliseconds on the pod that took the message. "from" is
// the subject of the sender's token, or "anon-" and the start of the connection
// id. "text" goes through byte for byte as the sender's JSON had it.
package chat

import (
	"crypto/rand"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"
	"unicode/utf8"
)

// Defaults of Options.
const (
	DefaultMaxRoomBytes = 128
	DefaultMaxTextBytes = 16 << 10
	DefaultMaxRooms     = 256
)

// Options of a Service. The zero value is the defaults.
type Options struct {
	MaxRoomBytes int // length of a room name in bytes of UTF-8
	MaxTextBytes int // length of a text in bytes of UTF-8, after JSON unescaping
	MaxRooms     int // rooms of one connection, which bounds what a client can make the pod keep
}

// Service decides what clients may do and makes messages of what they write.
// It is safe for concurrent use and keeps no state of a client.
type Service struct {
	opts Options
	// run makes ids unique over pods and restarts, seq within the process.
	run string
	seq atomic.Uint64
}

// New returns a Service.
func New(opts Options) *Service {
	if opts.MaxRoomBytes == 0 {
		opts.MaxRoomBytes = DefaultMaxRoomBytes
	}
	if opts.MaxTextBytes == 0 {
		opts.MaxTextBytes = DefaultMaxTextBytes
	}
	if opts.MaxRooms == 0 {
		opts.MaxRooms = DefaultMaxRooms
	}
	return &Service{opts: opts, run: rand.Text()[:10]}
}

// Member is what the service has to know of the client that asks: the
// gateway's connection, or a value in a test.
type Member interface {
	InRoom(room string) bool
	// RoomCount is the number of rooms that the client joined.
	RoomCount() int
}

// Join says whether the client may join room.
func (s *Service) Join(m Member, room Room) error {
	if err := s.checkRoom(room); err != nil {
		return err
	}
	if !m.InRoom(string(room)) && m.RoomCount() >= s.opts.MaxRooms {
		return errorf(CodeTooManyRooms, "a connection may be in %d rooms: leave one first", s.opts.MaxRooms)
	}
	return nil
}

// Leave says whether the client may leave room. Leaving a room that one isn't
// in is fine: the outcome is as asked.
func (s *Service) Leave(room Room) error { return s.checkRoom(room) }

// Typing says whether the client may show room that it types.
func (s *Service) Typing(m Member, room Room) error {
	if err := s.checkRoom(room); err != nil {
		return err
	}
	return s.checkMember(m, room)
}

// Post makes a message for the members of room.
func (s *Service) Post(m Member, from string, room Room, text Text) (Message, error) {
	if err := s.checkRoom(room); err != nil {
		return Message{}, err
	}
	if err := s.checkMember(m, room); err != nil {
		return Message{}, err
	}
	switch n := text.Len(); {
	case n < 0:
		return Message{}, errorf(CodeInvalidText, "text must be a string")
	case n == 0:
		return Message{}, errorf(CodeInvalidText, "text is empty")
	case n > s.opts.MaxTextBytes:
		return Message{}, errorf(CodeTooLong, "text has %d bytes, the limit is %d", n, s.opts.MaxTextBytes)
	}
	return Message{
		Room: string(room), Text: text, From: from,
		ID: s.run + "-" + strconv.FormatUint(s.seq.Add(1), 36),
		At: time.Now().UnixMilli(),
	}, nil
}

func (s *Service) checkMember(m Member, room Room) error {
	if !m.InRoom(string(room)) {
		return errorf(CodeNotAMember, "join room %q first", string(room))
	}
	return nil
}

func (s *Service) checkRoom(room Room) error {
	switch {
	case room == "":
		return errorf(CodeInvalidRoom, `room must be a string that is not empty, as in {"room":"lobby"}`)
	case len(room) > s.opts.MaxRoomBytes:
		return errorf(CodeTooLong, "room has %d bytes, the limit is %d", len(room), s.opts.MaxRoomBytes)
	case !utf8.ValidString(string(room)):
		return errorf(CodeInvalidRoom, "room is not UTF-8")
	}
	for _, r := range room {
		if r < ' ' || r == 0x7f {
			return errorf(CodeInvalidRoom, "room has the control character U+%04X", r)
		}
	}
	return nil
}

// Codes of Error.
const (
	CodeInvalidRoom  = "invalid_room"
	CodeInvalidText  = "invalid_text"
	CodeTooLong      = "too_long"
	CodeNotAMember   = "not_a_member"
	CodeTooManyRooms = "too_many_rooms"
)

// Error is a refusal that the client is told.
type Error struct {
	Code    string // one of the Code constants
	Message string
}

func (e *Error) Error() string { return e.Message }

// ErrorCode is the code that the gateway puts in the ack.
func (e *Error) ErrorCode() string { return e.Code }

func errorf(code, format string, a ...any) error {
	return &Error{Code: code, Message: fmt.Sprintf(format, a...)}
}
