package auth

import "net/http"

// Places says where a token may travel. The zero value allows all of them,
// under the default names.
type Places struct {
	NoAuthPayload bool   // refuse auth.token of a Socket.IO CONNECT packet
	NoHeader      bool   // refuse Authorization: Bearer
	Cookie        string // cookie name, "" means "token", "-" means none
	Query         string // query parameter name, "" means "token", "-" means none
}

// Extract finds the token of a handshake. See extract_test.go for the rules.
func Extract(r *http.Request, connectPayload []byte, p Places) (token string, ok bool) {
	return "", false
}
