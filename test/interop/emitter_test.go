package interop_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/realtime-toolkit/rtk/pkg/emitter"
)

// startEmitter connects rtk's emitter to what the servers of the fleet are on.
func (f *fleet) startEmitter(t *testing.T) {
	t.Helper()
	options := f.options
	options.URL = f.redisURL
	e, err := emitter.New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	f.emitter = e
}

// rtkEmitter acts in the test itself.
func (v *view) rtkEmitter() *origin {
	return &origin{direction: fromRTKEmitter, act: func(t *testing.T, cmd command, args string, attachments ...[]byte) (r result) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		o := &order{command: cmd, args: []byte(args), attachments: attachments}
		to := v.emitter.Of(v.namespace)
		var err error
		if o.Op == "serverCount" {
			var n int
			n, err = to.Servers(ctx)
			r.Value = fmt.Appendf(nil, "%d", n)
		} else {
			err = emit(ctx, to, o)
		}
		if err != nil {
			r.Error = err.Error()
		}
		return r
	}}
}

func emit(ctx context.Context, all *emitter.Operator, o *order) error {
	to := all.To(o.To...).Except(o.Except...)
	if o.Volatile {
		to = to.Volatile()
	}
	switch o.Op {
	case "emit":
		return to.Emit(ctx, o.Event, o.values()...)
	case "burst":
		for i := range o.Count {
			target := to
			if i%2 == 1 && o.All {
				target = all
			}
			if err := target.Emit(ctx, o.Event, i); err != nil {
				return err
			}
		}
		return nil
	case "socketsJoin":
		return to.SocketsJoin(ctx, o.Rooms...)
	case "socketsLeave":
		return to.SocketsLeave(ctx, o.Rooms...)
	case "disconnectSockets":
		return to.DisconnectSockets(ctx, o.Close)
	case "serverSideEmit":
		return to.ServerSideEmit(ctx, o.Event, o.values()...)
	}
	return fmt.Errorf("an emitter has no %q", o.Op)
}
