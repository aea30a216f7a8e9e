package client

import "syscall"

// ipBindAddressNoPort is IP_BIND_ADDRESS_NO_PORT of linux/in.h.
const ipBindAddressNoPort = 24

// controlBoundSocket lets connect choose the port of a socket that is bound to
// a source address. bind would reserve a port for the address alone, so that
// all targets together would share 28,000 of them.
func controlBoundSocket(_, _ string, c syscall.RawConn) error {
	return c.Control(func(fd uintptr) {
		// Older kernels do without.
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, ipBindAddressNoPort, 1)
	})
}

// controlSmallWindow makes the receive buffer small before the connection is
// made, because the window is agreed on then.
func controlSmallWindow(and func(network, address string, c syscall.RawConn) error) func(network, address string, c syscall.RawConn) error {
	return func(network, address string, c syscall.RawConn) error {
		err := c.Control(func(fd uintptr) {
			_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, smallWindow)
		})
		if err == nil && and != nil {
			err = and(network, address, c)
		}
		return err
	}
}
