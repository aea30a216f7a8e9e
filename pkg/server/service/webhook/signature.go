package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Headers of a request (Standard Webhooks 1.0; Idempotency-Key as the IETF draft
// has it).
const (
	HeaderID             = "Webhook-Id"
	HeaderTimestamp      = "Webhook-Timestamp"
	HeaderSignature      = "Webhook-Signature"
	HeaderIdempotencyKey = "Idempotency-Key"
)

// signatureVersion marks HMAC-SHA256.
const signatureVersion = "v1,"

// sign returns the value of HeaderSignature: HMAC-SHA256 over
// "id.timestamp.body".
func sign(key []byte, id, timestamp string, body []byte) string {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(id))
	m.Write([]byte{'.'})
	m.Write([]byte(timestamp))
	m.Write([]byte{'.'})
	m.Write(body)
	return signatureVersion + base64.StdEncoding.EncodeToString(m.Sum(nil))
}

// ErrSignature means that a request was not signed with the secret, or too long
// ago.
var ErrSignature = errors.New("webhook signature")

// DefaultTolerance is how far the clocks of the two sides may be apart.
const DefaultTolerance = 5 * time.Minute

// Verify checks that a request with this header and body was signed with secret
// within tolerance of now. It is for the side that receives. Who needs more than
// that against replays keeps the Idempotency-Key for as long as tolerance.
func Verify(secret string, header http.Header, body []byte, now time.Time, tolerance time.Duration) error {
	key, err := signingKey(secret)
	if err != nil {
		return err
	}
	if len(key) == 0 {
		return fmt.Errorf("%w: the secret is empty", ErrSignature)
	}
	id, timestamp := header.Get(HeaderID), header.Get(HeaderTimestamp)
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if id == "" || err != nil {
		return fmt.Errorf("%w: %s or %s is missing or malformed", ErrSignature, HeaderID, HeaderTimestamp)
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > tolerance || age < -tolerance {
		return fmt.Errorf("%w: it is not from within %v of now", ErrSignature, tolerance)
	}
	want := []byte(sign(key, id, timestamp, body))
	for s := range strings.FieldsSeq(header.Get(HeaderSignature)) { // several while a secret is rotated
		if hmac.Equal([]byte(s), want) {
			return nil
		}
	}
	return fmt.Errorf("%w: it does not match", ErrSignature)
}
