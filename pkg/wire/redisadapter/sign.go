package redisadapter

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"sync"
)

// A signed message is the message with one more member at its end, which peers
// that don't know of it ignore: a fourth element of a broadcast of the classic
// adapter, a last key in an object.
//
//	[uid, packet, opts, <32 bytes>]
//	{…, "hmac": <32 bytes>}
//	{…,"hmac":"<43 characters of base64url>"}
//
// The signature is HMAC-SHA256 over the length of the channel's name, the name
// and the message without the signature. It says who may speak on the channel,
// not when: a message that was heard once can be published again.
const (
	fixMap0   = 0x80
	fixArray0 = 0x90

	signedKey   = "hmac"
	signedArray = "\xc4\x20"                       // bin8 of 32 bytes
	signedMap   = "\xa4" + signedKey + signedArray // its key and what begins the value
	signedJSON  = `,"` + signedKey + `":"`         // its key and what begins the value
	signedText  = 43                               // characters of 32 bytes in base64url
	jsonEnd     = len(signedJSON) + signedText + len(`"}`)
)

// MinSignKey is the least length of a key, in bytes.
const MinSignKey = 16

var (
	// ErrSignature is returned for a signature that isn't right.
	ErrSignature = errors.New("signature is not right")
	// ErrUnsigned is returned for a message without a signature where one is
	// required.
	ErrUnsigned = errors.New("message is not signed")
	errForm     = errors.New("message can't be signed: neither an object nor a short array")
)

// Signer signs messages and checks them. A nil Signer leaves messages as they
// are and takes all of them. It is safe for concurrent use.
type Signer struct {
	required bool
	macs     sync.Pool
}

// NewSigner makes a signer; required refuses what is not signed. Without a key
// it returns nil.
func NewSigner(key []byte, required bool) *Signer {
	if len(key) == 0 {
		return nil
	}
	key = bytes.Clone(key)
	s := &Signer{required: required}
	s.macs.New = func() any { return hmac.New(sha256.New, key) }
	return s
}

// Sign appends the signature to msg, which is for the channel. It may change msg
// and returns it, grown.
func (s *Signer) Sign(channel string, msg []byte) ([]byte, error) {
	if s == nil {
		return msg, nil
	}
	var sum [sha256.Size]byte
	switch f := form(msg); {
	case f != formOther && (msg[0] == fixArray0+4 || msg[0] == fixArray0-1): // no room for one more
	case f == formArray:
		s.sum(&sum, channel, msg)
		msg[0]++
		return append(append(msg, signedArray...), sum[:]...), nil
	case f == formMap:
		s.sum(&sum, channel, msg)
		msg[0]++
		return append(append(msg, signedMap...), sum[:]...), nil
	case f == formJSON:
		s.sum(&sum, channel, msg)
		msg = append(msg[:len(msg)-1], signedJSON...)
		return append(base64.RawURLEncoding.AppendEncode(msg, sum[:]), `"}`...), nil
	}
	return msg, errForm
}

// Open returns msg without its signature, which it checks. It may change msg. An
// error is ErrSignature or, where one is required, ErrUnsigned.
func (s *Signer) Open(channel string, msg []byte) ([]byte, error) {
	if s == nil {
		return msg, nil
	}
	var got []byte
	n := len(msg)
	switch form(msg) {
	case formArray:
		got, n = cutSignature(msg, signedArray)
		if msg[0] != fixArray0+4 { // the last of the three may look like one
			got = nil
		}
	case formMap:
		got, n = cutSignature(msg, signedMap)
	case formJSON:
		if n = len(msg) - jsonEnd; n > 0 && bytes.HasPrefix(msg[n:], []byte(signedJSON)) && msg[len(msg)-2] == '"' {
			var err error
			if got, err = base64.RawURLEncoding.DecodeString(string(msg[n+len(signedJSON) : len(msg)-2])); err != nil {
				return nil, ErrSignature
			}
		}
	}
	if got == nil {
		if s.required {
			return nil, ErrUnsigned
		}
		return msg, nil
	}
	plain := msg[:n]
	if msg[0] == '{' {
		plain = append(plain, '}') // in the place of the comma
	} else {
		plain[0]--
	}
	var want [sha256.Size]byte
	if s.sum(&want, channel, plain); !hmac.Equal(want[:], got) {
		return nil, ErrSignature
	}
	return plain, nil
}

// cutSignature splits a signature off the end; n is where the message ends
// without it.
func cutSignature(msg []byte, mark string) (signature []byte, n int) {
	n = len(msg) - len(mark) - sha256.Size
	if n < 1 || string(msg[n:n+len(mark)]) != mark {
		return nil, len(msg)
	}
	return msg[n+len(mark):], n
}

// Sum returns the signature over parts, for messages that are no single text,
// such as an entry of a stream.
func (s *Signer) Sum(parts ...[]byte) []byte {
	mac := s.macs.Get().(hash.Hash)
	defer s.macs.Put(mac)
	mac.Reset()
	for _, p := range parts {
		writeSized(mac, p)
	}
	return mac.Sum(nil)
}

// Check compares a signature of parts. An empty one is none.
func (s *Signer) Check(signature []byte, parts ...[]byte) error {
	switch {
	case s == nil:
		return nil
	case len(signature) == 0 && s.required:
		return ErrUnsigned
	case len(signature) > 0 && !hmac.Equal(signature, s.Sum(parts...)):
		return ErrSignature
	}
	return nil
}

func (s *Signer) sum(dst *[sha256.Size]byte, channel string, msg []byte) {
	mac := s.macs.Get().(hash.Hash)
	defer s.macs.Put(mac)
	mac.Reset()
	writeSized(mac, []byte(channel))
	_, _ = mac.Write(msg) // a hash never fails
	mac.Sum(dst[:0])
}

func writeSized(mac hash.Hash, part []byte) {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(part)))
	_, _ = mac.Write(n[:])
	_, _ = mac.Write(part)
}

type messageForm uint8

const (
	formOther messageForm = iota
	formArray
	formMap
	formJSON
)

// form tells the encodings apart that have room for one more member.
func form(msg []byte) messageForm {
	if len(msg) < 3 {
		return formOther
	}
	switch c := msg[0]; {
	case c == '{' && msg[len(msg)-1] == '}':
		return formJSON
	case c == fixArray0+3 || c == fixArray0+4:
		return formArray
	case c > fixMap0 && c < fixArray0:
		return formMap
	}
	return formOther
}

// CheckSignKey reports an error when a key is too short to be one.
func CheckSignKey(key []byte) error {
	if n := len(key); n > 0 && n < MinSignKey {
		return fmt.Errorf("key has %d bytes, fewer than %d", n, MinSignKey)
	}
	return nil
}
