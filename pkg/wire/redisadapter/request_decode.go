package redisadapter

import (
	"errors"
	"fmt"

	"github.com/realtime-toolkit/rtk/pkg/wire/socketio"
)

// DecodeRequest decodes a message of the request channel, of any type and in
// either encoding. Args and Attachments alias msg or are new. Members that it
// doesn't know are ignored.
func DecodeRequest(msg []byte) (*Request, error) {
	r, err := decodeRequest(msg)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	return r, nil
}

func decodeRequest(msg []byte) (*Request, error) {
	doc, err := readDocument(msg)
	if err != nil {
		return nil, err
	}
	d := requestDecoder{request: Request{Namespace: "/", Attachments: doc.attachments}}
	if err := eachMember(doc.json, d.member); err != nil {
		return nil, err
	}
	return &d.request, d.check()
}

type requestDecoder struct {
	request   Request
	typed     bool
	opts      bool   // what chooses the connections is there
	rooms     []byte // "rooms": means something else in each type
	room      string // older servers: the one room to join or leave
	data      []byte // server-side emit
	packet    []byte // broadcast
	hasPacket bool
}

func (d *requestDecoder) member(key, value []byte) (err error) {
	r := &d.request
	switch memberName(key) {
	case "uid":
		r.UID, err = jsonText(value)
	case "requestId":
		r.ID, err = jsonText(value)
	case "type":
		t, err := jsonInt(value)
		if err != nil {
			return err
		}
		if t < 0 || t > int64(RequestBroadcast) {
			return fmt.Errorf("%d is not a request", t)
		}
		r.Type, d.typed = RequestType(t), true
	case "opts":
		d.opts = true
		err = eachMember(value, d.option)
	case "rooms":
		d.rooms = value
	case "sid":
		r.SID, err = jsonText(value)
	case "room":
		d.room, err = jsonText(value)
	case "close":
		r.Close = string(value) == "true"
	case "data":
		d.data = value
	case signedKey:
		r.Attachments = cutLast(r.Attachments, value)
	case "packet":
		d.hasPacket = true
		err = eachMember(value, d.packetMember)
	}
	return err
}

func (d *requestDecoder) option(key, value []byte) (err error) {
	switch memberName(key) {
	case "rooms":
		d.request.Rooms, err = jsonNames(value)
	case "except":
		d.request.Except, err = jsonNames(value)
	case "flags":
		if !isNull(value) {
			err = eachMember(value, d.flag)
		}
	}
	return err
}

func (d *requestDecoder) flag(key, value []byte) error {
	switch memberName(key) {
	case "compress":
		d.request.Compress = string(value) == "true"
		d.request.NoCompress = string(value) == "false"
	case "timeout":
		// What is no usable time is none: the receiver has a default.
		if ms, err := jsonInt(value); err == nil {
			d.request.Timeout = timeout(ms)
		}
	}
	return nil
}

func (d *requestDecoder) packetMember(key, value []byte) (err error) {
	switch memberName(key) {
	case "type":
		t, err := jsonInt(value)
		if err != nil {
			return err
		}
		if socketio.Type(t) != socketio.Event && socketio.Type(t) != socketio.BinaryEvent {
			return fmt.Errorf("%d is not an event", t)
		}
	case "data":
		d.packet = value
	case "nsp":
		if !isNull(value) {
			d.request.Namespace, err = jsonText(value)
		}
	}
	return err
}

// check puts together what depends on the type.
func (d *requestDecoder) check() (err error) {
	r := &d.request
	if !d.typed {
		return errors.New("no type")
	}
	switch r.Type {
	case RequestSockets:
		r.Rooms = nil
		if d.rooms != nil {
			r.Rooms, err = jsonNames(d.rooms)
		}
	case RequestJoin, RequestLeave:
		switch {
		case d.opts:
			r.SID = ""
			if r.Targets, err = jsonNames(d.rooms); err == nil && d.rooms == nil {
				err = errors.New("no rooms")
			}
		case r.SID == "":
			err = errors.New("neither opts nor sid")
		default:
			r.Targets = []string{d.room}
		}
	case RequestDisconnect:
		if d.opts {
			r.SID = ""
		} else if r.SID == "" {
			err = errors.New("neither opts nor sid")
		}
	case RequestFetch:
		if !d.opts {
			err = errors.New("no opts")
		}
	case RequestServerSideEmit:
		err = r.setArgs(d.data)
	case RequestBroadcast:
		if !d.hasPacket || !d.opts {
			return errors.New("no packet or no opts")
		}
		err = r.setArgs(d.packet)
	}
	if err == nil && r.ID == "" && r.wantsAnswer() {
		err = errors.New("no requestId")
	}
	return err
}

func (r *Request) wantsAnswer() bool {
	switch r.Type {
	case RequestSockets, RequestAllRooms, RequestFetch, RequestBroadcast:
		return true
	}
	return false
}

func (r *Request) setArgs(args []byte) error {
	if args == nil {
		return errors.New("no data")
	}
	name, _, err := socketio.SplitEventBytes(args)
	if err != nil {
		return ErrArgs
	}
	if r.Type == RequestBroadcast && socketio.Reserved(string(name)) {
		return fmt.Errorf("reserved event name %q", name)
	}
	r.Args = args
	return nil
}
