//go:build linux

// Package drive is a neutral driver for comparing servers: the same publishers,
// subscribers and checks, whatever server and protocol. One goroutine and one
// epoll set serve all connections, so that the driver is small beside the
// servers; every message carries who sent it, its number and when it was due, and
// is looked for once in each subscriber.
//
// It imports the standard library only.
package drive
