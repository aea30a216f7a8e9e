//go:build !linux

package client

import "syscall"

var controlBoundSocket func(network, address string, c syscall.RawConn) error
