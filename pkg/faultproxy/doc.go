// Package faultproxy is a TCP proxy that disturbs what it passes on: delay,
// a narrow line, a blackhole, half-open connections, resets in the middle of a
// message. It knows no protocol above TCP and measures nothing but how many
// connections it touched.
//
//	ln, err := net.Listen("tcp", "127.0.0.1:0")
//	p := faultproxy.New(ln, faultproxy.Options{Dial: func(ctx context.Context) (net.Conn, error) { … }})
//	defer p.Close()
//	p.Set(faultproxy.Toxics{Latency: 200 * time.Millisecond})
package faultproxy
