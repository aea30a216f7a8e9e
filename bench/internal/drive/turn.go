//go:build linux

package drive

import (
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"
)

// turn handles what has come, and waits for it at most so long.
func (d *Driver) turn(wait time.Duration) {
	// The kernel counts milliseconds: the last two are waited for by looking.
	ms := max(0, int(wait/time.Millisecond)-1)
	n, err := syscall.EpollWait(d.epoll, d.events[:], ms)
	if err != nil {
		return // interrupted
	}
	for _, e := range d.events[:n] {
		i := int(e.Fd)
		if e.Events&syscall.EPOLLOUT != 0 {
			d.flush(i)
		}
		if e.Events&^syscall.EPOLLOUT != 0 {
			d.read(i)
		}
	}
}

func (d *Driver) write(i int, b []byte) {
	c := d.conns[i]
	if c.fd < 0 {
		return
	}
	if len(c.out) > 0 {
		c.out = append(c.out, b...)
		return
	}
	n, err := syscall.Write(c.fd, b)
	if err != nil && !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EINTR) {
		d.fail(i, err)
		return
	}
	if n = max(n, 0); n < len(b) {
		c.out = append(c.out, b[n:]...)
		if err := d.watch(syscall.EPOLL_CTL_MOD, i, syscall.EPOLLIN|syscall.EPOLLOUT); err != nil {
			d.fail(i, err)
		}
	}
}

func (d *Driver) flush(i int) {
	c := d.conns[i]
	out := c.out
	c.out = nil
	if err := d.watch(syscall.EPOLL_CTL_MOD, i, syscall.EPOLLIN); err != nil {
		d.fail(i, err)
		return
	}
	d.write(i, out)
}

func (d *Driver) read(i int) {
	c := d.conns[i]
	if c.fd < 0 {
		return
	}
	k := copy(d.buf, c.left)
	n, err := syscall.Read(c.fd, d.buf[k:])
	switch {
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EINTR):
		return
	case err == nil && n == 0:
		err = io.EOF
	}
	if err != nil {
		d.fail(i, err)
		return
	}
	b := d.buf[:k+n]
	for {
		op, p, size := cutFrame(b)
		if size == 0 {
			break
		}
		b = b[size:]
		d.take(i, op, p)
	}
	if len(b) == len(d.buf) {
		d.fail(i, fmt.Errorf("a frame is longer than %d bytes", len(d.buf)))
		return
	}
	c.left = append(c.left[:0], b...)
}

// take counts the deliveries in one frame.
func (d *Driver) take(i int, op byte, p []byte) {
	switch op {
	case opClose:
		d.fail(i, fmt.Errorf("closed with %.80q", p))
		return
	case opPing:
		d.write(i, appendFrame(nil, opPong, p))
		return
	}
	if text := d.protocol.pong(p); text != "" {
		d.write(i, appendFrame(nil, opText, []byte(text)))
		return
	}
	c := d.conns[i]
	if d.echoing {
		d.answered(i, p)
		return
	}
	for c.next != nil {
		s, rest, ok := nextStamp(p)
		if !ok || s.publisher >= len(c.next) {
			return
		}
		p = rest
		next := &c.next[s.publisher]
		if !next.take(s.sequence) {
			d.disorder++ // twice, or so late that it can't be told
			continue
		}
		if s.sequence+1 < next.sequence {
			d.disorder++ // late
		}
		d.got++
		if !d.timed {
			continue
		}
		late := int32((d.now() - s.due) / 1000)
		if s.publisher == c.Pod {
			d.same = append(d.same, late)
		} else {
			d.cross = append(d.cross, late)
		}
	}
}
