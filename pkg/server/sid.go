package server

import (
	"crypto/rand"
	"encoding/base64"
)

// newID makes a session id: 20 characters of base64url, which other Socket.IO
// servers take for a socket's id by its length.
func newID() string {
	var b [15]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}
