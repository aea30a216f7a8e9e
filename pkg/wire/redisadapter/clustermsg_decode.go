package redisadapter

import (
	"fmt"
	"time"

	"github.com/tinylib/msgp/msgp"

	"github.com/realtime-toolkit/rtk/pkg/wire/rawjson"
	"github.com/realtime-toolkit/rtk/pkg/wire/socketio"
)

// DecodeCluster decodes a cluster message, JSON when it begins with '{' and
// MessagePack otherwise, as npm's adapters tell them apart. It takes what any
// peer may write, as DecodeBroadcast does, and passes over members that it
// doesn't know. The result may alias msg.
func DecodeCluster(msg []byte) (*ClusterMessage, error) {
	m := new(ClusterMessage)
	if err := m.decode(msg, false); err != nil {
		return nil, err
	}
	return m, nil
}

// DecodeClusterData decodes the data of an entry of the streams adapter into m,
// whose Type is set: JSON when it begins with '{' and MessagePack otherwise. m may
// alias data.
func DecodeClusterData(m *ClusterMessage, data []byte) error { return m.decode(data, true) }

func (m *ClusterMessage) decode(msg []byte, dataOnly bool) error {
	var err error
	switch {
	case len(msg) > MaxMessage:
		err = fmt.Errorf("over %d bytes", MaxMessage)
	case len(msg) > 0 && msg[0] == '{':
		err = m.decodeJSON(msg, dataOnly)
	default:
		err = m.decodePack(msg, dataOnly)
	}
	if err == nil {
		err = m.checkDecoded()
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrClusterMessage, err)
	}
	return nil
}

// checkDecoded reports what is missing or can't be acted upon.
func (m *ClusterMessage) checkDecoded() error {
	switch {
	case !m.Type.valid():
		return errType
	case m.Type.needsRequestID() && m.RequestID == "":
		return errRequestID
	case m.Type.isEvent():
		name, _, err := socketio.SplitEventBytes(m.Args)
		if err != nil {
			return errEvent
		}
		if m.Type == ClusterBroadcast && socketio.Reserved(string(name)) {
			return fmt.Errorf("reserved event name %q", name)
		}
	case m.Type.isValue() && m.Args == nil:
		m.Args = []byte("null") // JSON.stringify leaves undefined out
	}
	if m.Clients < 0 {
		return fmt.Errorf("client count is %d", m.Clients)
	}
	return nil
}

func (m *ClusterMessage) decodePack(msg []byte, dataOnly bool) error {
	d := packReader{m: m}
	rest, err := []byte(nil), error(nil)
	if dataOnly {
		rest, err = d.data(msg)
	} else {
		rest, err = d.members(msg, d.top)
		if err == nil && d.late != nil {
			_, err = d.data(d.late)
		}
	}
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d trailing bytes", len(rest))
	}
	return err
}

// packReader reads a message in MessagePack.
type packReader struct {
	m    *ClusterMessage
	late []byte // data that came before the type that says what is in it
}

// members calls read for each member of the map b; read returns what is left.
func (d *packReader) members(b []byte, read func(key, b []byte) ([]byte, error)) ([]byte, error) {
	n, b, err := msgp.ReadMapHeaderBytes(b)
	if err != nil {
		return nil, err
	}
	for ; n > 0; n-- {
		key, rest, err := msgp.ReadStringZC(b)
		if err != nil {
			return nil, err
		}
		if b, err = read(key, rest); err != nil {
			return nil, fmt.Errorf("%.20s: %w", key, err)
		}
	}
	return b, nil
}

func (d *packReader) top(key, b []byte) (rest []byte, err error) {
	switch string(key) {
	case "type":
		var t int64
		if t, rest, err = readInt(b); err != nil {
			return nil, err
		}
		if t < 0 || !ClusterType(min(t, 255)).valid() {
			return nil, errType
		}
		d.m.Type = ClusterType(t)
		return rest, nil
	case "data":
		if d.m.Type == 0 {
			d.late = b
			return skip(b)
		}
		return d.data(b)
	case "uid":
		d.m.UID, rest, err = msgp.ReadStringBytes(b)
		return rest, err
	case "nsp":
		d.m.Namespace, rest, err = msgp.ReadStringBytes(b)
		return rest, err
	}
	return skip(b)
}

func (d *packReader) data(b []byte) ([]byte, error) { return d.members(b, d.member) }

