package client

import (
	"encoding/binary"
	"errors"
	"io"
	"strconv"
	"sync"
	"unicode/utf8"
)

// Opcodes and close codes of RFC 6455, sections 5.2 and 7.4.
const (
	opContinuation = 0
	opText         = 1
	opBinary       = 2
	opClose        = 8
	opPing         = 9
	opPong         = 10

	closeNormal        = 1000
	closeProtocol      = 1002
	closeNoStatus      = 1005
	closeInvalidText   = 1007
	closePolicy        = 1008
	closeTooBig        = 1009
	maxControlPayload  = 125
	frameFin           = 0x80
	frameRSV1          = 0x40
	frameRSV2And3      = 0x30
	frameMask          = 0x80
	maxFrameHeader     = 10 // of a server's frame, which has no mask
	firstAssemblyBytes = 32 << 10
)

// frameReader reads WebSocket messages from a link (RFC 6455, section 5, client
// side). A message that fits in the link's buffer is delivered in place: no
// copy, no allocation. Longer, fragmented and compressed ones are assembled in
// a pooled buffer that grows with the data, not with what a header claims.
//
// gorilla/websocket allocates for each message it reads and needs a buffer for
// each connection, which is why it does not read here.
type frameReader struct {
	l       *link
	max     int  // bytes of a message, after inflation
	deflate bool // permessage-deflate was negotiated

	op       byte    // opcode of the message in assembly, 0 for none
	deflated bool    // it is compressed
	inside   bool    // within a frame of it,
	last     bool    // its last one,
	rest     int     // with so many bytes to come
	msg      *[]byte // its bytes so far
	lent     *[]byte // of the message that next returned
}

var assemblyBufs = sync.Pool{New: func() any { b := make([]byte, 0, firstAssemblyBytes); return &b }}

// next returns the next message or control frame. p is valid until the next
// call. After an error the connection can't be read on, except after errAgain,
// which comes from a link that does not wait: then next goes on where it was when
// there is more to read. A *protocolError says which close code the peer shall
// get.
func (f *frameReader) next() (op byte, p []byte, err error) {
	f.release()
	for {
		if !f.inside {
			h, size, n, err := f.header()
			if err != nil {
				return 0, nil, err
			}
			op, fin := h&0x0f, h&frameFin != 0
			if op >= opClose {
				p, err := f.control(op, fin, size, n)
				return op, p, err
			}
			if err := f.checkData(h, n); err != nil {
				return 0, nil, err
			}
			if fin && op != opContinuation && h&frameRSV1 == 0 && n <= uint64(len(f.l.attach().b)-size) {
				p, err := f.take(size, int(n))
				if err != nil {
					return 0, nil, err
				}
				return op, p, checkText(op, p)
			}
			if op != opContinuation {
				f.op, f.deflated = op, h&frameRSV1 != 0
			}
			f.l.r += size
			f.inside, f.last, f.rest = true, fin, int(n)
		}
		if err := f.assemble(); err != nil {
			return 0, nil, err
		}
		if f.inside = false; f.last {
			return f.finish()
		}
	}
}

// header looks at the header of the next frame and returns its first byte, its
// size and the length of the payload. It stays unread, so that a frame of which
// the payload is not there yet can be looked at again.
func (f *frameReader) header() (h byte, size int, n uint64, err error) {
	b, err := f.l.need(2)
	if err != nil {
		return 0, 0, 0, err
	}
	h = b[0]
	switch {
	case b[1]&frameMask != 0:
		return 0, 0, 0, &protocolError{"server masked a frame", closeProtocol}
	case h&frameRSV2And3 != 0, h&frameRSV1 != 0 && (!f.deflate || h&0x0f != opText && h&0x0f != opBinary):
		return 0, 0, 0, &protocolError{"reserved bits of a frame are set", closeProtocol}
	}
	switch n = uint64(b[1]); n {
	default:
		return h, 2, n, nil
	case 126:
		if b, err = f.l.need(4); err != nil {
			return 0, 0, 0, err
		}
		return h, 4, uint64(binary.BigEndian.Uint16(b[2:])), nil
	case 127:
		if b, err = f.l.need(maxFrameHeader); err != nil {
			return 0, 0, 0, err
		}
		return h, maxFrameHeader, binary.BigEndian.Uint64(b[2:]), nil
	}
}

