package server

import "encoding/binary"

// Opcodes and sizes of RFC 6455, 5.2, for frames that the server makes itself
// so that all recipients share the bytes: final, unmasked, uncompressed.
const (
	wsText   = 0x1
	wsBinary = 0x2
	wsClose  = 0x8
	wsPing   = 0x9
	wsPong   = 0xa

	maxWSHead  = 10
	maxControl = 125 // bytes of payload of a control frame
)

// WebSocket close codes, RFC 6455, 7.4.1 and the IANA registry.
const (
	closeNormal      = 1000
	closeGoingAway   = 1001
	closeProtocol    = 1002
	closeUnsupported = 1003
	closeInvalidData = 1007
	closePolicy      = 1008
	closeTooBig      = 1009
	closeInternal    = 1011
	closeRestart     = 1012
)

// appendWSHead appends the header of a frame with n bytes of payload.
func appendWSHead(dst []byte, opcode byte, n int) []byte {
	dst = append(dst, 0x80|opcode)
	switch {
	case n < 126:
		return append(dst, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, 126), uint16(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, 127), uint64(n))
}

// wsFrame makes a frame of what fill appends. The payload's length is known
// only afterwards, so room for the longest header is left in front of it.
func wsFrame(opcode byte, sizeHint int, fill func([]byte) []byte) *frame {
	buf := fill(make([]byte, maxWSHead, maxWSHead+sizeHint))
	var head [maxWSHead]byte
	h := appendWSHead(head[:0], opcode, len(buf)-maxWSHead)
	start := maxWSHead - len(h)
	copy(buf[start:], h)
	return &frame{wire: buf[start:], body: buf[maxWSHead:]}
}

// wsControl makes a control frame; data is at most 125 bytes.
func wsControl(opcode byte, data []byte) *frame {
	return &frame{wire: append(appendWSHead(nil, opcode, len(data)), data...), control: true}
}

// wsCloseFrame makes a close frame; code 0 sends none, which the peer sees as
// 1005 (RFC 6455, 7.1.5).
func wsCloseFrame(code int, reason string) *frame {
	if code == 0 {
		return wsControl(wsClose, nil)
	}
	data := binary.BigEndian.AppendUint16(nil, uint16(code))
	return wsControl(wsClose, append(data, reason[:min(len(reason), 123)]...))
}
