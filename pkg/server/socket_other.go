//go:build !unix

package server

import "errors"

// canShoot is whether a socket can be read and written without blocking. Where
// it can't, every connection is written to by a drain goroutine.
const canShoot = false

func writeOnce(uintptr, []byte) (int, error) { return 0, errors.ErrUnsupported }

func readOnce(uintptr, []byte) (int, bool, error) { return 0, false, errors.ErrUnsupported }

func readable(uintptr) bool { return true }
