package redisadapter

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf16"
)

// DefaultStream is the streams adapter's streamName when none is configured.
const DefaultStream = "socket.io"

// Fields of an entry, in the order in which the streams adapter writes them.
const (
	StreamUID       = "uid"
	StreamNamespace = "nsp"
	StreamType      = "type"
	StreamData      = "data"
	// StreamSignature holds the signature of a signed entry, behind the others.
	// Servers that don't know of it pass over it.
	StreamSignature = "hmac"
)

// StreamOf returns the key of the stream that a namespace's messages are in
// (socket.io-redis-streams-adapter, computeStreamName). With several streams its
// number is the remainder of a signed hash and so may be negative: such
// namespaces can be written to by Node servers, which read 0 and up only.
func StreamOf(name string, count int, namespace string) string {
	if count <= 1 {
		return name
	}
	var hash int32
	for _, r := range namespace { // as JavaScript sees it: in UTF-16
		if units := utf16.AppendRune(nil, r); len(units) == 2 {
			hash = (hash*31+int32(units[0]))*31 + int32(units[1])
		} else {
			hash = hash*31 + int32(units[0])
		}
	}
	return name + "-" + strconv.FormatInt(int64(hash)%int64(count), 10)
}

// AppendStreamData appends the field data of an entry: JSON, or MessagePack in
// base64 when there is a binary value. On error dst comes back as it was.
func AppendStreamData(dst []byte, m *ClusterMessage) ([]byte, error) {
	start := len(dst)
	out, packed, err := AppendClusterData(dst, m)
	if err != nil || !packed {
		return out, err
	}
	text := base64.StdEncoding.AppendEncode(nil, out[start:])
	return append(out[:start], text...), nil
}

// DecodeStream decodes an entry. Its fields are taken as any peer may write them.
func DecodeStream(uid, namespace, kind, data string) (*ClusterMessage, error) {
	if len(data) > MaxMessage {
		return nil, fmt.Errorf("%w: over %d bytes", ErrClusterMessage, MaxMessage)
	}
	t, err := strconv.ParseUint(kind, 10, 8)
	if err != nil {
		return nil, fmt.Errorf("%w: type is not a number", ErrClusterMessage)
	}
	m := &ClusterMessage{UID: uid, Namespace: namespace, Type: ClusterType(t)}
	raw := []byte(data)
	if len(raw) == 0 || raw[0] != '{' {
		if raw, err = decodeBase64(data); err != nil {
			return nil, fmt.Errorf("%w: data is neither JSON nor base64", ErrClusterMessage)
		}
	}
	if err := DecodeClusterData(m, raw); err != nil {
		return nil, err
	}
	return m, nil
}

// decodeBase64 takes the standard alphabet with and without padding.
func decodeBase64(s string) ([]byte, error) {
	if b, err := base64.StdEncoding.DecodeString(s); err == nil {
		return b, nil
	}
	return base64.RawStdEncoding.DecodeString(s)
}

// errSession is returned for what is not a saved session.
var errSession = errors.New("not a session of the streams adapter")
