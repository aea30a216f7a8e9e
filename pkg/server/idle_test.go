package server_test

import (
	"runtime"
	"testing"

	"github.com/realtime-toolkit/rtk/pkg/server"
)

// TestOneGoroutine is that a connection costs one goroutine, whatever it has
// done before, on a socket and on what can't be waited for by itself, as TLS. It
// looks at the whole process, so it does not run in parallel.
func TestOneGoroutine(t *testing.T) {
	for _, on := range []struct {
		name  string
		start func(testing.TB, server.Options, func(*server.Server)) *gateway
	}{{"socket", start}, {"pipe", startPipe}} {
		t.Run(on.name, func(t *testing.T) {
			g := on.start(t, server.Options{}, echoGateway)
			before := runtime.NumGoroutine()
			const each = 50
			for range each {
				g.joined(t, "/")
				busy := g.joined(t, "/")
				for range 20 {
					busy.send(`421["echo"]`)
					busy.is(`431[]`)
				}
				plain, _ := g.ws(t, "/ws", nil)
				plain.send(`{"event":"echo","data":5}`)
				plain.is(`5`)
				if _, err := plain.ws.NetConn().Write(shortFrame(0x8a, "")); err != nil { // answers a heartbeat
					t.Fatal(err)
				}
			}
			eventually(t, "one goroutine for each of 150 connections", func() bool {
				return runtime.NumGoroutine()-before <= 3*each
			})
			if n := runtime.NumGoroutine() - before; n < 3*each-5 {
				t.Errorf("%d goroutines: this test sees nothing", n)
			}
		})
	}
}
