//go:build linux

package main

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // RFC 6455, section 4.2.2, asks for it
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"syscall"
)

// hub is the least WebSocket server: one thread, one epoll set, one write a
// delivery, so that what is measured is who reads. What comes from /ws?pub=1
// goes to all /ws?room=1, anything else comes back. GET /stats tells the echoes
// and the connections.
type hub struct {
	epoll   int
	conns   map[int32]*peer // by descriptor
	members []*peer
	in, out []byte
	echoes  int
}

type role uint8

const (
	roleNew role = iota
	roleEcho
	roleMember
	rolePublisher
)

type peer struct {
	fd   int32
	role role
	at   int    // index among the members
	left []byte // of a frame that is not whole
	out  []byte // what the kernel has not taken
}

// readBytes bounds one read and so a frame.
const readBytes = 256 << 10

// serveHub serves 127.0.0.1:port for as long as the process lives.
func serveHub(port string) error {
	number, err := strconv.Atoi(port)
	if err != nil {
		return fmt.Errorf("PORT: %w", err)
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	addr := syscall.SockaddrInet4{Port: number}
	copy(addr.Addr[:], net.IPv4(127, 0, 0, 1).To4())
	if err := errors.Join(
		syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1),
		syscall.Bind(fd, &addr), syscall.Listen(fd, 4096)); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	h := &hub{conns: map[int32]*peer{}, in: make([]byte, readBytes)}
	if h.epoll, err = syscall.EpollCreate1(syscall.EPOLL_CLOEXEC); err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	if err := h.watch(syscall.EPOLL_CTL_ADD, int32(fd), syscall.EPOLLIN); err != nil {
		return err
	}
	events := make([]syscall.EpollEvent, 512)
	for {
		n, err := syscall.EpollWait(h.epoll, events, -1)
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return os.NewSyscallError("epoll_wait", err)
		}
		for _, e := range events[:max(n, 0)] {
			if e.Fd == int32(fd) {
				h.accept(fd)
			} else if p := h.conns[e.Fd]; p != nil {
				h.ready(p, e.Events)
			}
		}
	}
}

func (h *hub) watch(op int, fd int32, events uint32) error {
	return os.NewSyscallError("epoll_ctl", syscall.EpollCtl(h.epoll, op, int(fd), &syscall.EpollEvent{Events: events, Fd: fd}))
}

func (h *hub) accept(listener int) {
	for {
		fd, _, err := syscall.Accept4(listener, syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC)
		if err != nil {
			return
		}
		_ = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
		p := &peer{fd: int32(fd)}
		h.conns[p.fd] = p
		if h.watch(syscall.EPOLL_CTL_ADD, p.fd, syscall.EPOLLIN) != nil {
			h.drop(p)
		}
	}
}

func (h *hub) drop(p *peer) {
	if h.conns[p.fd] != p {
		return
	}
	_ = syscall.Close(int(p.fd))
	delete(h.conns, p.fd)
	if p.role == roleMember {
		last := h.members[len(h.members)-1]
		h.members[p.at], last.at = last, p.at
		h.members = h.members[:len(h.members)-1]
	}
}

func (h *hub) ready(p *peer, events uint32) {
	if events&syscall.EPOLLOUT != 0 {
		out := p.out
		p.out = nil
		if h.watch(syscall.EPOLL_CTL_MOD, p.fd, syscall.EPOLLIN) != nil {
			h.drop(p)
			return
		}
		h.write(p, out)
	}
	if events&^syscall.EPOLLOUT != 0 {
		h.read(p)
	}
}

// write keeps what the socket does not take, without a bound: the clients here
// read, or the measurement shows that they don't.
func (h *hub) write(p *peer, b []byte) {
	if len(p.out) > 0 {
		p.out = append(p.out, b...)
		return
	}
	n, err := syscall.Write(int(p.fd), b)
	if err != nil && !errors.Is(err, syscall.EAGAIN) {
		return // reading meets the same end
	}
	if n = max(n, 0); n < len(b) {
		p.out = append(p.out, b[n:]...)
		_ = h.watch(syscall.EPOLL_CTL_MOD, p.fd, syscall.EPOLLIN|syscall.EPOLLOUT)
	}
}

