package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"

	"github.com/realtime-toolkit/rtk/pkg/wire/rawjson"
)

// NoAck as the Out of a handler sends no acknowledgement.
type NoAck struct{}

// Validator is what an In type may implement to have its values checked before
// the handler sees them. An *Error or *PayloadError reaches the client as it is,
// another error as code "bad_request".
type Validator interface{ Validate() error }

// Handle registers a typed handler. The first argument of the event is
// unmarshalled into In (an absent one leaves the zero value), Out is marshalled
// as the one argument of the acknowledgement. It may run on many goroutines at
// once, though for one connection on one at a time. Both types become part of
// the Contract.
func Handle[In, Out any](n *Namespace, event string, fn func(ctx context.Context, c *Conn, in In) (Out, error), opts ...HandlerOption) {
	var none Out
	_, silent := any(none).(NoAck)
	cfg := newHandlerConfig(opts)
	n.register(event, func(ctx context.Context, c *Conn, e *Event) (Reply, error) {
		in, err := decode[In](e, cfg.strict || c.ns.srv.opts.StrictPayloads)
		if err != nil {
			return Reply{}, err
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
	}, cfg)
	n.declareHandler(event, reflect.TypeFor[In](), reflect.TypeFor[Out](), cfg)
}

// HandleAck is Handle for a handler whose acknowledgement comes later, when
// something that it started has ended: it calls ack, at most once and from any
// goroutine. An error that fn returns before is the acknowledgement instead. A
// client whose handler does neither waits for as long as it likes.
func HandleAck[In, Out any](n *Namespace, event string, fn func(ctx context.Context, c *Conn, in In, ack func(Out)) error, opts ...HandlerOption) {
	cfg := newHandlerConfig(opts)
	n.register(event, func(ctx context.Context, c *Conn, e *Event) (Reply, error) {
		in, err := decode[In](e, cfg.strict || c.ns.srv.opts.StrictPayloads)
		if err != nil {
			return Reply{}, err
		}
		answer := e.Later()
		ack := func(out Out) {
			args, err := marshal(out)
			if err != nil {
				c.ns.failed(event, c, err)
			}
			answer(Reply{Args: args}, err)
		}
		err = func() (err error) {
			defer c.ns.recovered(event, c, &err) // here, as it may have acknowledged already
			return fn(ctx, c, in, ack)
		}()
		if err != nil {
			c.ns.failed(event, c, err)
			answer(Reply{}, err)
		}
		return Reply{None: true}, nil
	}, cfg)
	n.declareHandler(event, reflect.TypeFor[In](), reflect.TypeFor[Out](), cfg)
}

// decode makes the In of an event and checks it.
func decode[In any](e *Event, strict bool) (in In, err error) {
	if first, _, ok := rawjson.Next(e.Args); ok && len(first) > 0 {
		if strict {
			err = unmarshalStrict(first, &in)
		} else {
			err = json.Unmarshal(first, &in)
		}
		if err != nil {
			return in, undecodable(e.Name, err)
		}
	}
	v, ok := any(&in).(Validator)
	if !ok {
		return in, nil
	}
	if err = v.Validate(); err == nil {
		return in, nil
	}
	if _, _, told := publicError(err); told {
		return in, err
	}
	return in, Errorf(codeBadRequest, "event %q: %v", e.Name, err)
}

// unmarshalStrict refuses members that dst has no field for.
func unmarshalStrict(b []byte, dst any) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(dst); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one value")
	}
	return nil
}

// undecodable says what is wrong in JSON's words, without the names of Go types.
func undecodable(event string, err error) error {
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		e := &PayloadError{Code: codeBadRequest, Event: event, Problem: "got " + t.Value + ", want " + jsonKind(t.Type)}
		if t.Field != "" {
			e.Pointer = "/" + strings.ReplaceAll(t.Field, ".", "/")
		}
		return e
	}
	return Errorf(codeBadRequest, "event %q: %s", event, strings.TrimPrefix(err.Error(), "json: "))
}

// jsonKind is what JSON calls the values of a type.
func jsonKind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "boolean"
	case reflect.String:
		return "string"
	case reflect.Float32, reflect.Float64:
		return "number"
	case reflect.Struct, reflect.Map:
		return "object"
	case reflect.Slice, reflect.Array:
		return "array"
	case reflect.Pointer:
		return jsonKind(t.Elem())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return "integer within its range"
	}
	return "another type"
}
