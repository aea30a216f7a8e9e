package auth

import "time"

// Identity is what a verified token says of its bearer. It is shared by all
// that hold the connection and must not be modified.
type Identity struct {
	Subject   string         // sub, "" when absent
	TokenID   string         // jti, "" when absent
	Issuer    string         // iss, "" when absent
	ExpiresAt time.Time      // exp; a connection must not outlive it
	Claims    map[string]any // all claims; numbers are json.Number
}
