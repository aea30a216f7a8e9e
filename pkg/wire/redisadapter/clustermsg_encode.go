package redisadapter

import (
	"fmt"
	"strconv"
	"time"

	"github.com/tinylib/msgp/msgp"

	"github.com/realtime-toolkit/rtk/pkg/wire/rawjson"
	"github.com/realtime-toolkit/rtk/pkg/wire/socketio"
)

// AppendCluster appends m as the sharded adapter publishes it: JSON, or
// MessagePack when there is a binary value. On error dst comes back as it was.
func AppendCluster(dst []byte, m *ClusterMessage) ([]byte, error) {
	if len(m.Attachments) > 0 && m.Type.mayBeBinary() {
		return AppendClusterPack(dst, m)
	}
	if err := m.check(); err != nil {
		return dst, err
	}
	out := append(dst, `{"type":`...)
	out = strconv.AppendUint(out, uint64(m.Type), 10)
	out = append(out, `,"data":`...)
	out = m.appendJSONData(out)
	out = append(out, `,"uid":`...)
	out = rawjson.AppendQuote(out, m.UID)
	out = append(out, `,"nsp":`...)
	out = rawjson.AppendQuote(out, m.Namespace)
	return append(out, '}'), nil
}

// AppendClusterPack appends m as the streams adapter publishes it, always
// MessagePack. On error dst comes back as it was.
func AppendClusterPack(dst []byte, m *ClusterMessage) ([]byte, error) {
	if err := m.check(); err != nil {
		return dst, err
	}
	out := msgp.AppendMapHeader(dst, 4)
	out = msgp.AppendString(out, "type")
	out = append(out, byte(m.Type))
	out = msgp.AppendString(out, "data")
	out, err := m.appendPackData(out)
	if err != nil {
		return dst, err
	}
	out = msgp.AppendString(msgp.AppendString(out, "uid"), m.UID)
	return msgp.AppendString(msgp.AppendString(out, "nsp"), m.Namespace), nil
}

// AppendClusterData appends the data of m alone, as an entry of the streams
// adapter holds it: JSON, or MessagePack (there in base64) when there is a binary
// value. On error dst comes back as it was.
func AppendClusterData(dst []byte, m *ClusterMessage) (out []byte, packed bool, err error) {
	if err := m.check(); err != nil {
		return dst, false, err
	}
	if len(m.Attachments) == 0 || !m.Type.mayBeBinary() {
		return m.appendJSONData(dst), false, nil
	}
	if out, err = m.appendPackData(dst); err != nil {
		return dst, false, err
	}
	return out, true, nil
}

// AppendClusterTail appends how each message of a sender in a namespace ends,
// in JSON or in MessagePack, so that it knows its own by a suffix.
func AppendClusterTail(dst []byte, uid, namespace string, packed bool) []byte {
	if packed {
		dst = msgp.AppendString(msgp.AppendString(dst, "uid"), uid)
		return msgp.AppendString(msgp.AppendString(dst, "nsp"), namespace)
	}
	dst = append(dst, `,"uid":`...)
	dst = rawjson.AppendQuote(dst, uid)
	dst = append(dst, `,"nsp":`...)
	return append(rawjson.AppendQuote(dst, namespace), '}')
}

// check reports what can't be sent, so that the appenders below can't fail but
// for a placeholder.
func (m *ClusterMessage) check() error {
	switch {
	case !m.Type.valid():
		return fmt.Errorf("cluster message: type %d: %w", m.Type, errType)
	case m.Type.needsRequestID() && m.RequestID == "":
		return fmt.Errorf("cluster message of type %d: %w", m.Type, errRequestID)
	case m.Type.isEvent():
		if !rawjson.Valid(m.Args) {
			return ErrArgs
		}
		if _, _, err := socketio.SplitEventBytes(rawjson.Trim(m.Args)); err != nil {
			return ErrArgs
		}
	case m.Type.isValue() && !rawjson.Valid(m.Args):
		return fmt.Errorf("cluster message of type %d: value is not JSON", m.Type)
	}
	for i := range m.Sockets {
		s := &m.Sockets[i]
		if !rawjson.Valid(s.Handshake) || !rawjson.Valid(s.Data) {
			return fmt.Errorf("cluster message of type %d: handshake or data of socket %q is not JSON", m.Type, s.ID)
		}
	}
	return nil
}

