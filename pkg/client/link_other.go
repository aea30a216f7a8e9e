//go:build !unix

package client

import (
	"net"
	"syscall"
)

func rawConn(net.Conn) syscall.RawConn { return nil }

func (l *link) tryRead(uintptr) bool { return true }

func (l *link) tryWrite(uintptr) bool { return true }
