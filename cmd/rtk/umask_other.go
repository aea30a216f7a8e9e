//go:build !unix

package main

// tightUmask does nothing where files have no mode.
func tightUmask() (restore func()) { return func() {} }
