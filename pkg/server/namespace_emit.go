package server

import (
	"context"
	"time"
)

// To starts a broadcast to the union of rooms. A connection's id is a room too.
func (n *Namespace) To(rooms ...string) *Emitter { return n.emitter().To(rooms...) }

// Except starts a broadcast to all but the members of rooms.
func (n *Namespace) Except(rooms ...string) *Emitter { return n.emitter().Except(rooms...) }

// Volatile starts a broadcast that skips clients that can't take it at once.
func (n *Namespace) Volatile() *Emitter { return n.emitter().Volatile() }

// Compress starts a broadcast of which Emitter.Compress is told.
func (n *Namespace) Compress(on bool) *Emitter { return n.emitter().Compress(on) }

// Local starts what concerns the clients of this pod only.
func (n *Namespace) Local() *Emitter { return n.emitter().Local() }

// Timeout starts what waits for answers for no longer than d.
func (n *Namespace) Timeout(d time.Duration) *Emitter { return n.emitter().Timeout(d) }

// Emit sends an event to every connection of the namespace, on all pods.
func (n *Namespace) Emit(event string, args ...any) error { return n.emitter().Emit(event, args...) }

// EmitAck sends an event to every connection of the namespace, on all pods, and
// collects the acknowledgements: Emitter.EmitAck.
func (n *Namespace) EmitAck(ctx context.Context, event string, args ...any) ([]Reply, error) {
	return n.emitter().EmitAck(ctx, event, args...)
}

// SocketsJoin has every connection of the namespace, on all pods, join rooms:
// Emitter.SocketsJoin.
func (n *Namespace) SocketsJoin(rooms ...string) { n.emitter().SocketsJoin(rooms...) }

// SocketsLeave takes every connection of the namespace out of rooms:
// Emitter.SocketsLeave.
func (n *Namespace) SocketsLeave(rooms ...string) { n.emitter().SocketsLeave(rooms...) }

// DisconnectSockets ends every connection of the namespace:
// Emitter.DisconnectSockets.
func (n *Namespace) DisconnectSockets(closeTransport bool) {
	n.emitter().DisconnectSockets(closeTransport)
}

// FetchSockets returns every connection of the namespace, on all pods:
// Emitter.FetchSockets.
func (n *Namespace) FetchSockets(ctx context.Context) ([]RemoteSocket, error) {
	return n.emitter().FetchSockets(ctx)
}

func (n *Namespace) emitter() *Emitter { return &Emitter{ns: n} }
