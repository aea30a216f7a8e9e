//go:build !linux

package client

func (l *link) unread() (waiting, room int, ok bool) { return 0, 0, false }
