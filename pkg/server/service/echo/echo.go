// Package echo returns what it is sent. It exists for testing clients and
// serves what the Socket.IO protocol's own test suite expects, on the
// namespaces / and /custom:
//
//	on connect        "auth" with the client's CONNECT payload, {} without one
//	message           the same arguments come back as "message-back"
//	message-with-ack  the same arguments are the acknowledgement
//
// Engine.IO clients without Socket.IO get each message back, text and binary, at
// EnginePath.
//
// Arguments may be any number of JSON and binary values. Plain WebSocket clients
// are served as well; their frames carry one argument.
package echo

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/realtime-toolkit/rtk/pkg/server"
)

// Namespaces are where Register puts the service.
var Namespaces = [...]string{"/", "/custom"}

// EnginePath is the raw Engine.IO endpoint that Register opens.
const EnginePath = "/engine.io/"

// anything is the schema of what may be any JSON value.
var anything = json.RawMessage(`{}`)

// Register serves the echo on s.
func Register(s *server.Server) {
	s.HandleEngine(EnginePath, func(c *server.EngineConn, data []byte, binary bool) error {
		return c.Send(data, binary)
	})
	for _, name := range Namespaces {
		ns := s.Of(name)
		ns.Accepts("message", anything, nil, "Any arguments, which come back as message-back.")
		ns.Accepts("message-with-ack", anything, anything, "Any arguments, which are the acknowledgement.")
		ns.Emits("message-back", anything, "The arguments of a message.")
		ns.Emits("auth", json.RawMessage(`{"type":"object"}`), "On connect: the payload of CONNECT.")
		ns.OnConnect(func(_ context.Context, c *server.Conn) error {
			return c.EmitRaw("auth", c.Handshake().Auth)
		})
		ns.On("message", func(_ context.Context, c *server.Conn, e *server.Event) (server.Reply, error) {
			return server.Reply{}, c.EmitRaw("message-back", e.Args, attachments(e)...)
		})
		ns.On("message-with-ack", func(_ context.Context, _ *server.Conn, e *server.Event) (server.Reply, error) {
			return server.Reply{Args: e.Args, Attachments: attachments(e)}, nil
		})
	}
}

// attachments copies the binary arguments: the event's own are valid until the
// handler returns, what is sent may wait longer.
func attachments(e *server.Event) [][]byte {
	if len(e.Attachments) == 0 {
		return nil
	}
	out := make([][]byte, len(e.Attachments))
	for i, a := range e.Attachments {
		out[i] = bytes.Clone(a)
	}
	return out
}
