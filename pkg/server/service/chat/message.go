package chat

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// Room is a room name as a client sent it. A JSON value that isn't a string
// decodes as the empty name, so that the service refuses it in its own words.
type Room string

// JSONSchema is for the contract.
func (Room) JSONSchema() string { return `{"type":"string"}` }

// UnmarshalJSON implements json.Unmarshaler.
func (r *Room) UnmarshalJSON(b []byte) error {
	*r = ""
	if len(b) == 0 || b[0] != '"' {
		return nil
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	*r = Room(s)
	return nil
}

// Text is the text of a message: the JSON string as the client wrote it, with
// quotes and escapes. It is never decoded and encoded again, which would change
// bytes (escapes of <, > and &) and characters (lone surrogates).
type Text []byte

// JSONSchema is for the contract.
func (Text) JSONSchema() string { return `{"type":"string"}` }

// UnmarshalJSON implements json.Unmarshaler; it keeps a copy of b.
func (t *Text) UnmarshalJSON(b []byte) error {
	*t = bytes.Clone(b)
	return nil
}

// MarshalJSON implements json.Marshaler.
func (t Text) MarshalJSON() ([]byte, error) {
	if t == nil {
		return []byte("null"), nil
	}
	return t, nil
}

// Len is the length in bytes of UTF-8 after unescaping, -1 when the JSON value
// isn't a string.
func (t Text) Len() int {
	if len(t) < 2 || t[0] != '"' {
		return -1
	}
	if bytes.IndexByte(t, '\\') < 0 {
		return len(t) - 2
	}
	var s string
	if json.Unmarshal(t, &s) != nil {
		return -1
	}
	return len(s)
}

// Message is what the members of a room receive.
type Message struct {
	Room string `json:"room"`
	Text Text   `json:"text"`
	From string `json:"from"`
	ID   string `json:"id" doc:"unique over all pods"`
	At   int64  `json:"at" doc:"Unix time in milliseconds"`
}

// typing is what appendTyping writes.
type typing struct {
	Room string `json:"room"`
	From string `json:"from"`
}

// AppendJSON appends the message as JSON. The fields are in the order of the
// struct; text is appended as it came.
func (m *Message) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"room":`...)
	dst = appendString(dst, m.Room)
	dst = append(dst, `,"text":`...)
	dst = append(dst, m.Text...)
	dst = append(dst, `,"from":`...)
	dst = appendString(dst, m.From)
	dst = append(dst, `,"id":"`...)
	dst = append(dst, m.ID...) // made by the service, nothing to escape
	dst = append(dst, `","at":`...)
	dst = strconv.AppendInt(dst, m.At, 10)
	return append(dst, '}')
}

// appendTyping appends what the other members receive while from types.
func appendTyping(dst []byte, room, from string) []byte {
	dst = append(dst, `{"room":`...)
	dst = appendString(dst, room)
	dst = append(dst, `,"from":`...)
	dst = appendString(dst, from)
	return append(dst, '}')
}

// appendString appends s as a JSON string. Names are mostly plain ASCII, which
// needs no trip through encoding/json.
func appendString(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			b, err := json.Marshal(s)
			if err != nil {
				return append(dst, `""`...)
			}
			return append(dst, b...)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}
