package client

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"slices"
	"sync"
)

// errInflatedTooBig is returned for a message whose inflated size exceeds the
// bound.
var errInflatedTooBig = errors.New("inflated message is too big")

// deflateTail ends the block that a sender of RFC 7692, section 7.2.1, leaves
// out, and closes the stream for the reader.
var deflateTail = []byte{0x00, 0x00, 0xff, 0xff, 0x01, 0x00, 0x00, 0xff, 0xff}

type inflater struct {
	r    io.ReadCloser // flate's, with flate.Resetter
	src  bytes.Reader
	tail bytes.Reader
}

var inflaters = sync.Pool{New: func() any { return &inflater{r: flate.NewReader(bytes.NewReader(nil))} }}

// inflate appends the message that src holds without context takeover to dst.
// The bound holds for the inflated size, so that a small message can't fill the
// memory.
func inflate(dst *[]byte, src []byte, limit int) error {
	in := inflaters.Get().(*inflater)
	defer inflaters.Put(in)
	in.src.Reset(src)
	in.tail.Reset(deflateTail)
	if err := in.r.(flate.Resetter).Reset(io.MultiReader(&in.src, &in.tail), nil); err != nil {
		return err
	}
	for {
		*dst = slices.Grow(*dst, 512)
		n, err := in.r.Read((*dst)[len(*dst):min(cap(*dst), limit+1)])
		*dst = (*dst)[:len(*dst)+n]
		switch {
		case len(*dst) > limit:
			return errInflatedTooBig
		case err == io.EOF:
			return nil
		case err != nil:
			return &protocolError{"compressed message is damaged", closeInvalidText}
		}
	}
}
