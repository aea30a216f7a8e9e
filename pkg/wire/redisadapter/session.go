package redisadapter

import (
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/tinylib/msgp/msgp"
)

// SessionKey returns the key under which the streams adapter keeps the session of
// a connection whose client is away.
func SessionKey(pid string) string { return "sio:session:" + pid }

// Session is what the streams adapter keeps of a connection: MessagePack in
// base64. Its first four fields are those of npm's; the others are passed over
// there.
type Session struct {
	SID       string          `json:"sid"`
	PID       string          `json:"pid"`
	Rooms     []string        `json:"rooms"`
	Data      json.RawMessage `json:"data"` // socket.data
	Owner     string          `json:"rtk"`  // SessionOwner characters, or none
	Namespace string          `json:"nsp"`
	Begin     string          `json:"begin"`
	Holder    string          `json:"holder"`
	Values    json.RawMessage `json:"values"`
}

// SessionOwner is the length of a session's owner, chosen so that it and what
// is before it end where a group of base64 does: the text of a session begins
// with SessionHead of its owner, and that of no other session does.
const SessionOwner = 24

const (
	sessionMembers = 9
	ownerKey       = "rtk"
)

// SessionHead is how the text of an owner's session begins.
func SessionHead(owner string) string {
	return base64.StdEncoding.EncodeToString(appendOwner(nil, owner))
}

func appendOwner(dst []byte, owner string) []byte {
	dst = msgp.AppendMapHeader(dst, sessionMembers)
	return appendText(dst, ownerKey, owner)
}

// EncodeSession returns the text of a session, which has an owner.
func EncodeSession(s *Session) (string, error) {
	if len(s.Owner) != SessionOwner {
		return "", fmt.Errorf("session: owner of %d characters, not %d", len(s.Owner), SessionOwner)
	}
	b := appendOwner(make([]byte, 0, 256), s.Owner)
	b = appendText(b, "sid", s.SID)
	b = appendText(b, "pid", s.PID)
	b = appendNames(msgp.AppendString(b, "rooms"), s.Rooms)
	b = appendText(b, "nsp", s.Namespace)
	b = appendText(b, "begin", s.Begin)
	b = appendText(b, "holder", s.Holder)
	for _, v := range []struct {
		key string
		raw json.RawMessage
	}{{"data", s.Data}, {"values", s.Values}} {
		if len(v.raw) == 0 {
			v.raw = json.RawMessage("{}")
		}
		if !json.Valid(v.raw) {
			return "", fmt.Errorf("session: %s is not JSON", v.key)
		}
		var err error
		if b, err = appendPackValue(msgp.AppendString(b, v.key), v.raw, nil); err != nil {
			return "", fmt.Errorf("session: %s: %w", v.key, err)
		}
	}
	return base64.StdEncoding.EncodeToString(b), nil
}

// DecodeSession reads what any server may have saved.
func DecodeSession(text string) (*Session, error) {
	if len(text) > MaxMessage {
		return nil, fmt.Errorf("%w: over %d bytes", errSession, MaxMessage)
	}
	raw, err := decodeBase64(text)
	if err != nil {
		return nil, fmt.Errorf("%w: not base64", errSession)
	}
	w := jsonWriter{inline: true}
	rest, err := w.value(raw, 0)
	if err != nil || len(rest) > 0 {
		return nil, fmt.Errorf("%w: not MessagePack", errSession)
	}
	s := new(Session)
	if err := json.Unmarshal(w.dst, s); err != nil {
		return nil, fmt.Errorf("%w: a member has the wrong type", errSession)
	}
	if s.SID == "" || s.PID == "" {
		return nil, fmt.Errorf("%w: no sid or pid", errSession)
	}
	return s, nil
}
