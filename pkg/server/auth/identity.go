package auth

import "time"

// Identity is what a verified token says of its bearer. It is shared by all
// that hold the connection and must not be modified.
type Identity struct {
	Subject   string         // sub, "" when absent
	TokenID   string         // jti, "" when absent
	Issuer    string         // iss, "" when absent
	ExpiresAt time.Time      // exp; a connection must not outlive it
	IssuedAt  time.Time      // iat, zero when absent
	Claims    map[string]any // all claims; numbers are json.Number
}

// User names the bearer among the users of all issuers. has is false for a nil
// Identity and without a subject.
func (id *Identity) User() (user string, has bool) {
	switch {
	case id == nil || id.Subject == "":
		return "", false
	case id.Issuer == "":
		return id.Subject, true
	}
	return id.Issuer + "\n" + id.Subject, true
}
