package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits of a publish request.
const (
	maxPublishBytes = 1 << 20
	maxPublishRooms = 1000
	maxNameBytes    = 256
)

// message is a valid publish request.
type message struct {
	namespace     string
	rooms, except []string
	event         string
	args          []byte // one JSON value, or empty
	key           string // idempotency key, or empty
}

// reservedEvents have a meaning of their own in Socket.IO (protocol 5, "the
// event name must not be one of the reserved names").
var reservedEvents = []string{"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}

func (a *Admin) publish(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPublishBytes))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			writeError(w, http.StatusRequestEntityTooLarge, "too_large", "the body is larger than 1 MiB")
			return
		}
		writeError(w, http.StatusBadRequest, "bad_body", "the body could not be read")
		return
	}
	do := func() outcome { return a.publishBody(r.Context(), body) }
	key := r.Header.Get("Idempotency-Key")
	if key == "" {
		do().write(w)
		return
	}
	if len(key) > maxKeyBytes {
		writeError(w, http.StatusBadRequest, "invalid_request", fmt.Sprintf("Idempotency-Key is longer than %d bytes", maxKeyBytes))
		return
	}
	out, replayed, err := a.keys.once(r.Context(), "request "+key, body, do)
	if err != nil {
		keyError(err).write(w)
		return
	}
	if replayed {
		w.Header().Set("Idempotency-Replayed", "true")
	}
	out.write(w)
}

// publishBody publishes one message or a batch.
func (a *Admin) publishBody(ctx context.Context, body []byte) outcome {
	items, batch, err := parseBatch(body)
	switch {
	case err != nil:
		return failed(http.StatusBadRequest, "invalid_request", err.Error())
	case batch:
		return a.publishBatch(ctx, items)
	}
	return a.publishItem(ctx, body)
}

// fields of a request and what a value of each must be.
var fields = map[string]string{
	"namespace": `a string that begins with "/"`,
	"topic":     "a string that is not empty",
	"room":      "a string that is not empty",
	"rooms":     "an array of strings that are not empty",
	"except":    "an array of strings that are not empty",
	"event":     "a string that is not empty",
	"data":      "any JSON value",
	"key":       "a string that is not empty",
}

// parsePublish checks a whole request. Keys are compared exactly: encoding/json
// would take "Room" for "room".
func parsePublish(body []byte, topicNamespace string) (*message, error) {
	var in map[string]json.RawMessage
	if err := json.Unmarshal(body, &in); err != nil {
		if e, ok := errors.AsType[*json.SyntaxError](err); ok {
			return nil, fmt.Errorf("the body is not JSON: %w at byte %d", err, e.Offset)
		}
		return nil, errors.New(`the body must be a JSON object such as {"namespace":"/chat","room":"lobby","event":"message","data":{}}`)
	}
	if !utf8.Valid(body) {
		return nil, errors.New("the body is not UTF-8")
	}
	if in == nil {
		return nil, errors.New("the body must be a JSON object, not null")
	}
	for _, k := range slices.Sorted(maps.Keys(in)) {
		if fields[k] == "" {
			return nil, fmt.Errorf("unknown field %q; fields are %s", clip(k), strings.Join(slices.Sorted(maps.Keys(fields)), ", "))
		}
	}
	m := &message{args: in["data"]}
	topic, err := name(in, "topic")
	if err != nil {
		return nil, err
	}
	if m.namespace, err = name(in, "namespace"); err != nil {
		return nil, err
	}
	room, err := name(in, "room")
	if err != nil {
		return nil, err
	}
	if m.rooms, err = names(in, "rooms"); err != nil {
		return nil, err
	}
	if m.except, err = names(in, "except"); err != nil {
		return nil, err
	}
	if m.event, err = name(in, "event"); err != nil {
		return nil, err
	}
	if m.key, err = name(in, "key"); err != nil {
		return nil, err
	}
	switch {
	case topic != "" && (m.namespace != "" || room != "" || m.rooms != nil || m.except != nil):
		return nil, errors.New(`"topic" stands alone: leave out namespace, room, rooms and except`)
	case topic != "":
		m.namespace, m.rooms = topicNamespace, []string{topic}
	case m.namespace == "":
		return nil, errors.New(`"namespace" or "topic" is missing`)
	case m.namespace[0] != '/' || strings.ContainsAny(m.namespace, ",?"):
		return nil, errors.New(`"namespace" must be ` + fields["namespace"] + ` and has no "," or "?"`)
	case room != "" && m.rooms != nil:
		return nil, errors.New(`give "room" or "rooms", not both`)
	case room != "":
		m.rooms = []string{room}
	}
	if m.event == "" {
		return nil, errors.New(`"event" is missing`)
	}
	if slices.Contains(reservedEvents, m.event) {
		return nil, fmt.Errorf("event %q is reserved by Socket.IO", m.event)
	}
	return m, nil
}

// name returns an optional string field.
func name(in map[string]json.RawMessage, key string) (string, error) {
	raw, ok := in[key]
	if !ok {
		return "", nil
	}
	var s *string
	if json.Unmarshal(raw, &s) != nil || s == nil || *s == "" {
		return "", fmt.Errorf("%q must be %s", key, fields[key])
	}
	if len(*s) > maxNameBytes {
		return "", fmt.Errorf("%q is longer than %d bytes", key, maxNameBytes)
	}
	return *s, nil
}

// names returns an optional field that is a list of strings. An empty list is
// refused: for "rooms" it would mean the whole namespace, which nobody who
// computed a list of rooms means.
func names(in map[string]json.RawMessage, key string) ([]string, error) {
	raw, ok := in[key]
	if !ok {
		return nil, nil
	}
	var list []*string
	if json.Unmarshal(raw, &list) != nil || list == nil {
		return nil, fmt.Errorf("%q must be %s", key, fields[key])
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%q is empty; leave it out if that is what you mean", key)
	}
	if len(list) > maxPublishRooms {
		return nil, fmt.Errorf("%q has %d entries, the limit is %d", key, len(list), maxPublishRooms)
	}
	out := make([]string, len(list))
	for i, s := range list {
		if s == nil || *s == "" {
			return nil, fmt.Errorf("%q must be %s", key, fields[key])
		}
		if len(*s) > maxNameBytes {
			return nil, fmt.Errorf("%q: entry %d is longer than %d bytes", key, i, maxNameBytes)
		}
		out[i] = *s
	}
	return out, nil
}

// clip keeps an error readable when the key is not.
func clip(s string) string {
	if len(s) > 64 {
		return s[:64] + "…"
	}
	return s
}
