package main

import (
	"context"
	"encoding/json"

	"github.com/realtime-toolkit/rtk/pkg/server"
)

// Gateway talks to clients: it translates between connections and the service.
type Gateway struct {
	ns    *server.Namespace
	rooms *Rooms
}

// NewGateway returns a gateway to a service.
func NewGateway(rooms *Rooms) *Gateway { return &Gateway{rooms: rooms} }

// What clients send and are answered.
type (
	// Enter asks for a room.
	Enter struct {
		Room string `json:"room" schema:"minLength=1,maxLength=64"`
	}
	// Entered tells what was said before.
	Entered struct {
		Last []Posted `json:"last" doc:"oldest first"`
	}
	// Post is a message to a room.
	Post struct {
		Room string `json:"room" schema:"minLength=1,maxLength=64"`
		Text string `json:"text" schema:"minLength=1,maxLength=4000"`
	}
	// Receipt says that a message is on its way.
	Receipt struct {
		OK bool `json:"ok"`
	}
)

// Register implements server.Gateway.
func (g *Gateway) Register(s *server.Server) {
	g.ns = s.Of("/chat").Use(named)
	server.Handle(g.ns, "enter", g.enter, server.WithDoc("Enters a room."))
	server.Handle(g.ns, "post", g.post, server.WithDoc("Posts to a room that one has entered."), server.WithGuards(g.inside))
	g.ns.Emits("posted", Posted{}, "Somebody else posted to a room that the client has entered.")
}

// named is a guard: it keeps the name that a client gives with its CONNECT
// payload, or "guest".
func named(_ context.Context, c *server.Conn) error {
	var auth struct {
		Name string `json:"name"`
	}
	if err := json.Unmarshal(c.Handshake().Auth, &auth); err != nil {
		return server.Errorf("bad_name", "auth.name must be a string")
	}
	if auth.Name == "" {
		auth.Name = "guest"
	}
	if len(auth.Name) > 32 {
		return server.Errorf("bad_name", "auth.name has more than 32 bytes")
	}
	c.Set("name", auth.Name)
	return nil
}

// inside is a guard of one event: it wants the sender to be in the room.
func (g *Gateway) inside(_ context.Context, c *server.Conn, e *server.Event) error {
	var to Enter
	if err := json.Unmarshal(e.Args, &to); err != nil || !c.InRoom(to.Room) {
		return server.Errorf("outside", "enter the room first")
	}
	return nil
}

func (g *Gateway) enter(_ context.Context, c *server.Conn, in Enter) (Entered, error) {
	last, err := g.rooms.Enter(in.Room)
	if err != nil {
		return Entered{}, err
	}
	return Entered{last}, c.Join(in.Room)
}

func (g *Gateway) post(_ context.Context, c *server.Conn, in Post) (Receipt, error) {
	name, _ := c.Get("name").(string)
	posted, err := g.rooms.Post(name, in.Room, in.Text)
	if err != nil {
		return Receipt{}, err // becomes the error ack
	}
	return Receipt{true}, g.ns.To(in.Room).ExceptConn(c).Emit("posted", posted)
}
