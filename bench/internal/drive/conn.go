//go:build linux

package drive

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// connectTimeout bounds one connection's handshake.
const connectTimeout = 20 * time.Second

// Client is one connection to be made.
type Client struct {
	Pod  int // index of the addresses
	Room int // subscribes to this one; none when negative
}

type conn struct {
	Client
	fd   int
	next []place // by publisher
	left []byte  // of a frame that is not whole
	out  []byte  // what the kernel has not taken
}

// place is how far a subscriber has come with one publisher.
type place struct {
	sequence uint32 // expected next
	seen     uint64 // bit i: sequence-1-i has come
}

// take reports whether a number comes for the first time.
func (p *place) take(sequence uint32) bool {
	if sequence >= p.sequence {
		p.seen = p.seen<<(sequence-p.sequence+1) | 1
		p.sequence = sequence + 1
		return true
	}
	bit := uint64(1) << (p.sequence - 1 - sequence) // 0 when it is too long ago
	if bit == 0 || p.seen&bit != 0 {
		return false
	}
	p.seen |= bit
	return true
}

// dial connects, shakes hands and enters the room, with blocking calls: nothing
// is published before all are there.
func (d *Driver) dial(c Client) (*conn, error) {
	fd, err := socket(d.addrs[c.Pod])
	if err != nil {
		return nil, err
	}
	room := ""
	if c.Room >= 0 {
		room = d.rooms[c.Room]
	}
	if err := shake(fd, d.addrs[c.Pod], d.protocol, room); err != nil {
		_ = syscall.Close(fd)
		return nil, fmt.Errorf("%s: %w", d.addrs[c.Pod], err)
	}
	if err := syscall.SetNonblock(fd, true); err != nil {
		_ = syscall.Close(fd)
		return nil, err
	}
	return &conn{Client: c, fd: fd}, nil
}

func socket(addr string) (int, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return 0, err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return 0, err
	}
	to := syscall.SockaddrInet4{Port: number}
	copy(to.Addr[:], net.ParseIP(host).To4())
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, os.NewSyscallError("socket", err)
	}
	wait := syscall.NsecToTimeval(int64(connectTimeout))
	for _, set := range []func() error{
		func() error { return syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &wait) },
		func() error { return syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_SNDTIMEO, &wait) },
		func() error { return syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1) },
		func() error { return connectTo(fd, &to) },
	} {
		if err := set(); err != nil {
			_ = syscall.Close(fd)
			return 0, fmt.Errorf("connect to %s: %w", addr, err)
		}
	}
	return fd, nil
}

// connectTo goes on when a signal interrupts it, as the runtime's own do.
func connectTo(fd int, to syscall.Sockaddr) error {
	for {
		err := syscall.Connect(fd, to)
		switch {
		case errors.Is(err, syscall.EISCONN):
			return nil
		case !errors.Is(err, syscall.EINTR) && !errors.Is(err, syscall.EALREADY):
			return err
		}
	}
}

// stream reads and writes a descriptor that blocks.
type stream int

func (s stream) Read(p []byte) (int, error) {
	n, err := syscall.Read(int(s), p)
	for errors.Is(err, syscall.EINTR) {
		n, err = syscall.Read(int(s), p)
	}
	if err == nil && n == 0 {
		err = io.EOF
	}
	return max(n, 0), err
}

func (s stream) Write(p []byte) (int, error) {
	n, err := syscall.Write(int(s), p)
	for errors.Is(err, syscall.EINTR) {
		n, err = syscall.Write(int(s), p)
	}
	return max(n, 0), err
}

func shake(fd int, addr string, p Protocol, room string) error {
	s := stream(fd)
	_, err := fmt.Fprintf(s, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", p.path(room), addr)
	if err != nil {
		return err
	}
	r := bufio.NewReader(io.LimitReader(s, 64<<10))
	for i := 0; ; i++ {
		line, err := r.ReadString('\n')
		if err != nil {
			return fmt.Errorf("upgrade to websocket: %w", err)
		}
		if i == 0 && !strings.HasPrefix(line, "HTTP/1.1 101") {
			return fmt.Errorf("upgrade to websocket: %s", strings.TrimSpace(line))
		}
		if line == "\r\n" {
			break
		}
	}
	say := func(text string) error {
		_, err := s.Write(appendFrame(nil, opText, []byte(text)))
		return err
	}
	hear := func() ([]byte, error) {
		for want := 2; ; want++ {
			b, err := r.Peek(want)
			if err != nil {
				return nil, fmt.Errorf("wait for an answer: %w", err)
			}
			if _, p, size := cutFrame(b); size > 0 {
				p = bytes.Clone(p)
				_, err := r.Discard(size)
				return p, err
			}
		}
	}
	return p.enter(room, say, hear)
}
