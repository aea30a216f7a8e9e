package server

import (
	"context"
	"fmt"

	"github.com/realtime-toolkit/rtk/pkg/wire/rawjson"
)

// PayloadValidator makes the checks of events that clients send. Package
// asyncapi/validate has one for JSON Schema; it is an interface so that programs
// that don't check payloads don't link it.
type PayloadValidator interface {
	// Compile returns the check of a declared event, nil when any payload will
	// do. The check is given the JSON of the payload, null when there is none,
	// and returns nil or, best, a *PayloadError. It must not keep payload, and
	// may be called from many goroutines at once.
	Compile(d Declaration) (check func(payload []byte) error, err error)
}

// check compiles the check of an event. What is wrong with the declaration fails
// Start.
func (n *Namespace) check(d Declaration) {
	v := n.srv.opts.Payloads
	if v == nil {
		return
	}
	check, err := v.Compile(d)
	if err != nil {
		n.srv.nsMu.Lock()
		n.srv.contractErr = fmt.Errorf("contract of event %q in namespace %q: %w", d.Event, n.name, err)
		n.srv.nsMu.Unlock()
		return
	}
	if n.checks == nil {
		n.checks = make(map[string]func([]byte) error)
	}
	n.checks[d.Event] = check
	if h, ok := n.handlers[d.Event]; ok {
		n.compose(h.name, h.base, h.cfg)
	} else if n.anyBase != nil {
		n.composeAny()
	}
}

// checked is fn behind the check of an event's payload.
func (n *Namespace) checked(fn RawHandler, check func([]byte) error) RawHandler {
	warn := n.srv.opts.PayloadsWarn
	return func(ctx context.Context, c *Conn, e *Event) (Reply, error) {
		payload, _, _ := rawjson.Next(e.Args)
		if len(payload) == 0 {
			payload = null
		}
		err := check(payload)
		if err == nil {
			return fn(ctx, c, e)
		}
		n.srv.count.payloadsInvalid.Add(1)
		if !warn {
			return Reply{}, err
		}
		// The problem names types and limits, never the client's data.
		n.srv.log.Warn("payload breaks the contract", "namespace", n.name, "event", e.Name, "conn", c.id, "error", err)
		return fn(ctx, c, e)
	}
}

var null = []byte("null")