func (h *hub) read(p *peer) {
	k := copy(h.in, p.left)
	n, err := syscall.Read(int(p.fd), h.in[k:])
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR) {
		return
	}
	if err != nil || n == 0 {
		h.drop(p)
		return
	}
	b := h.in[:k+n]
	if p.role == roleNew {
		if b = h.hello(p, b); h.conns[p.fd] != p {
			return
		}
	}
	if p.role != roleNew {
		b = h.frames(p, b)
	}
	if p.left = append(p.left[:0], b...); len(p.left) == 0 {
		p.left = nil
	}
}

// hello answers the request at the front of b and returns what follows it.
func (h *hub) hello(p *peer, b []byte) []byte {
	head, rest, whole := bytes.Cut(b, []byte("\r\n\r\n"))
	if !whole {
		return b
	}
	switch {
	case bytes.HasPrefix(head, []byte("GET /stats")):
		text := fmt.Sprint(h.echoes, " ", len(h.conns)-1)
		h.write(p, fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(text), text))
		h.drop(p)
		return nil
	case bytes.HasPrefix(head, []byte("GET /ws?room")):
		p.role, p.at = roleMember, len(h.members)
		h.members = append(h.members, p)
	case bytes.HasPrefix(head, []byte("GET /ws?pub")):
		p.role = rolePublisher
	default:
		p.role = roleEcho
	}
	const name = "\r\nsec-websocket-key: "
	key := ""
	if i := bytes.Index(bytes.ToLower(head), []byte(name)); i >= 0 {
		line, _, _ := bytes.Cut(head[i+len(name):], []byte("\r\n"))
		key = string(line)
	}
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // as above
	h.write(p, []byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+
		base64.StdEncoding.EncodeToString(sum[:])+"\r\n\r\n"))
	return rest
}

// frames handles the whole frames at the front of b and returns the rest.
func (h *hub) frames(p *peer, b []byte) []byte {
	h.out = h.out[:0]
	for {
		op, payload, size := cutMasked(b)
		if size == 0 {
			break
		}
		b = b[size:]
		switch {
		case op == opClose:
			h.write(p, appendServerFrame(nil, opClose, payload))
			h.drop(p)
			return nil
		case op == opPing:
			h.out = appendServerFrame(h.out, opPong, payload)
		case op == opPong:
		case p.role == rolePublisher:
			cast := appendServerFrame(nil, op, payload)
			for _, m := range h.members {
				h.write(m, cast)
			}
		case p.role == roleEcho:
			h.echoes++
			h.out = appendServerFrame(h.out, op, payload)
		}
	}
	if len(h.out) > 0 {
		h.write(p, h.out)
	}
	return b
}

// Opcodes of RFC 6455, section 5.2.
const (
	opClose = 8
	opPing  = 9
	opPong  = 10
)

// cutMasked takes one frame of a client off b and unmasks it; size is 0 when it
// is not whole.
func cutMasked(b []byte) (op byte, p []byte, size int) {
	if len(b) < 6 {
		return 0, nil, 0
	}
	n, head := uint64(b[1]&0x7f), 2
	switch {
	case n == 126 && len(b) >= 4:
		n, head = uint64(binary.BigEndian.Uint16(b[2:])), 4
	case n == 127 && len(b) >= 10:
		n, head = binary.BigEndian.Uint64(b[2:]), 10
	case n >= 126:
		return 0, nil, 0
	}
	if len(b) < head+4 || uint64(len(b)-head-4) < n {
		return 0, nil, 0
	}
	key := b[head : head+4]
	p = b[head+4 : head+4+int(n)]
	for i := range p {
		p[i] ^= key[i&3]
	}
	return b[0] & 0x0f, p, head + 4 + int(n)
}

func appendServerFrame(b []byte, op byte, p []byte) []byte {
	b = append(b, 0x80|op)
	switch n := len(p); {
	case n < 126:
		b = append(b, byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
	return append(b, p...)
}
