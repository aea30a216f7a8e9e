//go:build linux

// Package fleet runs the processes of a measurement, Redis and the pods of one
// server, on one core of this machine, and tells what they used.
//
// It imports the standard library only.
package fleet
