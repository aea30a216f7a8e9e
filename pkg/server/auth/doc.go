// Package auth decides who a connection belongs to.
//
// [Extract] finds the token in a handshake, whatever the transport; a
// [Verifier] checks it and yields an [Identity]. Every refusal is an [*Error]
// with a stable code, and no error, log line or metric of this package ever
// holds token or key material.
//
// The package imports the standard library, golang-jwt, keyfunc and gjson. It
// knows no transport: the server turns a refusal into a 401, a CONNECT_ERROR or
// a close.
package auth
