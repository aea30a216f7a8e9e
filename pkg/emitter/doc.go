// Package emitter sends events to the clients of a cluster from a program that is
// no server itself: a job, a web hook, a shell. It is @socket.io/redis-emitter in
// Go, reaches pods of rtk and servers in Node alike, and speaks each of the
// adapters that they may have.
//
//	e, err := emitter.New(redis.Options{URL: "redis://127.0.0.1:6379"})
//	defer e.Close()
//	err = e.Of("/chat").To("lobby").Except("banned").Emit(ctx, "message", Message{Text: "hello"})
//
// It needs no connection to a server, only the servers' Redis, and whoever has
// that may send: keep it as closed as the servers are, or have them require
// signatures (redis.Options.SignKey).
//
// It imports package cluster, package cluster/redis and package wire.
package emitter
