package mint

import "slices"

// Defect is a flaw that a Minter puts into an otherwise sound token. The empty
// Defect is none.
type Defect string

// The defects. Each makes a token that every correct server refuses, given the
// settings that Info.Needs names.
const (
	Expired       Defect = "expired"
	NotBefore     Defect = "notBefore"
	WrongKey      Defect = "wrongKey"
	AlgNone       Defect = "algNone"
	AlgConfusion  Defect = "algConfusion"
	Tampered      Defect = "tampered"
	WrongAudience Defect = "wrongAudience"
	WrongIssuer   Defect = "wrongIssuer"
	NoExpiry      Defect = "noExpiry"
	UnknownKeyID  Defect = "unknownKeyId"
	Oversize      Defect = "oversize"
)

// Info describes a defect to the reader of a report or of a help text.
type Info struct {
	Defect Defect
	What   string // what is wrong with the token
	Needs  string // what the server must be set up to check, "" when nothing
}

var infos = []Info{
	{Expired, "exp passed an hour ago", ""},
	{NotBefore, "nbf is an hour ahead", ""},
	{WrongKey, "signed with a random key of the same kind", ""},
	{AlgNone, `alg is "none" and the signature is empty`, ""},
	{AlgConfusion, "signed with HS256 and the public key's PEM text as the secret; for an HMAC key, with RS256 and a key that the header itself carries", ""},
	{Tampered, "sub changed after signing", ""},
	{WrongAudience, "aud is another one", "an expected audience"},
	{WrongIssuer, "iss is another one", "an expected issuer"},
	{NoExpiry, "no exp", "exp to be required"},
	{UnknownKeyID, "kid leads to /dev/null, signed with the empty secret that is read there or, for a public-key algorithm, with a random key", ""},
	{Oversize, "soundly signed, but more than 8 KiB long", "a limit on token length"},
}

// Defects lists every defect, in a fixed order.
func Defects() []Info { return slices.Clone(infos) }

// Valid reports whether d is a known defect or none.
func (d Defect) Valid() bool {
	return d == "" || slices.ContainsFunc(infos, func(i Info) bool { return i.Defect == d })
}
