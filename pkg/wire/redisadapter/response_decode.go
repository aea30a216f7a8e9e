package redisadapter

import (
	"errors"
	"fmt"
	"math"

	"github.com/tinylib/msgp/msgp"

	"github.com/realtime-toolkit/rtk/pkg/wire/rawjson"
)

// peekMembers is how many members of an answer may come before its requestId.
const peekMembers = 8

// PeekResponseID returns the requestId of an answer without decoding the rest,
// since on a channel that all servers share most answers are for others. ok is
// false for what can't be an answer.
func PeekResponseID(msg []byte) (id string, ok bool) {
	if len(msg) == 0 || len(msg) > MaxMessage {
		return "", false
	}
	if msg[0] == '{' {
		left := peekMembers
		rawjson.Members(msg, func(key, value []byte) bool {
			if left--; rawjson.KeyIs(key, "requestId") {
				var err error
				id, err = jsonText(value)
				ok = err == nil && id != ""
				return false
			}
			return left > 0
		})
		return id, ok
	}
	n, rest, err := msgp.ReadMapHeaderBytes(msg)
	for n = min(n, peekMembers); err == nil && n > 0; n-- {
		var key []byte
		if key, rest, err = msgp.ReadStringZC(rest); err != nil {
			break
		}
		if string(key) == "requestId" {
			id, _, err = msgp.ReadStringBytes(rest)
			return id, err == nil && id != ""
		}
		rest, err = skip(rest)
	}
	return "", false
}

// DecodeResponse decodes an answer to a request of type asked. Args, Attachments
// and the JSON of Sockets alias msg or are new.
func DecodeResponse(msg []byte, asked RequestType) (*Response, error) {
	r, err := decodeResponse(msg, asked)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrResponse, err)
	}
	return r, nil
}

func decodeResponse(msg []byte, asked RequestType) (*Response, error) {
	doc, err := readDocument(msg)
	if err != nil {
		return nil, err
	}
	d := responseDecoder{response: Response{Type: asked, Attachments: doc.attachments}, typ: -1}
	if err := eachMember(doc.json, d.member); err != nil {
		return nil, err
	}
	if err := d.check(); err != nil {
		return nil, err
	}
	return &d.response, nil
}

type responseDecoder struct {
	response       Response
	typ            int64 // -1 when there is none
	rooms, sockets []byte
	data, packet   []byte
	count          int64
	counted        bool
}

func (d *responseDecoder) member(key, value []byte) (err error) {
	switch memberName(key) {
	case "type":
		d.typ, err = jsonInt(value)
	case "requestId":
		d.response.ID, err = jsonText(value)
	case "rooms":
		d.rooms = value
	case "sockets":
		d.sockets = value
	case "data":
		d.data = value
	case signedKey:
		d.response.Attachments = cutLast(d.response.Attachments, value)
	case "packet":
		d.packet = value
	case "clientCount":
		d.count, err = jsonInt(value)
		d.counted = true
	}
	return err
}

func (d *responseDecoder) check() (err error) {
	r := &d.response
	if r.ID == "" {
		return errors.New("no requestId")
	}
	switch r.Type {
	case RequestSockets:
		r.Rooms, err = jsonNames(orEmpty(d.sockets))
	case RequestAllRooms:
		r.Rooms, err = jsonNames(orEmpty(d.rooms))
	case RequestFetch:
		r.Sockets, err = readSockets(orEmpty(d.sockets))
	case RequestServerSideEmit:
		r.Args = orNull(d.data)
	case RequestBroadcast:
		switch {
		case d.typ == typeAck:
			r.Args = orNull(d.packet)
		case d.typ != typeClientCount || !d.counted:
			err = errors.New("neither a count of clients nor an acknowledgement")
		case d.count < 0 || d.count > math.MaxInt32:
			err = fmt.Errorf("clientCount %d", d.count)
		default:
			r.Clients = int(d.count)
		}
	}
	return err
}

// orEmpty makes a list that is missing one that can't be read: npm's adapter
// counts such an answer as none.
func orEmpty(list []byte) []byte {
	if list == nil {
		return []byte("{}")
	}
	return list
}

// orNull is the value that a JavaScript server left out because it is undefined.
func orNull(value []byte) []byte {
	if value == nil {
		return []byte("null")
	}
	return value
}

func readSockets(list []byte) ([]Socket, error) {
	var m ClusterMessage
	err := m.jsonSockets(list)
	return m.Sockets, err
}
