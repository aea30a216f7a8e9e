package nestws

import (
	"errors"

	"github.com/realtime-toolkit/rtk/pkg/wire/rawjson"
)

// AckEvent is the event name of an answer to a request with an id.
const AckEvent = "ack"

// ExceptionEvent is the event name of a failure (NestJS 12).
const ExceptionEvent = "exception"

// Frame is one decoded frame. Data and ID alias the text it was parsed from.
type Frame struct {
	Event string
	Data  []byte // JSON, nil when absent
	ID    []byte // JSON of the "id" key, nil when absent
}

var (
	// ErrJSON is returned for a frame that is not valid JSON.
	ErrJSON = errors.New("frame is not valid JSON")
	// ErrNotObject is returned for JSON that is no object.
	ErrNotObject = errors.New(`frame is not a JSON object {"event":…,"data":…}`)
	// ErrNoEvent is returned for an object whose "event" is not a string.
	ErrNoEvent = errors.New(`frame has no string "event"`)
)

// Parse decodes a frame. Other keys than event, data and id are ignored; of a
// repeated key the last one counts, as in JavaScript.
func Parse(b []byte) (Frame, error) {
	event, data, id, err := Split(b)
	if err != nil {
		return Frame{}, err
	}
	return Frame{Event: string(event), Data: data, ID: id}, nil
}

// Split is Parse for hot paths: the event name aliases b unless it has escapes,
// so that a look-up by string(event) doesn't allocate.
func Split(b []byte) (event, data, id []byte, err error) {
	if !rawjson.Valid(b) {
		return nil, nil, nil, ErrJSON
	}
	var name []byte
	isObject := rawjson.Members(b, func(key, value []byte) bool {
		switch {
		case rawjson.KeyIs(key, "event"):
			name = value
		case rawjson.KeyIs(key, "data"):
			data = value
		case rawjson.KeyIs(key, "id"):
			id = value
		}
		return true
	})
	if !isObject {
		return nil, nil, nil, ErrNotObject
	}
	event, ok := rawjson.Text(name)
	if !ok {
		return nil, nil, nil, ErrNoEvent
	}
	return event, data, id, nil
}

// Append appends {"event":"name","data":…}. data is JSON; without data the key
// is left out, as JSON.stringify does with undefined.
func Append(dst []byte, event string, data []byte) []byte {
	dst = append(dst, `{"event":`...)
	dst = rawjson.AppendQuote(dst, event)
	return appendData(dst, data)
}

// AppendAck appends the answer to a request with an id. id and data are JSON;
// the data key is left out when data is empty.
func AppendAck(dst, id, data []byte) []byte {
	dst = append(dst, `{"event":"ack","id":`...)
	dst = append(dst, id...)
	return appendData(dst, data)
}

func appendData(dst, data []byte) []byte {
	if len(data) > 0 {
		dst = append(dst, `,"data":`...)
		dst = append(dst, data...)
	}
	return append(dst, '}')
}
