package chat

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/realtime-toolkit/rtk/pkg/server"
)

// Namespace is where Register puts the chat.
const Namespace = "/chat"

// Register serves svc in namespace /chat of s. A client of any protocol may
// join: Socket.IO and plain WebSocket clients meet in the same rooms.
//
// A chat room is a room of the namespace under the same name, so that other
// programs of the cluster and the publish API reach it. Each connection's id is
// a room as well; ids can't be guessed and the service never sends to one.
func Register(s *server.Server, svc *Service) {
	g := &gateway{ns: s.Of(Namespace), svc: svc}
	server.Handle(g.ns, "join", g.join, server.WithDoc("Joins a room. Its messages come from then on."))
	server.Handle(g.ns, "leave", g.leave, server.WithDoc("Leaves a room."))
	server.Handle(g.ns, "message", g.message, server.WithDoc("Posts to a room that the sender has joined."))
	server.Handle(g.ns, "typing", g.typing, server.WithDoc("Tells the others of a room that the sender types."))
	g.ns.Emits("message", Message{}, "A message to a room that the receiver has joined; the sender gets it too.")
	g.ns.Emits("typing", typing{}, "Somebody else in the room types. Clients that are behind don't get it.")
}

// gateway translates between connections and the service.
type gateway struct {
	ns  *server.Namespace
	svc *Service
}

// roomIn is what join, leave and typing take.
type roomIn struct {
	Room Room `json:"room" doc:"name of the room"`
}

// messageIn is what message takes.
type messageIn struct {
	Room Room `json:"room" doc:"name of the room"`
	Text Text `json:"text" doc:"what the sender says"`
}

// UnmarshalJSON takes anything that isn't an object as an object without
// fields, so that the service says what is missing and no client reads a Go
// type's name.
func (in *roomIn) UnmarshalJSON(b []byte) error {
	type fields roomIn
	return unmarshalObject(b, (*fields)(in))
}

// UnmarshalJSON is as that of roomIn.
func (in *messageIn) UnmarshalJSON(b []byte) error {
	type fields messageIn
	return unmarshalObject(b, (*fields)(in))
}

func unmarshalObject(b []byte, fields any) error {
	if len(b) == 0 || b[0] != '{' {
		return nil
	}
	return json.Unmarshal(b, fields)
}

// roomAck acknowledges join and leave, messageAck message, okAck typing.
type (
	roomAck struct {
		OK   bool   `json:"ok"`
		Room string `json:"room"`
	}
	messageAck struct {
		OK bool   `json:"ok"`
		ID string `json:"id"`
		At int64  `json:"at"`
	}
	okAck struct {
		OK bool `json:"ok"`
	}
)

func (g *gateway) join(_ context.Context, c *server.Conn, in roomIn) (roomAck, error) {
	if err := g.svc.Join(member{c}, in.Room); err != nil {
		return roomAck{}, err
	}
	if err := c.Join(string(in.Room)); err != nil {
		return roomAck{}, err
	}
	return roomAck{true, string(in.Room)}, nil
}

func (g *gateway) leave(_ context.Context, c *server.Conn, in roomIn) (roomAck, error) {
	if err := g.svc.Leave(in.Room); err != nil {
		return roomAck{}, err
	}
	// The connection's own room is not a chat room.
	if string(in.Room) != c.ID() {
		c.Leave(string(in.Room))
	}
	return roomAck{true, string(in.Room)}, nil
}

func (g *gateway) message(_ context.Context, c *server.Conn, in messageIn) (messageAck, error) {
	m, err := g.svc.Post(member{c}, sender(c), in.Room, in.Text)
	if err != nil {
		return messageAck{}, err
	}
	if err := c.MayEmit(m.Room, len(in.Text)); err != nil {
		return messageAck{}, err
	}
	if err := g.ns.To(m.Room).EmitRaw("message", m.AppendJSON(nil)); err != nil {
		return messageAck{}, err
	}
	return messageAck{true, m.ID, m.At}, nil
}

// typing tells the other members. It is worth nothing a second later, so a
// client that is behind doesn't get it.
func (g *gateway) typing(_ context.Context, c *server.Conn, in roomIn) (okAck, error) {
	if err := g.svc.Typing(member{c}, in.Room); err != nil {
		return okAck{}, err
	}
	room := string(in.Room)
	if err := c.MayEmit(room, len(room)); err != nil {
		return okAck{}, err
	}
	err := g.ns.To(room).ExceptConn(c).Volatile().EmitRaw("typing", appendTyping(nil, room, sender(c)))
	return okAck{err == nil}, err
}

// member is a connection as the service sees it.
type member struct{ c *server.Conn }

var _ Member = member{}

func (m member) InRoom(room string) bool { return m.c.InRoom(room) }
func (m member) RoomCount() int          { return len(m.c.Rooms()) }

// anonChars is how much of a connection id tells anonymous senders apart: 48 of
// its bits, too little to send to the connection by its id.
const anonChars = 8

// sender is the name that others see.
func sender(c *server.Conn) string {
	if id := c.Identity(); id != nil && id.Subject != "" {
		return id.Subject
	}
	id := c.ID()
	return "anon-" + strings.Clone(id[:min(anonChars, len(id))])
}
