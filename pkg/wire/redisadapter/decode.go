package redisadapter

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/tinylib/msgp/msgp"

	"github.com/realtime-toolkit/rtk/pkg/wire/socketio"
)

// PeekUID returns the publisher of a broadcast without decoding the rest, so
// that a server can drop what it published itself. uid aliases msg.
func PeekUID(msg []byte) (uid []byte, ok bool) {
	n, rest, err := msgp.ReadArrayHeaderBytes(msg)
	if err != nil || n < 2 {
		return nil, false
	}
	uid, _, err = msgp.ReadStringZC(rest)
	return uid, err == nil
}

// DecodeBroadcast decodes a broadcast. Attachments alias msg; the rest is new.
// It takes what any peer may write: keys in any order, integers of any width,
// integer rooms (as strings), dates (as ISO strings), NaN and ±Inf (as null), no
// namespace (as "/").
func DecodeBroadcast(msg []byte) (*Broadcast, error) {
	if len(msg) > MaxMessage {
		return nil, fmt.Errorf("%w: over %d bytes", ErrMessage, MaxMessage)
	}
	b := &Broadcast{Namespace: "/"}
	d := decoder{broadcast: b}
	rest, err := d.message(msg)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d trailing bytes", len(rest))
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	return b, nil
}

// maxElements is how many elements a broadcast may have; npm's adapter looks at
// the first three.
const maxElements = 8

type decoder struct{ broadcast *Broadcast }

func (d *decoder) message(msg []byte) ([]byte, error) {
	n, rest, err := msgp.ReadArrayHeaderBytes(msg)
	if err != nil {
		return nil, err
	}
	if n < 3 || n > maxElements {
		return nil, fmt.Errorf("array of %d, not 3", n)
	}
	if d.broadcast.UID, rest, err = msgp.ReadStringBytes(rest); err != nil {
		return nil, fmt.Errorf("uid: %w", err)
	}
	if rest, err = d.eachMember(rest, (*decoder).packet); err != nil {
		return nil, fmt.Errorf("packet: %w", err)
	}
	if d.broadcast.Args == nil {
		return nil, errors.New("packet has no data")
	}
	if rest, err = d.eachMember(rest, (*decoder).options); err != nil {
		return nil, fmt.Errorf("options: %w", err)
	}
	for ; n > 3; n-- { // a signature, to those without the key
		if rest, err = skip(rest); err != nil {
			return nil, err
		}
	}
	return rest, nil
}

func (d *decoder) packet(key, b []byte) (rest []byte, err error) {
	switch string(key) {
	case "type":
		t, rest, err := readInt(b)
		if err != nil {
			return nil, fmt.Errorf("type: %w", err)
		}
		// Node's adapter passes on what it is given; only events are broadcast.
		if socketio.Type(t) != socketio.Event && socketio.Type(t) != socketio.BinaryEvent {
			return nil, fmt.Errorf("type %d is not an event", t)
		}
		return rest, nil
	case "data":
		w := jsonWriter{dst: make([]byte, 0, len(b)+16)}
		if rest, err = w.value(b, 0); err != nil {
			return nil, fmt.Errorf("data: %w", err)
		}
		name, _, err := socketio.SplitEventBytes(w.dst)
		if err != nil {
			return nil, fmt.Errorf("data: %w", ErrArgs)
		}
		if socketio.Reserved(string(name)) {
			return nil, fmt.Errorf("reserved event name %q", name)
		}
		d.broadcast.Args, d.broadcast.Attachments = w.dst, w.attachments
		return rest, nil
	case "nsp":
		if msgp.NextType(b) == msgp.NilType {
			return msgp.ReadNilBytes(b)
		}
		d.broadcast.Namespace, rest, err = msgp.ReadStringBytes(b)
		return rest, err
	}
	return skip(b)
}

func (d *decoder) options(key, b []byte) (rest []byte, err error) {
	switch string(key) {
	case "rooms":
		d.broadcast.Rooms, rest, err = readNames(b)
		return rest, err
	case "except":
		d.broadcast.Except, rest, err = readNames(b)
		return rest, err
	case "flags":
		if msgp.NextType(b) == msgp.NilType {
			return msgp.ReadNilBytes(b)
		}
		return d.eachMember(b, (*decoder).flag)
	}
	return skip(b)
}

func (d *decoder) flag(key, b []byte) (rest []byte, err error) {
	truth := len(b) > 0 && b[0] == mtrue
	switch string(key) {
	case "volatile":
		d.broadcast.Volatile = truth
	case "compress":
		d.broadcast.Compress = truth
		d.broadcast.NoCompress = len(b) > 0 && b[0] == mfalse
	}
	return skip(b)
}

// eachMember calls read, a method, for each member of the map b; read returns
// what is left.
func (d *decoder) eachMember(b []byte, read func(d *decoder, key, b []byte) ([]byte, error)) ([]byte, error) {
	n, b, err := msgp.ReadMapHeaderBytes(b)
	if err != nil {
		return nil, err
	}
	for ; n > 0; n-- {
		key, rest, err := msgp.ReadStringZC(b)
		if err != nil {
			return nil, err
		}
		if b, err = read(d, key, rest); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// readNames reads an array of rooms. JavaScript servers may use numbers as
// rooms; here they are text.
func readNames(b []byte) ([]string, []byte, error) {
	if msgp.NextType(b) == msgp.NilType {
		rest, err := msgp.ReadNilBytes(b)
		return nil, rest, err
	}
	n, b, err := msgp.ReadArrayHeaderBytes(b)
	if err != nil {
		return nil, nil, err
	}
	if uint64(n) > uint64(len(b)) { // each takes a byte at least
		return nil, nil, msgp.ErrShortBytes
	}
	if n > maxNames {
		return nil, nil, errTooMany
	}
	if n == 0 {
		return nil, b, nil
	}
	names := make([]string, 0, min(n, 1024))
	for ; n > 0; n-- {
		var name string
		switch t := msgp.NextType(b); t {
		case msgp.StrType:
			name, b, err = msgp.ReadStringBytes(b)
		case msgp.IntType, msgp.UintType:
			var buf []byte
			if buf, b, err = appendInteger(nil, b); err == nil {
				name = string(buf)
			}
		case msgp.Float64Type, msgp.Float32Type:
			var f float64
			if f, b, err = readFloat(b); err == nil {
				name = string(appendFloat(nil, f))
			}
		default:
			err = fmt.Errorf("room is a %s", t)
		}
		if err != nil {
			return nil, nil, err
		}
		names = append(names, name)
	}
	return names, b, nil
}

func readInt(b []byte) (int64, []byte, error) {
	text, rest, err := appendInteger(make([]byte, 0, 24), b)
	if err != nil {
		return 0, nil, err
	}
	i, err := strconv.ParseInt(string(text), 10, 64)
	return i, rest, err
}

// skip steps over one value. It goes through the JSON writer, which bounds the
// depth; unknown keys are rare.
func skip(b []byte) ([]byte, error) {
	var w jsonWriter
	return w.value(b, 0)
}