func (m *ClusterMessage) millis() int64 {
	if m.Timeout <= 0 {
		return 0
	}
	return max(1, int64(min(m.Timeout, maxTimeout)/time.Millisecond))
}

// appendJSONData writes the members in the order in which npm's adapters build
// them.
func (m *ClusterMessage) appendJSONData(dst []byte) []byte {
	o := jsonObject{dst: append(dst, '{')}
	switch m.Type {
	case ClusterBroadcast:
		o.key("packet")
		o.dst = append(o.dst, `{"type":2,"data":`...)
		o.dst = append(append(o.dst, rawjson.Trim(m.Args)...), '}')
		o.requestID(m.RequestID)
		o.options(m)
	case ClusterJoin, ClusterLeave:
		o.options(m)
		o.key("rooms")
		o.dst = appendJSONNames(o.dst, m.Targets)
	case ClusterDisconnect:
		o.options(m)
		o.key("close")
		o.dst = strconv.AppendBool(o.dst, m.Close)
	case ClusterFetchSockets:
		o.options(m)
		o.requestID(m.RequestID)
	case ClusterFetchSocketsAnswer:
		o.requestID(m.RequestID)
		o.key("sockets")
		o.dst = appendJSONSockets(o.dst, m.Sockets)
	case ClusterServerSideEmit, ClusterServerSideAnswer, ClusterBroadcastAck:
		o.requestID(m.RequestID)
		o.key("packet")
		o.dst = append(o.dst, rawjson.Trim(m.Args)...)
	case ClusterClientCount:
		o.requestID(m.RequestID)
		o.key("clientCount")
		o.dst = strconv.AppendInt(o.dst, int64(m.Clients), 10)
	}
	return append(o.dst, '}')
}

// jsonObject writes the members of an object, a comma between them.
type jsonObject struct {
	dst  []byte
	some bool
}

func (o *jsonObject) key(name string) {
	if o.some {
		o.dst = append(o.dst, ',')
	}
	o.some = true
	o.dst = append(o.dst, '"')
	o.dst = append(o.dst, name...)
	o.dst = append(o.dst, '"', ':')
}

func (o *jsonObject) requestID(id string) {
	if id != "" {
		o.key("requestId")
		o.dst = rawjson.AppendQuote(o.dst, id)
	}
}

func (o *jsonObject) options(m *ClusterMessage) {
	o.key("opts")
	o.dst = appendJSONNames(append(o.dst, `{"rooms":`...), m.Rooms)
	o.dst = appendJSONNames(append(o.dst, `,"except":`...), m.Except)
	flags := jsonObject{dst: append(o.dst, `,"flags":{`...)}
	if m.Volatile {
		flags.key("volatile")
		flags.dst = append(flags.dst, "true"...)
	}
	if m.Compress || m.NoCompress {
		flags.key("compress")
		flags.dst = strconv.AppendBool(flags.dst, !m.NoCompress)
	}
	if ms := m.millis(); ms > 0 {
		flags.key("timeout")
		flags.dst = strconv.AppendInt(flags.dst, ms, 10)
	}
	o.dst = append(flags.dst, '}', '}')
}

func appendJSONNames(dst []byte, names []string) []byte {
	dst = append(dst, '[')
	for i, n := range names {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = rawjson.AppendQuote(dst, n)
	}
	return append(dst, ']')
}

func appendJSONSockets(dst []byte, sockets []Socket) []byte {
	dst = append(dst, '[')
	for i := range sockets {
		s := &sockets[i]
		o := jsonObject{dst: append(dst, '{')}
		if i > 0 {
			o.dst = append(dst, ',', '{')
		}
		o.key("id")
		o.dst = rawjson.AppendQuote(o.dst, s.ID)
		o.key("handshake")
		o.dst = append(o.dst, rawjson.Trim(s.Handshake)...)
		o.key("rooms")
		o.dst = appendJSONNames(o.dst, s.Rooms)
		o.key("data")
		o.dst = append(o.dst, rawjson.Trim(s.Data)...)
		dst = append(o.dst, '}')
	}
	return append(dst, ']')
}
