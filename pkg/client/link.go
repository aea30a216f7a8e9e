package client

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// link is a connection with a read buffer that is attached only while data is
// flowing, so that idle connections hold none, and with a write deadline that
// is set only when the peer does not take the bytes at once, so that a write
// costs no timer.
//
// It is a net.Conn for those who do the handshake. After that one goroutine at
// a time may read, and one at a time may write.
//
//	socket → fill → rb.b[r:w] → frames in place
type link struct {
	nc  net.Conn        // what is read and written: TCP, TLS or a pipe
	raw net.Conn        // the transport below TLS, else nc
	rc  syscall.RawConn // readiness reads and trial writes; nil when nc hides its socket
	d   *Dialer

	rb     *readBuf // nil while idle
	r, w   int      // rb.b[r:w] is unread
	rerr   error
	readFn func(fd uintptr) bool

	head  int    // bytes that the response header may still take; 0 after it
	left  int    // bytes of the response header that Read still owes
	spare []byte // where a connection without rc waits for data

	holed  atomic.Bool // a blackhole: see rt.Breaker
	polled *polled     // read by a poller, nc then being the same; nil without

	pace *pacer // nil unless it is read slowly

	wctx    context.Context // of the write under way, nil for none
	wp      []byte
	wn      int
	werr    error
	writeFn func(fd uintptr) bool
}

// readBuf is what a connection needs while data is flowing.
type readBuf struct {
	b   []byte
	at  time.Time // when the last bytes arrived
	msg rt.Message
}

// maxHead bounds the response header of a handshake, in bytes.
const maxHead = 256 << 10

// errHeadTooLong is returned when a response header exceeds maxHead.
var errHeadTooLong = errors.New("response header is too long")

func newLink(d *Dialer, nc, raw net.Conn) *link {
	l := &link{nc: nc, raw: raw, d: d, head: maxHead}
	if nc == raw {
		l.rc = rawConn(nc)
	}
	if l.rc != nil {
		l.readFn, l.writeFn = l.tryRead, l.tryWrite
	}
	return l
}

// fill reads at least one byte into the buffer after w.
func (l *link) fill() error {
	if l.rerr != nil {
		return l.rerr
	}
	if rb := l.rb; rb != nil {
		switch {
		case l.r == l.w:
			l.r, l.w = 0, 0
		case l.w == len(rb.b):
			l.w = copy(rb.b, rb.b[l.r:l.w])
			l.r = 0
		}
	}
	if l.pace != nil {
		l.pace.wait()
	}
	before := l.w
	var err error
	switch {
	case l.polled != nil && l.polled.active:
		if err = l.readNow(); err == errAgain { //nolint:errorlint // as in ready
			return err
		}
	case l.rc != nil:
		if err = l.rc.Read(l.readFn); err == nil {
			err = l.rerr
		}
	default:
		err = l.waitRead()
	}
	if l.holed.Load() {
		err = l.starve()
	}
	if err != nil {
		l.rerr = err
		return err
	}
	l.rb.at = time.Now()
	if l.pace != nil {
		l.pace.took(l.w-before, l.rb.at)
	}
	return nil
}

// room is where the next bytes go.
func (l *link) room() []byte {
	b := l.rb.b[l.w:]
	if l.pace != nil && len(b) > l.pace.portion() {
		b = b[:l.pace.portion()]
	}
	return b
}

// attach gives the connection a buffer.
func (l *link) attach() *readBuf {
	if l.rb == nil {
		l.rb = l.d.readBufs.Get().(*readBuf)
		l.r, l.w = 0, 0
	}
	return l.rb
}

// detach gives the buffer back if all of it was read.
func (l *link) detach() {
	if l.rb != nil && l.r == l.w {
		l.drop()
	}
}

// drop gives the buffer back, with what was not read.
func (l *link) drop() {
	if l.rb != nil {
		l.rb.msg = rt.Message{}
		l.d.readBufs.Put(l.rb)
		l.rb, l.r, l.w = nil, 0, 0
	}
}

// waitRead is fill for connections that only have a blocking Read: it waits
// with a small buffer of its own and attaches the large one when data is there.
func (l *link) waitRead() error {
	l.detach()
	if l.rb == nil {
		if l.spare == nil {
			l.spare = make([]byte, 256)
		}
		n, err := l.nc.Read(l.spare)
		if n == 0 {
			return orNoProgress(err)
		}
		l.w = copy(l.attach().b, l.spare[:n])
		return nil
	}
	n, err := l.nc.Read(l.room())
	if n == 0 {
		return orNoProgress(err)
	}
	l.w += n
	return nil
}

func orNoProgress(err error) error {
	if err == nil {
		return io.ErrNoProgress
	}
	return err
}

// buffered returns the unread bytes.
func (l *link) buffered() []byte {
	if l.rb == nil {
		return nil
	}
	return l.rb.b[l.r:l.w]
}

