package service

import (
	"errors"

	"github.com/realtime-toolkit/rtk/pkg/server"
)

// carryOut does what an answer asks for, but for the acknowledgement and the
// disconnect. The error is what the client is told.
func (b *Binding) carryOut(c *server.Conn, call *Call, a *Answer) error {
	if a.Reject == nil {
		c.Leave(a.Leave...)
		if err := c.Join(a.Join...); err != nil && !errors.Is(err, server.ErrClosed) {
			if errors.Is(err, server.ErrTooManyRooms) {
				return &Refusal{Code: "too_many_rooms", Message: err.Error()}
			}
			return err
		}
	}
	for i := range a.Emit {
		// A client that has gone gets nothing, the others do.
		if err := a.Emit[i].send(c); err != nil && !errors.Is(err, server.ErrClosed) {
			b.opts.Logger.Warn("service emitted what can't be sent", "call", call.ID, "namespace", call.Data.Namespace,
				"event", clip(a.Emit[i].Event), "error", err)
		}
	}
	if a.Reject != nil && (call.Hook == HookConnect || call.Hook == HookEvent) {
		return a.Reject
	}
	return nil
}

func (e *Emit) send(c *server.Conn) error {
	if !e.All && len(e.Rooms) == 0 && len(e.Connections) == 0 {
		return c.EmitRaw(e.Event, e.Data)
	}
	to := c.Namespace().To(e.Rooms...).To(e.Connections...).Except(e.Except...)
	if e.Volatile {
		to = to.Volatile()
	}
	return to.EmitRaw(e.Event, e.Data)
}
