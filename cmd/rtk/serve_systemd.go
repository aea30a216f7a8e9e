package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// Socket activation and readiness as in sd_listen_fds(3) and sd_notify(3).

// firstPassed is SD_LISTEN_FDS_START.
const firstPassed = 3

// maxPassed bounds LISTEN_FDS.
const maxPassed = 64

// passedSocket is a descriptor that the process was started with.
type passedSocket struct {
	fd   uintptr
	name string // FileDescriptorName= of the socket unit; "" when not told
}

// passedSockets reads what the environment says about passed descriptors. It is
// empty when the variables are meant for another process.
func passedSockets(env *Env) ([]passedSocket, error) {
	count := env.Getenv("LISTEN_FDS")
	if count == "" || env.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return nil, nil
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 || n > maxPassed {
		return nil, usagef("environment variable LISTEN_FDS %q: want a number up to %d", count, maxPassed)
	}
	names := strings.Split(env.Getenv("LISTEN_FDNAMES"), ":")
	passed := make([]passedSocket, n)
	for i := range passed {
		passed[i].fd = firstPassed + uintptr(i)
		if i < len(names) {
			passed[i].name = names[i]
		}
	}
	return passed, nil
}

// notForAdmin and forAdmin divide the passed sockets: those with
// FileDescriptorName=admin are for operators.
func notForAdmin(name string) bool { return name != "admin" }
func forAdmin(name string) bool    { return name == "admin" }

// adopt makes listeners of the passed sockets that are wanted.
func adopt(flag string, passed []passedSocket, wanted func(name string) bool) ([]*listener, error) {
	var adopted []*listener
	for _, p := range passed {
		if !wanted(p.name) {
			continue
		}
		file := os.NewFile(p.fd, p.name)
		l, err := net.FileListener(file) // has a descriptor of its own
		file.Close()
		if err != nil {
			return adopted, usagef("--%s systemd: descriptor %d %q: %w", flag, p.fd, p.name, err)
		}
		adopted = append(adopted, newListener(l))
	}
	if len(adopted) == 0 {
		return nil, hint(usagef("--%s systemd: no socket was passed for it", flag),
			"start it through a .socket unit; the one for operators has FileDescriptorName=admin")
	}
	return adopted, nil
}

// notifySystemd tells the service manager the state of the process, if it asked
// to be told.
func notifySystemd(env *Env, state string) error {
	path := env.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	c, err := (&net.Dialer{}).DialContext(ctx, "unixgram", path) // "@…" is the abstract namespace
	if err != nil {
		return fmt.Errorf("notify the service manager: %w", err)
	}
	_ = c.SetWriteDeadline(time.Now().Add(time.Second))
	_, err = c.Write([]byte(state))
	return errors.Join(err, c.Close())
}
