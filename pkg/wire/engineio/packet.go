package engineio

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
)

// PacketType is the ASCII digit that starts a text packet (Engine.IO 4, packet
// types).
type PacketType byte

// The packet types of Engine.IO 4.
const (
	Open    PacketType = '0'
	Close   PacketType = '1'
	Ping    PacketType = '2'
	Pong    PacketType = '3'
	Message PacketType = '4'
	Upgrade PacketType = '5'
	Noop    PacketType = '6'
)

// String returns the protocol's name of the type.
func (t PacketType) String() string {
	if t < Open || t > Noop {
		return fmt.Sprintf("invalid(%#02x)", byte(t))
	}
	return [...]string{"open", "close", "ping", "pong", "message", "upgrade", "noop"}[t-Open]
}

// Separator stands between the records of a polling payload.
const Separator = 0x1e

var (
	// ErrEmpty is returned for a text frame or a record without a type.
	ErrEmpty = errors.New("engine.io packet is empty")
	// ErrPacketType is returned for a type that Engine.IO 4 doesn't have.
	ErrPacketType = errors.New("unknown engine.io packet type")
	// ErrBase64 is returned for a binary record that isn't base64.
	ErrBase64 = errors.New("engine.io binary record is not base64")
	// ErrTooManyPackets is returned for a payload of more records than allowed.
	ErrTooManyPackets = errors.New("too many packets in engine.io payload")
)

// Packet is one Engine.IO packet. Binary implies Type Message.
type Packet struct {
	Type   PacketType
	Binary bool
	Data   []byte // may alias the input of the decoder
}

// Decode decodes one WebSocket frame. A binary frame is message data as it is;
// a text frame starts with its type. Data aliases frame.
func Decode(frame []byte, binary bool) (Packet, error) {
	if binary {
		return Packet{Type: Message, Binary: true, Data: frame}, nil
	}
	if len(frame) == 0 {
		return Packet{}, ErrEmpty
	}
	t := PacketType(frame[0])
	if t < Open || t > Noop {
		return Packet{}, fmt.Errorf("%w %#02x", ErrPacketType, frame[0])
	}
	return Packet{Type: t, Data: frame[1:]}, nil
}

// AppendText appends a text packet, "4hello", as it stands in a text frame.
func AppendText(dst []byte, t PacketType, data []byte) []byte {
	dst = append(dst, byte(t))
	return append(dst, data...)
}

// AppendRecord appends p as one record of a polling payload: after a separator
// when dst is not empty, and a binary packet as 'b' and base64.
func AppendRecord(dst []byte, p Packet) []byte {
	if len(dst) > 0 {
		dst = append(dst, Separator)
	}
	if p.Binary {
		dst = append(dst, 'b')
		return base64.StdEncoding.AppendEncode(dst, p.Data)
	}
	return AppendText(dst, p.Type, p.Data)
}

// DecodePayload calls yield with each packet of the body of a polling request,
// in order, and stops at the first error, its own or yield's. It refuses a body
// of more than maxPackets records before it yields the one too many; maxPackets
// ≤ 0 means no bound. Text data aliases body; binary data is new.
func DecodePayload(body []byte, maxPackets int, yield func(Packet) error) error {
	for n := 1; ; n++ {
		if maxPackets > 0 && n > maxPackets {
			return fmt.Errorf("%w: more than %d", ErrTooManyPackets, maxPackets)
		}
		record, rest, more := bytes.Cut(body, []byte{Separator})
		p, err := decodeRecord(record)
		if err != nil {
			return fmt.Errorf("record %d: %w", n, err)
		}
		if err := yield(p); err != nil {
			return err
		}
		if !more {
			return nil
		}
		body = rest
	}
}

func decodeRecord(record []byte) (Packet, error) {
	if len(record) == 0 || record[0] != 'b' {
		return Decode(record, false)
	}
	data, err := base64.StdEncoding.AppendDecode(nil, record[1:])
	if err != nil {
		// Node's decoder does without padding, so some clients leave it out.
		data, err = base64.RawStdEncoding.AppendDecode(nil, record[1:])
	}
	if err != nil {
		return Packet{}, ErrBase64
	}
	return Packet{Type: Message, Binary: true, Data: data}, nil
}