func (f *frameReader) control(op byte, fin bool, size int, n uint64) ([]byte, error) {
	switch {
	case op > opPong:
		return nil, &protocolError{"unknown opcode " + strconv.Itoa(int(op)), closeProtocol}
	case !fin || n > maxControlPayload:
		return nil, &protocolError{"control frame is fragmented or too long", closeProtocol}
	}
	return f.take(size, int(n))
}

func (f *frameReader) checkData(h byte, n uint64) error {
	op := h & 0x0f
	have := 0
	switch {
	case op > opBinary:
		return &protocolError{"unknown opcode " + strconv.Itoa(int(op)), closeProtocol}
	case op == opContinuation && f.op == 0:
		return &protocolError{"continuation frame without a beginning", closeProtocol}
	case op != opContinuation && f.op != 0:
		return &protocolError{"new message inside a fragmented one", closeProtocol}
	case f.msg != nil:
		have = len(*f.msg)
	}
	if n > uint64(f.max) || have+int(n) > f.max {
		return f.tooBig()
	}
	return nil
}

func (f *frameReader) tooBig() error {
	return &protocolError{"message is longer than " + strconv.Itoa(f.max) + " bytes", closeTooBig}
}

// take returns the payload of n bytes after a header of size bytes, in place.
func (f *frameReader) take(size, n int) ([]byte, error) {
	b, err := f.l.need(size + n)
	if err != nil {
		return nil, unexpected(err)
	}
	f.l.r += size + n
	if n == 0 {
		return nil, nil
	}
	return b[size : size+n : size+n], nil
}

// assemble appends what is left of the present frame to the message in assembly.
func (f *frameReader) assemble() error {
	if f.msg == nil {
		f.msg = assemblyBufs.Get().(*[]byte)
	}
	for f.rest > 0 {
		if f.l.r == f.l.w {
			if err := f.l.fill(); err != nil {
				return unexpected(err)
			}
		}
		b := f.l.buffered()
		b = b[:min(f.rest, len(b))]
		*f.msg = append(*f.msg, b...)
		f.l.r += len(b)
		f.rest -= len(b)
	}
	return nil
}

// finish ends the message in assembly.
func (f *frameReader) finish() (byte, []byte, error) {
	op := f.op
	f.op, f.lent, f.msg = 0, f.msg, nil
	if f.deflated {
		f.deflated = false
		out := assemblyBufs.Get().(*[]byte)
		err := inflate(out, *f.lent, f.max)
		f.release()
		f.lent = out
		if errors.Is(err, errInflatedTooBig) {
			return 0, nil, f.tooBig()
		}
		if err != nil {
			return 0, nil, err
		}
	}
	return op, *f.lent, checkText(op, *f.lent)
}

// release takes back the buffer of the message that next returned.
func (f *frameReader) release() {
	if f.lent != nil {
		giveAssembly(f.lent)
		f.lent = nil
	}
}

// close gives all buffers back.
func (f *frameReader) close() {
	f.release()
	if f.msg != nil {
		giveAssembly(f.msg)
		f.msg = nil
	}
	f.l.drop()
}

func giveAssembly(b *[]byte) {
	if cap(*b) <= maxPooled {
		*b = (*b)[:0]
		assemblyBufs.Put(b)
	}
}

// checkText holds text against RFC 6455, section 8.1.
func checkText(op byte, p []byte) error {
	if op == opText && !utf8.Valid(p) {
		return &protocolError{"text message is not valid UTF-8", closeInvalidText}
	}
	return nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
