//go:build !linux

package client

import "syscall"

var controlBoundSocket func(network, address string, c syscall.RawConn) error

func controlSmallWindow(and func(network, address string, c syscall.RawConn) error) func(network, address string, c syscall.RawConn) error {
	return and
}
