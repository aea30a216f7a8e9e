package server

import (
	"context"
	"encoding/json"

	"github.com/realtime-toolkit/rtk/pkg/wire/rawjson"
)

// NoAck as the Out of a handler sends no acknowledgement.
type NoAck struct{}

// Validator is what an In type may implement to have its values checked before
// the handler sees them. An *Error reaches the client as it is, another error as
// code "bad_request".
type Validator interface{ Validate() error }

// Handle registers a typed handler. The first argument of the event is
// unmarshalled into In (an absent one leaves the zero value), Out is marshalled
// as the one argument of the acknowledgement. It may run on many goroutines at
// once, though for one connection on one at a time.
func Handle[In, Out any](n *Namespace, event string, fn func(ctx context.Context, c *Conn, in In) (Out, error)) {
	var out Out
	_, silent := any(out).(NoAck)
	n.On(event, func(ctx context.Context, c *Conn, e *Event) (Reply, error) {
		var in In
		if first, _, ok := rawjson.Next(e.Args); ok && len(first) > 0 {
			if err := json.Unmarshal(first, &in); err != nil {
				return Reply{}, Errorf(codeBadRequest, "event %q: %v", event, err)
			}
		}
		if v, ok := any(&in).(Validator); ok {
			if err := v.Validate(); err != nil {
				if _, _, told := publicError(err); told {
					return Reply{}, err
				}
				return Reply{}, Errorf(codeBadRequest, "event %q: %v", event, err)
			}
		}
		out, err := fn(ctx, c, in)
		if err != nil || silent {
			return Reply{None: silent}, err
		}
		if !e.WantsAck && c.link.codec != codecNestWS {
			return Reply{}, nil
		}
		args, err := marshal(out)
		return Reply{Args: args}, err
	})
}
