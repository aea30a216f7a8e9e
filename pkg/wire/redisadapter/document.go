package redisadapter

import (
	"errors"
	"fmt"

	"github.com/tinylib/msgp/msgp"

	"github.com/realtime-toolkit/rtk/pkg/wire/rawjson"
	"github.com/realtime-toolkit/rtk/pkg/wire/socketio"
)

// document is a request or an answer as JSON, with placeholders for the
// attachments. Only what came as MessagePack has attachments.
type document struct {
	json        []byte
	attachments [][]byte
}

// readDocument reads JSON text when msg begins with a brace, as npm's adapter
// does (lib/index.ts, onrequest), MessagePack otherwise. Neither json nor an
// attachment outlives msg.
func readDocument(msg []byte) (document, error) {
	switch {
	case len(msg) > MaxMessage:
		return document{}, fmt.Errorf("over %d bytes", MaxMessage)
	case len(msg) == 0:
		return document{}, errors.New("empty")
	case msg[0] == '{':
		if !rawjson.Valid(msg) {
			return document{}, errJSON
		}
		return document{json: msg}, nil
	}
	w := jsonWriter{dst: make([]byte, 0, len(msg)+16)}
	rest, err := w.value(msg, 0)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d trailing bytes", len(rest))
	}
	if err == nil && w.dst[0] != '{' {
		err = errors.New("not an object")
	}
	return document{w.dst, w.attachments}, err
}

// appendText appends a MessagePack key and a string.
func appendText(dst []byte, key, value string) []byte {
	return msgp.AppendString(msgp.AppendString(dst, key), value)
}

// memberName returns the text of a key as rawjson.Members yields it.
func memberName(key []byte) string {
	text, _ := rawjson.Text(key)
	return string(text)
}

// cutLast returns the attachments without the last when value is its
// placeholder: a signature, to those without the key.
func cutLast(attachments [][]byte, value []byte) [][]byte {
	last := len(attachments) - 1
	if last >= 0 && string(value) == socketio.Placeholder(last) {
		return attachments[:last]
	}
	return attachments
}
