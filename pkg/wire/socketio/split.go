package socketio

import (
	"fmt"

	"github.com/realtime-toolkit/rtk/pkg/wire/rawjson"
)

// SplitEvent splits the data of an event, ["name",1,2], into the name and the
// other arguments without their brackets, 1,2. args aliases data. A numeric
// name is returned as it is written.
func SplitEvent(data []byte) (name string, args []byte, err error) {
	b, args, err := SplitEventBytes(data)
	return string(b), args, err
}

// SplitEventBytes is SplitEvent for hot paths: the name aliases data unless it
// has escapes, so that a look-up by string(name) doesn't allocate.
func SplitEventBytes(data []byte) (name, args []byte, err error) {
	first, args, ok := cutFirst(data)
	if !ok || len(first) == 0 {
		return nil, nil, fmt.Errorf("%w: not an array that starts with the event name", ErrPayload)
	}
	switch c := first[0]; {
	case c == '-' || '0' <= c && c <= '9':
		return first, args, nil
	case c != '"':
		return nil, nil, fmt.Errorf("%w: event name is not a string or a number", ErrPayload)
	}
	name, ok = rawjson.Text(first)
	if !ok {
		return nil, nil, fmt.Errorf("%w: bad event name", ErrPayload)
	}
	return name, args, nil
}

// SplitArgs returns the elements of a JSON array without its brackets, 1,2 of
// [1,2], as an alias; nil when data is not in brackets.
func SplitArgs(data []byte) []byte {
	data = rawjson.Trim(data)
	if len(data) < 2 || data[0] != '[' || data[len(data)-1] != ']' {
		return nil
	}
	return rawjson.Trim(data[1 : len(data)-1])
}

// cutFirst splits the array data into its first element and the text of the
// others. first is empty when the array is.
func cutFirst(data []byte) (first, others []byte, ok bool) {
	data = rawjson.Trim(data)
	if len(data) < 2 || data[0] != '[' || data[len(data)-1] != ']' {
		return nil, nil, false
	}
	inner := rawjson.Trim(data[1 : len(data)-1])
	if len(inner) == 0 {
		return nil, nil, true
	}
	first, rest, ok := rawjson.Next(inner)
	if !ok {
		return nil, nil, false
	}
	rest = rawjson.Trim(rest)
	if len(rest) == 0 {
		return first, nil, true
	}
	if rest[0] != ',' {
		return nil, nil, false
	}
	return first, rawjson.Trim(rest[1:]), true
}
