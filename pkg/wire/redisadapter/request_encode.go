package redisadapter

import (
	"fmt"
	"strconv"
	"time"

	"github.com/tinylib/msgp/msgp"

	"github.com/realtime-toolkit/rtk/pkg/wire/rawjson"
	"github.com/realtime-toolkit/rtk/pkg/wire/socketio"
)

// AppendRequest appends r as npm's adapter writes it, or as its emitter does when
// r has no UID: JSON, but MessagePack for RequestBroadcast and for a server-side
// emit with attachments, which JSON can't carry. On error dst comes back as it
// was.
func AppendRequest(dst []byte, r *Request) ([]byte, error) {
	switch r.Type {
	case RequestServerSideEmit, RequestBroadcast:
		if err := checkArgs(r.Args); err != nil {
			return dst, err
		}
	}
	out := AppendRequestHead(dst, r.UID)
	switch r.Type {
	case RequestAllRooms:
		out = appendType(out, r)
	case RequestFetch:
		out = appendOpts(appendType(out, r), r)
	case RequestJoin, RequestLeave:
		out = appendOpts(appendType(out, r), r)
		out = appendJSONNames(append(out, `,"rooms":`...), r.Targets)
	case RequestDisconnect:
		out = appendOpts(appendType(out, r), r)
		out = strconv.AppendBool(append(out, `,"close":`...), r.Close)
	case RequestServerSideEmit:
		if len(r.Attachments) > 0 {
			return appendEmitMsgpack(dst, r)
		}
		out = append(append(appendType(out, r), `,"data":`...), rawjson.Trim(r.Args)...)
	case RequestBroadcast:
		return appendBroadcastRequest(dst, r)
	default:
		return dst, fmt.Errorf("request type %d can't be sent", r.Type)
	}
	return append(out, '}'), nil
}

func checkArgs(args []byte) error {
	args = rawjson.Trim(args)
	if len(args) == 0 || args[0] != '[' || !rawjson.Valid(args) {
		return ErrArgs
	}
	if _, _, err := socketio.SplitEventBytes(args); err != nil {
		return ErrArgs
	}
	return nil
}

// AppendRequestHead appends how each JSON request of a server begins, so that it
// knows its own by a prefix.
func AppendRequestHead(dst []byte, uid string) []byte {
	dst = append(dst, '{')
	if uid == "" {
		return dst
	}
	dst = append(dst, `"uid":`...)
	return append(rawjson.AppendQuote(dst, uid), ',')
}

func appendType(dst []byte, r *Request) []byte {
	if r.ID != "" {
		dst = append(dst, `"requestId":`...)
		dst = append(rawjson.AppendQuote(dst, r.ID), ',')
	}
	return strconv.AppendUint(append(dst, `"type":`...), uint64(r.Type), 10)
}

func appendOpts(dst []byte, r *Request) []byte {
	dst = appendJSONNames(append(dst, `,"opts":{"rooms":`...), r.Rooms)
	dst = appendJSONNames(append(dst, `,"except":`...), r.Except)
	return append(dst, '}')
}

// appendMsgpackHead appends uid, requestId and type of a map that has more
// members besides.
func appendMsgpackHead(dst []byte, r *Request, more uint32) []byte {
	n := more + 1
	if r.UID != "" {
		n++
	}
	if r.ID != "" {
		n++
	}
	dst = msgp.AppendMapHeader(dst, n)
	if r.UID != "" {
		dst = appendText(dst, "uid", r.UID)
	}
	if r.ID != "" {
		dst = appendText(dst, "requestId", r.ID)
	}
	return msgp.AppendUint64(msgp.AppendString(dst, "type"), uint64(r.Type))
}

func appendEmitMsgpack(dst []byte, r *Request) ([]byte, error) {
	out := msgp.AppendString(appendMsgpackHead(dst, r, 1), "data")
	out, err := appendPackValue(out, r.Args, r.Attachments)
	if err != nil {
		return dst, err
	}
	return out, nil
}

func appendBroadcastRequest(dst []byte, r *Request) ([]byte, error) {
	out := msgp.AppendString(appendMsgpackHead(dst, r, 2), "packet")
	out = msgp.AppendUint64(msgp.AppendString(msgp.AppendMapHeader(out, 3), "type"), eventType)
	out, err := appendPackValue(msgp.AppendString(out, "data"), r.Args, r.Attachments)
	if err != nil {
		return dst, err
	}
	out = appendText(out, "nsp", r.Namespace)
	out = msgp.AppendMapHeader(msgp.AppendString(out, "opts"), 3)
	out = appendNames(msgp.AppendString(out, "rooms"), r.Rooms)
	out = appendNames(msgp.AppendString(out, "except"), r.Except)
	flags := uint32(1)
	if r.Compress || r.NoCompress {
		flags++
	}
	out = msgp.AppendMapHeader(msgp.AppendString(out, "flags"), flags)
	if flags == 2 {
		out = appendBool(msgp.AppendString(out, "compress"), r.Compress)
	}
	return msgp.AppendUint64(msgp.AppendString(out, "timeout"), uint64(r.Timeout/time.Millisecond)), nil
}

func appendBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, mtrue)
	}
	return append(dst, mfalse)
}
