package loadgen

import (
	"encoding/base64"
	"encoding/binary"
	"strconv"
)

// Blob is a piece of binary data that an emit step sends: fixed bytes, or the
// bytes of a text with variables.
type Blob struct {
	Bytes []byte
	Text  *Template // instead of Bytes
}

// Append renders the blob.
func (b *Blob) Append(dst []byte, v *TemplateVars) []byte {
	if b.Text != nil {
		return b.Text.Append(dst, v)
	}
	return append(dst, b.Bytes...)
}

// Keys that stand for binary data within arguments.
const (
	blobBase64 = "$binary" // base64
	blobSize   = "$bytes"  // so many bytes of filler
	blobText   = "$text"   // the bytes of a text
)

// maxBlob bounds one piece of binary data.
const maxBlob = 16 << 20

// blobNode returns the key and value of a mapping that stands for binary data.
func blobNode(n *node) (key string, value *node) {
	if n == nil || n.kind != mappingNode || len(n.entries) != 1 {
		return "", nil
	}
	switch k := n.entries[0].key.text; k {
	case blobBase64, blobSize, blobText:
		return k, n.entries[0].value
	}
	return "", nil
}

// blob reads one piece of binary data.
func (p *parse) blob(key string, n *node) Blob {
	s, ok := p.text(n, key)
	if !ok {
		return Blob{}
	}
	switch key {
	case blobBase64:
		b, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			p.hintf(n.pos, "the bytes of a text are "+blobText+", filler is "+blobSize, "%s is base64: %v", key, err)
		}
		return Blob{Bytes: b}
	case blobSize:
		size, isSize := parseBytes(s)
		if !isSize || size < 1 || size > maxBlob {
			p.hintf(n.pos, "write for example 1KiB", "%s is a size from 1B to 16MiB, not %s", key, n.describe())
			return Blob{}
		}
		return Blob{Bytes: filler(int(size))}
	}
	t, err := ParseTemplate(s)
	if err != nil {
		p.errorf(n.pos, "%v", err)
	}
	p.noteTemplate(n, t, false)
	return Blob{Text: &t}
}

// filler is data that does not compress, the same in every run.
func filler(n int) []byte {
	out := make([]byte, 0, n+8)
	for i := uint64(0); len(out) < n; i++ {
		out = binary.LittleEndian.AppendUint64(out, mix64(i))
	}
	return out[:n:n]
}

// appendPlaceholder stands for attachment i in the arguments of a Socket.IO
// packet.
func appendPlaceholder(dst []byte, i int) []byte {
	dst = append(dst, `{"_placeholder":true,"num":`...)
	dst = strconv.AppendInt(dst, int64(i), 10)
	return append(dst, '}')
}

// hasMarker tells whether some blob holds {{marker}}.
func hasMarker(blobs []Blob) bool {
	for i := range blobs {
		if t := blobs[i].Text; t != nil && t.HasMarker() {
			return true
		}
	}
	return false
}

// attach puts a step's binary data into a message: beside the arguments of a
// Socket.IO packet, or in the place of a plain WebSocket's frame.
func (b *buffer) attach(e *Emit, frame bool) {
	b.out.Attachments, b.out.Binary = nil, false
	if len(e.Blobs) == 0 {
		return
	}
	if frame {
		b.out.Binary = true
		b.out.Body = e.Blobs[0].Append(b.body[:0], &b.vars)
		b.body = b.out.Body
		return
	}
	for i := range e.Blobs {
		b.out.Attachments = append(b.out.Attachments, e.Blobs[i].Append(nil, &b.vars))
	}
}
