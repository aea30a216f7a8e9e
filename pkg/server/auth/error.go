package auth

// Code says why a token was refused. Codes are part of the public protocol:
// clients see them in a 401 body or in CONNECT_ERROR data.
type Code = string

// The codes of [Error].
const (
	CodeTokenMissing      Code = "token_missing"       // none in any allowed place
	CodeTokenMalformed    Code = "token_malformed"     // not a well-formed signed JWT
	CodeTokenTooLarge     Code = "token_too_large"     // longer than MaxTokenBytes
	CodeTokenBadAlgorithm Code = "token_bad_algorithm" // alg not in the configured list
	CodeTokenUnknownKey   Code = "token_unknown_key"   // no configured key fits the token
	CodeTokenBadSignature Code = "token_bad_signature" // signed with another key, or changed afterwards
	CodeTokenNoExpiry     Code = "token_no_expiry"     // no exp claim
	CodeTokenExpired      Code = "token_expired"       // exp has passed
	CodeTokenNotYetValid  Code = "token_not_yet_valid" // nbf or iat is ahead
	CodeTokenBadAudience  Code = "token_bad_audience"  // aud names none of ours
	CodeTokenBadIssuer    Code = "token_bad_issuer"    // iss is none of ours
	CodeTokenRevoked      Code = "token_revoked"       // revoked before it expired
	CodeKeyUnavailable    Code = "key_unavailable"     // the key set could not be fetched: not the client's fault
)

// messages are fixed texts, so that nothing out of a token can get into one.
var messages = map[Code]string{
	CodeTokenMissing:      "no token in the handshake",
	CodeTokenMalformed:    "the token is not a well-formed signed JWT",
	CodeTokenTooLarge:     "the token is longer than 8 KiB",
	CodeTokenBadAlgorithm: "the token's algorithm is not accepted here",
	CodeTokenUnknownKey:   "the token names no key known here",
	CodeTokenBadSignature: "the token's signature is not valid",
	CodeTokenNoExpiry:     "the token has no expiry",
	CodeTokenExpired:      "the token has expired",
	CodeTokenNotYetValid:  "the token is not valid yet",
	CodeTokenBadAudience:  "the token is for another audience",
	CodeTokenBadIssuer:    "the token is from another issuer",
	CodeTokenRevoked:      "the token has been revoked",
	CodeKeyUnavailable:    "the verification keys are not available at the moment",
}

// Error is a refusal. It carries a code and nothing of the token, so it is safe
// to send to the client and to log.
type Error struct{ Code Code }

// Error is the fixed text of the code.
func (e *Error) Error() string {
	if m, ok := messages[e.Code]; ok {
		return m
	}
	return "the token was refused"
}

// Is matches another *Error with the same code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// Temporary reports whether the same token may be accepted a little later: the
// keys could not be fetched. A server answers 503 then and 401 otherwise.
func (e *Error) Temporary() bool { return e.Code == CodeKeyUnavailable }
