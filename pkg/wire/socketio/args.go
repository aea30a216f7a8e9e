package socketio

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/realtime-toolkit/rtk/pkg/wire/rawjson"
)

// ErrArgs is returned for arguments that are not JSON.
var ErrArgs = errors.New("arguments are not valid JSON values separated by commas")

// EncodeEvent makes the array of an event, ["name",args…], of Go values, see
// EncodeArgs.
func EncodeEvent(event string, args []any) (array []byte, attachments [][]byte, err error) {
	raw, attachments, err := EncodeArgs(args)
	if err != nil {
		return nil, nil, err
	}
	array, err = EventArray(event, raw)
	return array, attachments, err
}

// EventArray makes the array of an event of arguments that are JSON, separated by
// commas and without brackets.
func EventArray(event string, args []byte) ([]byte, error) {
	array := make([]byte, 0, len(event)+len(args)+8)
	array = append(array, '[')
	array = rawjson.AppendQuote(array, event)
	if args = rawjson.Trim(args); len(args) > 0 {
		array = append(array, ',')
		array = append(array, args...)
	}
	array = append(array, ']')
	if !rawjson.Valid(array) {
		return nil, ErrArgs
	}
	return array, nil
}

// EncodeArgs marshals arguments into JSON without brackets. A json.RawMessage is
// taken as it is, a []byte becomes an attachment.
func EncodeArgs(args []any) (raw []byte, attachments [][]byte, err error) {
	for i, a := range args {
		if i > 0 {
			raw = append(raw, ',')
		}
		switch v := a.(type) {
		case json.RawMessage:
			raw = append(raw, v...)
		case []byte:
			raw = AppendPlaceholder(raw, len(attachments))
			attachments = append(attachments, v)
		case string:
			raw = rawjson.AppendQuote(raw, v)
		case bool:
			raw = strconv.AppendBool(raw, v)
		default:
			b, err := Marshal(v)
			if err != nil {
				return nil, nil, fmt.Errorf("argument %d: %w", i, err)
			}
			raw = append(raw, b...)
		}
	}
	return raw, attachments, nil
}

// Marshal is json.Marshal without HTML escaping, as JSON.stringify has it.
func Marshal(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte{'\n'}), nil
}
