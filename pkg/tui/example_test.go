package tui_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/realtime-toolkit/rtk/pkg/rt"
	"github.com/realtime-toolkit/rtk/pkg/tui"
)

// parrot is a server that repeats what it hears.
type parrot struct{ h rt.Handler }

func (p parrot) Dial(_ context.Context, _ *rt.DialRequest, h rt.Handler) (rt.Conn, error) {
	return parrot{h}, nil
}

func (p parrot) Send(_ context.Context, m *rt.Outgoing) error {
	p.h.OnMessage(&rt.Message{Kind: rt.KindEvent, Event: m.Event, Body: m.Body, Multi: true, AckID: rt.NoAck})
	return nil
}

func (p parrot) Close() error        { p.h.OnClose(rt.CloseInfo{By: rt.ByLocal}); return nil }
func (p parrot) Abort()              { _ = p.Close() }
func (parrot) Info() (i rt.ConnInfo) { return i }

func ExampleStream() {
	target := rt.Target{URL: &url.URL{Scheme: "http", Host: "localhost:3000"}, Protocol: rt.SocketIO, Namespace: "/"}
	session, err := tui.NewSession(tui.SessionOptions{Dialer: parrot{}, Request: rt.DialRequest{Target: target}})
	if err != nil {
		fmt.Println(err)
		return
	}
	only, err := tui.ParseFilter("dir:in -text:hidden")
	if err != nil {
		fmt.Println(err)
		return
	}
	err = tui.Stream(context.Background(), tui.StreamOptions{
		Session: session, Filter: only, Format: tui.FormatText, Out: os.Stdout,
		In: strings.NewReader(`message {"text":"hello"}` + "\n" + `message {"text":"hidden"}`), Linger: 1,
	})
	fmt.Println(err)
	// Output:
	// 00:00:00.000 ← message {"text":"hello"}
	// <nil>
}