func (d *packReader) member(key, b []byte) (rest []byte, err error) {
	m := d.m
	if msgp.NextType(b) == msgp.NilType && string(key) != "packet" {
		return msgp.ReadNilBytes(b) // undefined
	}
	switch string(key) {
	case "requestId":
		m.RequestID, rest, err = msgp.ReadStringBytes(b)
		return rest, err
	case "opts":
		if m.Type.hasOptions() {
			return d.members(b, d.options)
		}
	case "packet":
		switch {
		case m.Type == ClusterBroadcast:
			return d.members(b, d.packet)
		case m.Type.isEvent(), m.Type.isValue():
			return d.args(b)
		}
	case "rooms":
		m.Targets, rest, err = readNames(b)
		return rest, err
	case "close":
		m.Close = len(b) > 0 && b[0] == mtrue
	case "clientCount":
		var n int64
		n, rest, err = readInt(b)
		m.Clients = int(min(max(n, -1), 1<<31-1))
		return rest, err
	case "sockets":
		return d.sockets(b)
	}
	return skip(b)
}

// args reads a value with its binary values taken out.
func (d *packReader) args(b []byte) ([]byte, error) {
	w := jsonWriter{dst: make([]byte, 0, len(b)+16)}
	rest, err := w.value(b, 0)
	if err != nil {
		return nil, err
	}
	d.m.Args, d.m.Attachments = w.dst, w.attachments
	return rest, nil
}

func (d *packReader) packet(key, b []byte) ([]byte, error) {
	switch string(key) {
	case "type":
		t, rest, err := readInt(b)
		if err == nil && socketio.Type(t) != socketio.Event && socketio.Type(t) != socketio.BinaryEvent {
			err = fmt.Errorf("type %d is not an event", t)
		}
		return rest, err
	case "data":
		return d.args(b)
	}
	return skip(b)
}

func (d *packReader) options(key, b []byte) (rest []byte, err error) {
	switch string(key) {
	case "rooms":
		d.m.Rooms, rest, err = readNames(b)
		return rest, err
	case "except":
		d.m.Except, rest, err = readNames(b)
		return rest, err
	case "flags":
		if msgp.NextType(b) != msgp.NilType {
			return d.members(b, d.flag)
		}
	}
	return skip(b)
}

func (d *packReader) flag(key, b []byte) ([]byte, error) {
	truth := len(b) > 0 && b[0] == mtrue
	switch string(key) {
	case "volatile":
		d.m.Volatile = truth
	case "compress":
		d.m.Compress = truth
		d.m.NoCompress = len(b) > 0 && b[0] == mfalse
	case "timeout":
		if t := msgp.NextType(b); t == msgp.IntType || t == msgp.UintType {
			ms, rest, err := readInt(b)
			d.m.Timeout = timeout(ms)
			return rest, err
		}
	}
	return skip(b)
}

func timeout(ms int64) time.Duration {
	return min(time.Duration(min(max(ms, 0), int64(maxTimeout/time.Millisecond)))*time.Millisecond, maxTimeout)
}

func (d *packReader) sockets(b []byte) ([]byte, error) {
	n, b, err := msgp.ReadArrayHeaderBytes(b)
	if err != nil {
		return nil, err
	}
	if n > maxSockets {
		return nil, errTooMany
	}
	for ; n > 0; n-- {
		var s Socket
		b, err = d.members(b, func(key, b []byte) ([]byte, error) { return readSocketMember(&s, key, b) })
		if err != nil {
			return nil, err
		}
		if err := s.complete(); err != nil {
			return nil, err
		}
		d.m.Sockets = append(d.m.Sockets, s)
	}
	return b, nil
}

func readSocketMember(s *Socket, key, b []byte) (rest []byte, err error) {
	switch string(key) {
	case "id":
		s.ID, rest, err = msgp.ReadStringBytes(b)
		return rest, err
	case "rooms":
		s.Rooms, rest, err = readNames(b)
		return rest, err
	case "handshake", "data":
		w := jsonWriter{inline: true}
		if rest, err = w.value(b, 0); err != nil {
			return nil, err
		}
		if string(key) == "data" {
			s.Data = w.dst
		} else {
			s.Handshake = w.dst
		}
		return rest, nil
	}
	return skip(b)
}

// complete puts in what a peer left out.
func (s *Socket) complete() error {
	if s.ID == "" {
		return fmt.Errorf("a socket has no id")
	}
	if s.Handshake == nil {
		s.Handshake = []byte("{}")
	}
	if s.Data == nil {
		s.Data = []byte("{}")
	}
	return nil
}

// isNull reports whether a JSON value is null.
func isNull(v []byte) bool { return string(rawjson.Trim(v)) == "null" }
