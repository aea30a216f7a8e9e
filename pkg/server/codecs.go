package server

import (
	"bytes"
	"encoding/base64"
	"slices"

	"github.com/realtime-toolkit/rtk/pkg/wire/engineio"
	"github.com/realtime-toolkit/rtk/pkg/wire/nestws"
	"github.com/realtime-toolkit/rtk/pkg/wire/rawjson"
	"github.com/realtime-toolkit/rtk/pkg/wire/socketio"
)

// encodeSocketIO makes an EVENT or BINARY_EVENT packet.
func encodeSocketIO(m *message) *frame {
	array := m.array
	if m.offset {
		array = appendOffset(make([]byte, 0, len(array)+len(m.cursor)+3), array, m.cursor)
	}
	return messageFrame(len(m.ns)+len(array)+16, m.attachments, func(dst []byte) []byte {
		return socketio.AppendEventArray(dst, m.ns, socketio.NoID, array, len(m.attachments))
	})
}

// messageFrame makes an Engine.IO message packet of what packet appends.
func messageFrame(sizeHint int, attachments [][]byte, packet func([]byte) []byte) *frame {
	for _, a := range attachments {
		sizeHint += len(a) + maxWSHead
	}
	f := wsFrame(wsText, sizeHint+1, func(dst []byte) []byte {
		return packet(append(dst, byte(engineio.Message)))
	})
	head := len(f.wire) - len(f.body)
	for _, a := range attachments {
		f.wire = appendWSHead(f.wire, wsBinary, len(a))
		f.wire = append(f.wire, a...)
	}
	f.body = f.wire[head : head+len(f.body) : head+len(f.body)]
	at := len(f.wire)
	for _, a := range slices.Backward(attachments) {
		f.attachments = append(f.attachments, f.wire[at-len(a):at:at])
		at -= len(appendWSHead(nil, wsBinary, len(a))) + len(a)
	}
	slices.Reverse(f.attachments)
	return f
}

// encodeNestWS makes {"event":…,"data":…} in a text frame. Several arguments
// become an array (as in a NestJS gateway), binary ones base64 text.
func encodeNestWS(m *message) *frame {
	name, args, _ := socketio.SplitEvent(m.array)
	data := oneArgument(inlineBinary(args, m.attachments))
	return wsFrame(wsText, len(m.array)+32, func(dst []byte) []byte {
		return nestws.Append(dst, name, data)
	})
}

// oneArgument makes one JSON value of arguments without brackets: none is
// empty, several are an array.
func oneArgument(args []byte) []byte {
	first, rest, ok := rawjson.Next(args)
	if !ok || len(rawjson.Trim(rest)) == 0 {
		return first
	}
	array := make([]byte, 0, len(args)+2)
	array = append(array, '[')
	array = append(array, args...)
	return append(array, ']')
}

// inlineBinary puts attachments in the place of their placeholders as base64,
// for protocols that have text only.
func inlineBinary(args []byte, attachments [][]byte) []byte {
	for i, a := range attachments {
		text := make([]byte, 0, base64.StdEncoding.EncodedLen(len(a))+2)
		text = append(text, '"')
		text = base64.StdEncoding.AppendEncode(text, a)
		text = append(text, '"')
		args = bytes.ReplaceAll(args, []byte(socketio.Placeholder(i)), text)
	}
	return args
}
