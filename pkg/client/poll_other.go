//go:build !linux

package client

// poller is for Linux.
type poller struct{}

func (*poller) take(*ws) bool { return false }

func (*poller) look(*polled) {}

func (*polled) shutdownWrite() error { return errAgain }

func (l *link) readNow() error { return errAgain }

func (p *polled) tryWrite([]byte) (int, error) { return 0, nil }
