// Package service is the one seam between the gateway and what does the
// business. The gateway talks to clients; what happens to them goes as a Call to
// a Service, whose Answer says what the clients get of it. A Service is a
// function of this program (Func), an HTTP webhook (service/webhook) or a pool
// of workers behind a Redis stream (service/streams).
//
//	orders := &service.Target{Name: "orders", Service: hook}
//	b, err := service.Bind(s, []service.Route{
//		{Namespace: "/orders", Events: "order.*", Hooks: []service.Hook{service.HookConnect}, To: orders},
//	}, service.Options{})
//	…
//	err = b.Close(ctx) // after the server's Shutdown
//
// # Order, and who waits for whom
//
// The calls of one connection to one service form a lane: Target.Window of them,
// one unless said otherwise, are with the service at a time, the others wait in
// order. A lane is bounded; an event that finds it full is refused with code
// "busy". Nothing else waits: the connection's read loop, its heartbeats, its
// calls to other services and the other connections go on. The one exception is
// the connect hook, for which the connection has to wait anyway.
//
// The package imports pkg/server and server/stats; what speaks HTTP or Redis is
// in the packages below it.
package service
