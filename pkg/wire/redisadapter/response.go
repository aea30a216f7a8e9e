package redisadapter

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/tinylib/msgp/msgp"

	"github.com/realtime-toolkit/rtk/pkg/wire/rawjson"
)

// Response is one message of a response channel.
type Response struct {
	// Type is that of the request which this answers; the wire doesn't always
	// have it.
	Type RequestType
	ID   string // requestId
	// Rooms are those of RequestAllRooms, or the connections' ids of
	// RequestSockets.
	Rooms   []string
	Sockets []Socket // RequestFetch
	// RequestBroadcast: first Clients, how many connections will be asked to
	// acknowledge, with nil Args; then one answer with Args for each.
	Clients int
	// Args is one JSON value: what a server answers to a server-side emit, or
	// the first argument of an acknowledgement. "null" when there is none.
	Args        []byte
	Attachments [][]byte
}

// AppendResponse appends r as npm's adapter writes it: JSON, but MessagePack for
// an acknowledgement and for what has attachments. Lists are arrays even when
// they are empty: npm's adapter waits in vain for a server that leaves them out.
// On error dst comes back as it was.
func AppendResponse(dst []byte, r *Response) ([]byte, error) {
	out := dst
	switch r.Type {
	case RequestSockets, RequestAllRooms:
		key := `,"rooms":`
		if r.Type == RequestSockets {
			key = `,"sockets":`
		}
		out = appendJSONNames(append(appendAnswerHead(out, r), key...), r.Rooms)
	case RequestFetch:
		if err := checkSockets(r.Sockets); err != nil {
			return dst, err
		}
		out = appendJSONSockets(append(appendAnswerHead(out, r), `,"sockets":`...), r.Sockets)
	case RequestJoin, RequestLeave, RequestDisconnect:
		out = appendAnswerHead(out, r)
	case RequestServerSideEmit:
		if !rawjson.Valid(r.Args) {
			return dst, errValue
		}
		if len(r.Attachments) > 0 {
			return appendAnswerValue(dst, r, uint64(RequestServerSideEmit), "data")
		}
		out = append(out, `{"type":6,"requestId":`...)
		out = append(rawjson.AppendQuote(out, r.ID), `,"data":`...)
		out = append(out, rawjson.Trim(r.Args)...)
	case RequestBroadcast:
		if r.Args != nil {
			return appendAnswerValue(dst, r, typeAck, "packet")
		}
		out = append(out, `{"type":8,"requestId":`...)
		out = append(rawjson.AppendQuote(out, r.ID), `,"clientCount":`...)
		out = strconv.AppendInt(out, int64(r.Clients), 10)
	default:
		return dst, fmt.Errorf("request type %d has no answer", r.Type)
	}
	return append(out, '}'), nil
}

var errValue = errors.New("answer is not valid JSON")

func appendAnswerHead(dst []byte, r *Response) []byte {
	return rawjson.AppendQuote(append(dst, `{"requestId":`...), r.ID)
}

// checkSockets keeps one connection's data from spoiling the answer.
func checkSockets(sockets []Socket) error {
	for i := range sockets {
		s := &sockets[i]
		if err := s.complete(); err != nil {
			return err
		}
		if !rawjson.Valid(s.Handshake) || !rawjson.Valid(s.Data) {
			return fmt.Errorf("handshake or data of %s: %w", s.ID, errJSON)
		}
	}
	return nil
}

func appendAnswerValue(dst []byte, r *Response, typ uint64, key string) ([]byte, error) {
	if !rawjson.Valid(r.Args) {
		return dst, errValue
	}
	out := msgp.AppendMapHeader(dst, 3)
	out = msgp.AppendUint64(msgp.AppendString(out, "type"), typ)
	out = appendText(out, "requestId", r.ID)
	out, err := appendPackValue(msgp.AppendString(out, key), r.Args, r.Attachments)
	if err != nil {
		return dst, err
	}
	return out, nil
}
