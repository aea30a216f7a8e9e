// Package e2e drives the built program from outside: its commands, their
// streams and exit codes, against real clients and real servers.
package e2e
