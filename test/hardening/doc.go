// Package hardening holds tests of what bad input gets from the real program:
// each kind is bounded and answered by one clear error or close code, and a
// client of good behaviour goes on with its latency unharmed.
package hardening
