package server

import (
	"bytes"
	"encoding/binary"
	"io"
	"syscall"
)

// A connection is read past the library: what one read gave is cut into frames
// where it lies, and a message that is one whole uncompressed frame, as nearly
// all are, is handled in place, as are pings and pongs between messages.
// Everything else (fragments, compression, what doesn't fit, the close frame,
// violations, the end) is left to the library, which gets the bytes as if it had
// read them itself. So the protocol is in one place, and this is a shortcut
// through it.
//
// It is also what lets a connection that answers heartbeats and nothing else
// wait by itself, as the library would wait for the next message on its own.

// fastBytes is how much a shortcut reads at once.
const fastBytes = 8 << 10

// fastReader makes the reads of a connection, into a pooled buffer that
// it has only while something is in it. Its closure is made once, so that a read
// allocates nothing.
type fastReader struct {
	buf  *[]byte // of readBuffers
	n    int
	err  error
	fill func(fd uintptr) bool
}

func newFastReader() *fastReader {
	r := new(fastReader)
	r.fill = func(fd uintptr) bool {
		r.buf = readBuffers.Get().(*[]byte)
		var again bool
		r.n, again, r.err = readOnce(fd, (*r.buf)[:fastBytes])
		if again || r.n == 0 {
			r.release()
		}
		return !again
	}
	return r
}

// read waits for bytes. They are valid until release.
func (r *fastReader) read(raw syscall.RawConn) ([]byte, error) {
	if err := raw.Read(r.fill); err != nil {
		return nil, err
	}
	if r.err != nil {
		return nil, r.err
	}
	if r.n == 0 {
		return nil, io.EOF
	}
	return (*r.buf)[:r.n], nil
}

func (r *fastReader) release() {
	if r.buf != nil {
		readBuffers.Put(r.buf)
		r.buf = nil
	}
}

// readSome makes one read and handles what came with it. fast is the reader to
// use, which is made if need be.
func (k *socket) readSome(l *link, fast **fastReader) error {
	if l.raw == nil || k.nc.buffered() > 0 {
		return k.readOne(l)
	}
	if *fast == nil {
		*fast = newFastReader()
	}
	r := *fast
	l.flushOwn()
	b, err := r.read(l.raw)
	if err != nil {
		return k.readOne(l) // the library meets the same end, and says which it is
	}
	b, err = l.frames(b)
	k.nc.early = b
	for err == nil && k.nc.buffered() > 0 {
		err = k.readOne(l)
	}
	k.nc.early = bytes.Clone(k.nc.early) // some is left after an error only: the goodbye may be in it
	r.release()
	return err
}

// frames handles the frames at the front of b and returns the rest, which is for
// the library.
func (l *link) frames(b []byte) ([]byte, error) {
	for len(b) > 0 {
		opcode, data, rest := cutFrame(b)
		switch {
		case data == nil:
			return b, nil
		case opcode == wsPing:
			l.pinged(data)
		case opcode == wsPong:
			l.ponged()
		case len(data) > l.srv.opts.MaxPayload:
			return b, nil
		default:
			l.srv.count.bytesIn.Add(uint64(len(data)))
			if err := l.message(opcode == wsBinary, data); err != nil {
				return rest, err
			}
		}
		b = rest
	}
	return nil, nil
}

// cutFrame takes a frame off b that is a whole message, a ping or a pong, and
// unmasks it (RFC 6455, 5.2 and 5.3). data is nil when b starts with anything
// else.
func cutFrame(b []byte) (opcode byte, data, rest []byte) {
	const final, masked, keyBytes = 0x80, 0x80, 4
	if len(b) < 2+keyBytes || b[1]&masked == 0 {
		return 0, nil, nil
	}
	n, head := int(b[1]&^masked), 2
	switch b[0] {
	case final | wsText, final | wsBinary:
	case final | wsPing, final | wsPong:
		if n > maxControl {
			return 0, nil, nil
		}
	default:
		return 0, nil, nil
	}
	switch n {
	case 127:
		return 0, nil, nil
	case 126:
		n, head = int(binary.BigEndian.Uint16(b[2:])), 4
	}
	start := head + keyBytes
	if len(b) < start+n {
		return 0, nil, nil
	}
	data = b[start : start+n : start+n]
	unmask(data, b[head:start])
	return b[0] &^ final, data, b[start+n:]
}

// unmask is RFC 6455, 5.3, eight bytes at a time.
func unmask(b, key []byte) {
	k := uint64(binary.LittleEndian.Uint32(key))
	k |= k << 32
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^k)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= key[i&3]
	}
}
