// Package client opens connections to real-time endpoints: Socket.IO 4 over
// WebSocket and HTTP long polling, plain WebSocket, and Server-Sent Events. It
// also sends plain HTTP requests. It is built for fleets: an idle WebSocket
// connection costs one goroutine with a small stack and no buffers, and with
// Options.Pollers, on Linux, not even a goroutine.
//
// It keeps no statistics and never reconnects; callers see every message and
// every end through rt.Handler and decide. It imports packages wire and rt of
// this module, gorilla/websocket in ws.go.
//
//	d := client.New(client.Options{})
//	defer d.Close()
//	c, err := d.Dial(ctx, &rt.DialRequest{Target: target, Auth: []byte(`{"token":"…"}`)}, handler)
//	if err != nil { … }
//	err = c.Send(ctx, &rt.Outgoing{Event: "join", Body: []byte(`"lobby"`), AckID: rt.NoAck})
package client
