// Package policy decides which rooms and topics a client may join and send to.
// Nothing is allowed that no rule allows:
//
//	# one rule a line
//	room  "lobby" allow join, emit
//	room  "org:{claims.org}:*" in "/chat" allow join, emit
//	topic "builds:{claims.projects}:**" allow join
//
// In a pattern * stands for one or more characters other than ":" and "/", **
// for one or more of any, {claims.NAME} for the value of a claim of the client's
// token, and {claims.A.B} for one within an object. A claim that is a list
// matches with each of its values. A value is compared as it is: characters that
// mean something in a pattern mean nothing in a claim. A claim that is absent,
// empty or no string, number or boolean matches nothing, nor does one that has a
// ":" or "/" in it, which could reach into somebody else's part of a name.
//
// The package imports the standard library only.
package policy
