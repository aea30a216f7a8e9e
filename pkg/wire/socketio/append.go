package socketio

import (
	"strconv"

	"github.com/realtime-toolkit/rtk/pkg/wire/rawjson"
)

// AppendConnect appends a CONNECT packet. payload is a JSON object or empty.
func AppendConnect(dst []byte, ns string, payload []byte) []byte {
	dst = appendHead(dst, Connect, ns, NoID, 0)
	return append(dst, payload...)
}

// AppendConnectError appends a CONNECT_ERROR packet, {"message":…,"data":…}.
// data is JSON; it is left out when empty.
func AppendConnectError(dst []byte, ns, message string, data []byte) []byte {
	dst = appendHead(dst, ConnectError, ns, NoID, 0)
	dst = append(dst, `{"message":`...)
	dst = rawjson.AppendQuote(dst, message)
	if len(data) > 0 {
		dst = append(dst, `,"data":`...)
		dst = append(dst, data...)
	}
	return append(dst, '}')
}

// AppendDisconnect appends a DISCONNECT packet.
func AppendDisconnect(dst []byte, ns string) []byte {
	return appendHead(dst, Disconnect, ns, NoID, 0)
}

// AppendEvent appends an EVENT packet, or a BINARY_EVENT when there are
// attachments. args is the JSON of the arguments without brackets, 1,2, or
// empty; id is NoID when no acknowledgement is wanted.
func AppendEvent(dst []byte, ns string, id int64, event string, args []byte, attachments int) []byte {
	dst = appendHead(dst, Event, ns, id, attachments)
	dst = append(dst, '[')
	dst = rawjson.AppendQuote(dst, event)
	if len(args) > 0 {
		dst = append(dst, ',')
		dst = append(dst, args...)
	}
	return append(dst, ']')
}

// AppendEventArray is AppendEvent for an array that has the event name in it,
// ["name",1,2].
func AppendEventArray(dst []byte, ns string, id int64, array []byte, attachments int) []byte {
	dst = appendHead(dst, Event, ns, id, attachments)
	return append(dst, array...)
}

// AppendAck appends an ACK packet, or a BINARY_ACK when there are attachments.
// args is the JSON of the arguments without brackets, or empty.
func AppendAck(dst []byte, ns string, id int64, args []byte, attachments int) []byte {
	dst = appendHead(dst, Ack, ns, id, attachments)
	dst = append(dst, '[')
	dst = append(dst, args...)
	return append(dst, ']')
}

func appendHead(dst []byte, t Type, ns string, id int64, attachments int) []byte {
	if attachments > 0 {
		dst = append(dst, '0'+byte(t)+byte(BinaryEvent-Event))
		dst = strconv.AppendInt(dst, int64(attachments), 10)
		dst = append(dst, '-')
	} else {
		dst = append(dst, '0'+byte(t))
	}
	if ns != "" && ns != "/" {
		dst = append(dst, ns...)
		dst = append(dst, ',')
	}
	if id >= 0 {
		dst = strconv.AppendInt(dst, id, 10)
	}
	return dst
}
