package socketio

import (
	"bytes"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/realtime-toolkit/rtk/pkg/wire/rawjson"
)

var rootNamespace = []byte("/")

// Parse decodes the text of a packet: type, "attachments-" of a binary packet,
// "/namespace,", id, JSON. maxAttachments bounds the attachment count; ≤ 0 means
// DefaultMaxAttachments. The packet's slices alias b. Parse does not allocate
// for a valid packet.
func Parse(b []byte, maxAttachments int) (Packet, error) {
	p := Packet{Namespace: rootNamespace, ID: NoID}
	if len(b) == 0 {
		return p, ErrEmpty
	}
	if b[0] < '0' || b[0] > '6' {
		return p, fmt.Errorf("%w %#02x", ErrType, b[0])
	}
	p.Type = Type(b[0] - '0')
	b = b[1:]
	var err error
	if p.Type.Binary() {
		if maxAttachments <= 0 {
			maxAttachments = DefaultMaxAttachments
		}
		if p.Attachments, b, err = parseAttachments(b, maxAttachments); err != nil {
			return p, err
		}
	}
	if len(b) > 0 && b[0] == '/' {
		ns, rest, _ := bytes.Cut(b, []byte{','})
		if !utf8.Valid(ns) {
			return p, ErrNamespace
		}
		p.Namespace, b = ns[:len(ns):len(ns)], rest
	}
	if p.ID, b, err = parseID(b); err != nil {
		return p, err
	}
	p.Data = b
	if err := checkPayload(p.Type, b); err != nil {
		return p, err
	}
	if p.Attachments > 0 {
		if err := CheckPlaceholders(b, p.Attachments); err != nil {
			return p, err
		}
	}
	return p, nil
}

func parseAttachments(b []byte, limit int) (n int, rest []byte, err error) {
	i := 0
	for ; i < len(b) && '0' <= b[i] && b[i] <= '9'; i++ {
		if n = n*10 + int(b[i]-'0'); n > limit {
			return 0, b, fmt.Errorf("%w: more than %d", ErrTooManyAttachments, limit)
		}
	}
	if i == 0 || i == len(b) || b[i] != '-' {
		return 0, b, ErrAttachments
	}
	return n, b[i+1:], nil
}

func parseID(b []byte) (id int64, rest []byte, err error) {
	i := 0
	for ; i < len(b) && '0' <= b[i] && b[i] <= '9'; i++ {
		d := int64(b[i] - '0')
		if id > (math.MaxInt64-d)/10 {
			return NoID, b, ErrID
		}
		id = id*10 + d
	}
	if i == 0 {
		return NoID, b, nil
	}
	return id, b[i:], nil
}

// checkPayload holds data against the type (socket.io-parser, isPayloadValid).
func checkPayload(t Type, data []byte) error {
	if len(data) == 0 {
		if t == Connect || t == Disconnect || t == ConnectError {
			return nil
		}
		return fmt.Errorf("%w: %s without data", ErrPayload, t)
	}
	var ok bool
	switch t {
	case Connect:
		ok = data[0] == '{'
	case ConnectError:
		ok = data[0] == '{' || data[0] == '"'
	case Event, BinaryEvent, Ack, BinaryAck:
		ok = data[0] == '['
	}
	if !ok {
		return fmt.Errorf("%w: wrong kind of value for %s", ErrPayload, t)
	}
	if !rawjson.Valid(data) {
		return fmt.Errorf("%w: not valid JSON", ErrPayload)
	}
	if t == Event || t == BinaryEvent {
		return checkName(data)
	}
	return nil
}

func checkName(data []byte) error {
	name, _, _ := cutFirst(data)
	switch {
	case len(name) == 0 || name[0] != '"' && name[0] != '-' && (name[0] < '0' || name[0] > '9'):
		return fmt.Errorf("%w: event name is not a string or a number", ErrPayload)
	case name[0] == '"':
		for _, r := range reserved {
			if rawjson.KeyIs(name, r) {
				return fmt.Errorf("%w %q", ErrReserved, r)
			}
		}
	}
	return nil
}
