package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// listener is one listener with the failures to accept, which are the first
// sign of too few descriptors.
type listener struct {
	net.Listener
	name   string // as it is announced: HOST:PORT or unix:PATH
	errors atomic.Uint64
	last   atomic.Pointer[failure]
}

type failure struct {
	at  time.Time
	why string
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil && !errors.Is(err, net.ErrClosed) {
		l.errors.Add(1)
		l.last.Store(&failure{time.Now(), err.Error()})
	}
	return c, err
}

// trouble reports whether the listener failed to accept lately, and why.
func (l *listener) trouble(now time.Time) (why string, bad bool) {
	f := l.last.Load()
	if f == nil || now.Sub(f.at) > troubleWindow {
		return "", false
	}
	return f.why, true
}

// url is where the listener is reached.
func (l *listener) url(secure bool) string {
	switch {
	case strings.HasPrefix(l.name, "unix:"):
		return l.name
	case secure:
		return "https://" + l.name
	}
	return "http://" + l.name
}

func newListener(l net.Listener) *listener {
	name := l.Addr().String()
	if l.Addr().Network() == "unix" {
		name = "unix:" + name
	}
	return &listener{Listener: l, name: name}
}

// openListeners opens what a flag asks for, all or nothing. An address is
// HOST:PORT, unix:PATH, or systemd for the sockets that were passed on and wanted
// picks by name.
func openListeners(ctx context.Context, flag string, addrs []string, mode fs.FileMode, passed []passedSocket, wanted func(name string) bool) (_ []*listener, err error) {
	var opened []*listener
	defer func() {
		if err != nil {
			closeListeners(opened)
		}
	}()
	for _, addr := range addrs {
		switch path, unix := strings.CutPrefix(addr, "unix:"); {
		case unix:
			l, err := listenUnix(ctx, flag, path, mode)
			if err != nil {
				return opened, err
			}
			opened = append(opened, newListener(l))
		case addr == "systemd":
			ls, err := adopt(flag, passed, wanted)
			opened = append(opened, ls...)
			if err != nil {
				return opened, err
			}
		default:
			l, err := listenTCP(ctx, flag, addr)
			if err != nil {
				return opened, err
			}
			opened = append(opened, newListener(l))
		}
	}
	if len(opened) == 0 {
		return nil, usagef("--%s: no address given", flag)
	}
	return opened, nil
}

func closeListeners(ls []*listener) {
	for _, l := range ls {
		l.Close()
	}
}

func listenTCP(ctx context.Context, flag, addr string) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, hint(fmt.Errorf("listen on %s: the address is in use", addr),
			"is another rtk serve running?", "take another port with   --"+flag+" 127.0.0.1:0")
	case errors.Is(err, syscall.EACCES):
		return nil, hint(fmt.Errorf("listen on %s: permission denied", addr), "ports below 1024 need privileges")
	case err != nil:
		if _, ok := errors.AsType[*net.OpError](err); ok {
			return nil, hint(usagef("listen on %s: %w", addr, errors.Unwrap(err)), "want HOST:PORT, as in   --"+flag+" 127.0.0.1:3000, unix:PATH or systemd")
		}
		return nil, usagef("--%s %q: %w", flag, addr, err)
	}
	return l, nil
}

// listenUnix opens a socket file with the given mode. A file that a process left
// behind is replaced; one that somebody answers on is not, nor is anything else.
func listenUnix(ctx context.Context, flag, path string, mode fs.FileMode) (net.Listener, error) {
	if path == "" {
		return nil, usagef("--%s: unix: lacks the path, as in unix:/run/rtk.sock", flag)
	}
	if !strings.HasPrefix(path, "@") { // an abstract one is no file
		if err := clearStale(ctx, flag, path); err != nil {
			return nil, err
		}
	}
	// The file must not be open to everybody until it has its mode.
	restore := tightUmask()
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", path)
	restore()
	if err != nil {
		return nil, hint(usagef("listen on unix:%s: %w", path, errors.Unwrap(err)), "does the folder exist, and may this user write to it?")
	}
	if !strings.HasPrefix(path, "@") {
		if err := os.Chmod(path, mode); err != nil {
			l.Close()
			return nil, fmt.Errorf("listen on unix:%s: %w", path, err)
		}
	}
	return l, nil
}

func clearStale(ctx context.Context, flag, path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return usagef("--%s unix:%s: %w", flag, path, err)
	case info.Mode().Type() != fs.ModeSocket:
		return usagef("--%s unix:%s: there is a file that is no socket; it stays as it is", flag, path)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	c, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err == nil {
		c.Close()
		return hint(fmt.Errorf("listen on unix:%s: the socket is in use", path), "is another rtk serve running?")
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("listen on unix:%s: %w", path, err)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("listen on unix:%s: remove the socket that was left behind: %w", path, err)
	}
	return nil
}

// parseMode reads --socket-mode.
func parseMode(s string) (fs.FileMode, error) {
	n, err := strconv.ParseUint(s, 8, 32)
	if err != nil || n > 0o777 {
		return 0, usagef("--socket-mode %q: want octal permissions such as 0660", s)
	}
	return fs.FileMode(n), nil
}
