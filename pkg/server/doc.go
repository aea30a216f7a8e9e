// Package server is an embeddable real-time gateway: Socket.IO v4 (WebSocket,
// long polling and the upgrade between them), plain WebSocket in NestJS framing
// and server-sent events, over one set of namespaces, rooms and handlers. It
// talks to clients and knows no business: that is behind the handlers.
//
//	s, err := server.New(server.Options{Auth: verifier})
//	chat := s.Of("/chat")
//	chat.OnConnect(func(ctx context.Context, c *server.Conn) error { return c.Join("lobby") })
//	server.Handle(chat, "message", func(ctx context.Context, c *server.Conn, m Message) (Receipt, error) { … })
//	err = s.Start(ctx)
//	http.ListenAndServe(":3000", s)
//
// It imports pkg/wire, pkg/rt and its own subpackages; gorilla/websocket in
// transport_ws.go only; never Redis, a command line or a terminal.
//
// # How a message goes out
//
//	Emit ─ message ─ encoded once per codec into a frame ─ pointer into the
//	outbox of each member ─ dirty list of a writer ─ whole outbox in one write
//
// A frame is immutable and shared by all its recipients. An outbox is bounded
// and is the one ordering point of a connection: what is put in first goes out
// first, unicast or broadcast. A few writers drain the outboxes with one
// non-blocking write each, so frames that arrive while the writer is busy
// coalesce; a socket that is full, or can't be written to without blocking,
// gets a goroutine of its own until it has caught up.
//
// # How an outbound-only transport joins in
//
// A transport that only sends, such as an SSE stream, calls Server.openStream
// with a streamConfig and gets a *Conn, a member of rooms like any other. When
// streamConfig.Conn is set, the gateway writes the frames' wire bytes to it and
// reads from it to notice the end. When it is nil, the transport pulls:
// link.pull waits for frames and appends their bodies, link.pulled says that
// they have been written, link.done tells the end and link.abort brings it
// about. Its frames come from an encoder of its own (encoders in message.go).
package server
