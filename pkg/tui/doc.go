// Package tui is `rtk watch`: a terminal view into a real-time endpoint, and
// the same log as lines of text or NDJSON where there is no terminal.
//
// It opens no socket. A [Session] is handed an rt.Dialer, keeps the connection
// up and writes everything it sees into a [Source]; [Run] draws the source,
// [Stream] prints it. It imports rt (and may import loadgen and server/stats),
// never client or server.
//
//	s, err := tui.NewSession(tui.SessionOptions{Dialer: d, Request: rt.DialRequest{Target: t}})
//	go s.Run(ctx)
//	err = tui.Run(ctx, tui.Options{Session: s, Output: os.Stdout})
//
// Events never become messages of the bubbletea program: at a few thousand
// messages a second it would do nothing but redraw. Producers fill the ring of
// the source, and the program takes one frame a tick from it.
package tui