// need makes at least n bytes available and returns the unread ones. n must not
// exceed the buffer.
func (l *link) need(n int) ([]byte, error) {
	for l.w-l.r < n {
		if l.rb != nil && l.r > 0 && l.r+n > len(l.rb.b) {
			l.w = copy(l.rb.b, l.rb.b[l.r:l.w])
			l.r = 0
		}
		if err := l.fill(); err != nil {
			if err != errAgain && errors.Is(err, io.EOF) && l.w > l.r { //nolint:errorlint // as in ready
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	return l.rb.b[l.r:l.w], nil
}

// Read serves the handshake. It delivers the response header and what follows
// it in different calls, so that a reader above, which asks for nothing after
// the header of a 101, leaves all frames to the link.
func (l *link) Read(p []byte) (int, error) {
	for l.head > 0 && l.left == 0 {
		b := l.buffered()
		if end := headerEnd(b); end >= 0 {
			l.head, l.left = 0, end
			break
		}
		// The last two bytes may be the beginning of the blank line.
		if n := min(len(p), len(b)-2); n > 0 {
			if l.head -= n; l.head <= 0 {
				return 0, errHeadTooLong
			}
			l.r += copy(p[:n], b)
			return n, nil
		}
		if err := l.fill(); err != nil {
			return 0, err
		}
	}
	if l.r == l.w {
		if err := l.fill(); err != nil {
			return 0, err
		}
	}
	b := l.buffered()
	if l.left > 0 {
		b = b[:min(len(b), l.left)]
	}
	n := copy(p, b)
	l.r += n
	l.left = max(0, l.left-n)
	return n, nil
}

// headerEnd returns the index after the blank line that ends a header, -1 when
// b has none.
func headerEnd(b []byte) int {
	for i := 0; ; {
		j := bytes.IndexByte(b[i:], '\n')
		if j < 0 {
			return -1
		}
		i += j + 1
		switch rest := b[i:]; {
		case len(rest) > 0 && rest[0] == '\n':
			return i + 1
		case len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n':
			return i + 2
		}
	}
}

// Write writes all of p. It fails with os.ErrDeadlineExceeded when the peer does
// not read for the write timeout, or by the deadline of the context that bounds
// the write; the connection is then not usable any more.
func (l *link) Write(p []byte) (int, error) {
	if l.holed.Load() {
		return len(p), nil
	}
	n := 0
	if l.polled != nil {
		var err error
		if n, err = l.polled.tryWrite(p); err != nil || n == len(p) {
			return n, err
		}
	} else if l.rc != nil {
		l.wp, l.wn, l.werr = p, 0, nil
		err := l.rc.Write(l.writeFn)
		if err == nil {
			err = l.werr
		}
		n, l.wp = l.wn, nil
		if err != nil || n == len(p) {
			return n, err
		}
	}
	if l.head > 0 {
		m, err := l.nc.Write(p[n:]) // the handshake has its own deadline
		return n + m, err
	}
	deadline := time.Now().Add(l.d.opt.WriteTimeout)
	if l.wctx != nil {
		if d, ok := l.wctx.Deadline(); ok && d.Before(deadline) {
			deadline = d
		}
	}
	if err := l.nc.SetWriteDeadline(deadline); err != nil {
		return n, err
	}
	stop := func() bool { return true }
	if l.wctx != nil && l.wctx.Done() != nil {
		stop = context.AfterFunc(l.wctx, func() { _ = l.nc.SetWriteDeadline(time.Unix(1, 0)) })
	}
	m, err := l.nc.Write(p[n:])
	if stop() && err == nil {
		err = l.nc.SetWriteDeadline(time.Time{})
	}
	return n + m, err
}

// Close closes the connection. It may be called at any time.
func (l *link) Close() error { return l.nc.Close() }

// abort closes the connection with a reset, if it has one.
func (l *link) abort() {
	if tcp, ok := l.raw.(tcpConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = l.raw.Close()
}

// handshakeDone ends the handshake mode of Read.
func (l *link) handshakeDone() {
	l.head = 0
	l.detach()
}

// LocalAddr returns the local address.
func (l *link) LocalAddr() net.Addr { return l.nc.LocalAddr() }

// RemoteAddr returns the peer's address.
func (l *link) RemoteAddr() net.Addr { return l.nc.RemoteAddr() }

// SetDeadline bounds the handshake.
func (l *link) SetDeadline(t time.Time) error { return l.nc.SetDeadline(t) }

// SetReadDeadline bounds reads.
func (l *link) SetReadDeadline(t time.Time) error { return l.nc.SetReadDeadline(t) }

// SetWriteDeadline does nothing: Write sets the deadline when it has to wait.
func (l *link) SetWriteDeadline(time.Time) error { return nil }

var _ net.Conn = (*link)(nil)
