// Package mint makes JSON Web Tokens for tests of a server's authentication:
// sound ones, and ones with exactly one flaw that a server must refuse.
//
// A Minter needs the signing key, so it is for keys of test environments. It
// may be embedded outside a load generator; the package imports the standard
// library and golang-jwt only.
package mint
