package redisadapter

import (
	"github.com/tinylib/msgp/msgp"

	"github.com/realtime-toolkit/rtk/pkg/wire/rawjson"
)

// appendPackData is appendJSONData in MessagePack. notepack.io and
// @msgpack/msgpack write the same bytes for what both forms here can hold, but
// for floats beyond 2^53, which notepack writes as integers; both read either.
func (m *ClusterMessage) appendPackData(dst []byte) ([]byte, error) {
	withID := uint32(0)
	if m.RequestID != "" {
		withID = 1
	}
	switch m.Type {
	case ClusterBroadcast:
		dst = msgp.AppendMapHeader(dst, 2+withID)
		dst = msgp.AppendString(dst, "packet")
		dst = msgp.AppendMapHeader(dst, 2)
		dst = append(msgp.AppendString(dst, "type"), eventType)
		dst = msgp.AppendString(dst, "data")
		dst, err := appendPackValue(dst, m.Args, m.Attachments)
		if err != nil {
			return nil, err
		}
		return m.appendPackOptions(m.appendPackID(dst)), nil
	case ClusterJoin, ClusterLeave:
		dst = m.appendPackOptions(msgp.AppendMapHeader(dst, 2))
		return appendNames(msgp.AppendString(dst, "rooms"), m.Targets), nil
	case ClusterDisconnect:
		dst = m.appendPackOptions(msgp.AppendMapHeader(dst, 2))
		return msgp.AppendBool(msgp.AppendString(dst, "close"), m.Close), nil
	case ClusterFetchSockets:
		return m.appendPackID(m.appendPackOptions(msgp.AppendMapHeader(dst, 2))), nil
	case ClusterFetchSocketsAnswer:
		dst = m.appendPackID(msgp.AppendMapHeader(dst, 2))
		return appendPackSockets(msgp.AppendString(dst, "sockets"), m.Sockets)
	case ClusterClientCount:
		dst = m.appendPackID(msgp.AppendMapHeader(dst, 2))
		return appendInt(msgp.AppendString(dst, "clientCount"), int64(m.Clients)), nil
	default: // 9, 10, 12
		dst = m.appendPackID(msgp.AppendMapHeader(dst, 1+withID))
		return appendPackValue(msgp.AppendString(dst, "packet"), m.Args, m.Attachments)
	}
}

func (m *ClusterMessage) appendPackID(dst []byte) []byte {
	if m.RequestID == "" {
		return dst
	}
	return msgp.AppendString(msgp.AppendString(dst, "requestId"), m.RequestID)
}

func (m *ClusterMessage) appendPackOptions(dst []byte) []byte {
	dst = msgp.AppendString(dst, "opts")
	dst = msgp.AppendMapHeader(dst, 3)
	dst = appendNames(msgp.AppendString(dst, "rooms"), m.Rooms)
	dst = appendNames(msgp.AppendString(dst, "except"), m.Except)
	dst = msgp.AppendString(dst, "flags")
	ms, n := m.millis(), uint32(0)
	for _, set := range []bool{m.Volatile, m.Compress || m.NoCompress, ms > 0} {
		if set {
			n++
		}
	}
	dst = msgp.AppendMapHeader(dst, n)
	if m.Volatile {
		dst = append(msgp.AppendString(dst, "volatile"), mtrue)
	}
	if m.Compress || m.NoCompress {
		dst = msgp.AppendBool(msgp.AppendString(dst, "compress"), !m.NoCompress)
	}
	if ms > 0 {
		dst = appendInt(msgp.AppendString(dst, "timeout"), ms)
	}
	return dst
}

func appendPackSockets(dst []byte, sockets []Socket) (_ []byte, err error) {
	dst = msgp.AppendArrayHeader(dst, uint32(len(sockets)))
	for i := range sockets {
		s := &sockets[i]
		dst = msgp.AppendMapHeader(dst, 4)
		dst = msgp.AppendString(msgp.AppendString(dst, "id"), s.ID)
		if dst, err = appendPackValue(msgp.AppendString(dst, "handshake"), s.Handshake, nil); err != nil {
			return nil, err
		}
		dst = appendNames(msgp.AppendString(dst, "rooms"), s.Rooms)
		if dst, err = appendPackValue(msgp.AppendString(dst, "data"), s.Data, nil); err != nil {
			return nil, err
		}
	}
	return dst, nil
}

// appendPackValue appends valid JSON, with attachments for its placeholders.
func appendPackValue(dst, value []byte, attachments [][]byte) ([]byte, error) {
	value = rawjson.Trim(value)
	var countBuf [64]uint32
	e := encoder{src: value, counts: appendCounts(countBuf[:0], value), attachments: attachments}
	if len(attachments) > 0 {
		var err error
		if e.placeholders, err = findPlaceholders(value, len(attachments)); err != nil {
			return nil, err
		}
	}
	return e.appendValue(dst), nil
}
