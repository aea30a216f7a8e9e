package engineio

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/wire/rawjson"
)

// Handshake is the data of the OPEN packet (Engine.IO 4, handshake). Durations
// are whole milliseconds on the wire.
type Handshake struct {
	SID          string
	Upgrades     []string
	PingInterval time.Duration
	PingTimeout  time.Duration
	MaxPayload   int // bytes
}

// ErrHandshake is returned for an OPEN packet that breaks the protocol.
var ErrHandshake = errors.New("bad engine.io handshake")

// AppendOpen appends the OPEN packet, type digit included.
func AppendOpen(dst []byte, h Handshake) []byte {
	dst = append(dst, `0{"sid":`...)
	dst = rawjson.AppendQuote(dst, h.SID)
	dst = append(dst, `,"upgrades":[`...)
	for i, u := range h.Upgrades {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = rawjson.AppendQuote(dst, u)
	}
	dst = append(dst, `],"pingInterval":`...)
	dst = strconv.AppendInt(dst, h.PingInterval.Milliseconds(), 10)
	dst = append(dst, `,"pingTimeout":`...)
	dst = strconv.AppendInt(dst, h.PingTimeout.Milliseconds(), 10)
	dst = append(dst, `,"maxPayload":`...)
	dst = strconv.AppendInt(dst, int64(h.MaxPayload), 10)
	return append(dst, '}')
}

// ParseHandshake parses the data of an OPEN packet, without its type digit. A
// session id and positive ping times are required; MaxPayload is 0 when absent,
// as older servers leave it out.
func ParseHandshake(data []byte) (Handshake, error) {
	var wire struct {
		SID          string   `json:"sid"`
		Upgrades     []string `json:"upgrades"`
		PingInterval float64  `json:"pingInterval"`
		PingTimeout  float64  `json:"pingTimeout"`
		MaxPayload   float64  `json:"maxPayload"`
	}
	if !rawjson.Valid(data) {
		return Handshake{}, fmt.Errorf("%w: not valid JSON", ErrHandshake)
	}
	if err := json.Unmarshal(data, &wire); err != nil {
		return Handshake{}, fmt.Errorf("%w: %w", ErrHandshake, err)
	}
	// A day bounds nonsense that would overflow a time.Duration.
	const maxMillis = 24 * 60 * 60 * 1000
	switch {
	case wire.SID == "":
		return Handshake{}, fmt.Errorf("%w: no sid", ErrHandshake)
	case wire.PingInterval < 1 || wire.PingInterval > maxMillis:
		return Handshake{}, fmt.Errorf("%w: pingInterval %g is not between 1 and %d ms", ErrHandshake, wire.PingInterval, maxMillis)
	case wire.PingTimeout < 1 || wire.PingTimeout > maxMillis:
		return Handshake{}, fmt.Errorf("%w: pingTimeout %g is not between 1 and %d ms", ErrHandshake, wire.PingTimeout, maxMillis)
	case wire.MaxPayload < 0 || wire.MaxPayload > math.MaxInt32:
		return Handshake{}, fmt.Errorf("%w: maxPayload %g is out of range", ErrHandshake, wire.MaxPayload)
	}
	return Handshake{
		SID:          wire.SID,
		Upgrades:     wire.Upgrades,
		PingInterval: time.Duration(wire.PingInterval * float64(time.Millisecond)),
		PingTimeout:  time.Duration(wire.PingTimeout * float64(time.Millisecond)),
		MaxPayload:   int(wire.MaxPayload),
	}, nil
}
