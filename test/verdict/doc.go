// Package verdict holds the proof that `rtk bench` is right about servers that
// are not rtk: a NestJS application that keeps every rule passes, and with one
// rule broken the check that is about that rule fails, and no other.
//
// The application is test/node/nest; what can be broken is in its rules.js.
package verdict
