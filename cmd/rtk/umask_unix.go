//go:build unix

package main

import "syscall"

// tightUmask lets only the owner use what is made until restore is called. The
// mask is the process's, so this is for the start only.
func tightUmask() (restore func()) {
	old := syscall.Umask(0o177)
	return func() { syscall.Umask(old) }
}
