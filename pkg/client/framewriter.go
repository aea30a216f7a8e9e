package client

import "encoding/binary"

// appendFrame appends p as one masked frame (RFC 6455, section 5.2 and 5.3).
func appendFrame(dst []byte, op byte, p []byte, key uint32) []byte {
	dst = append(dst, frameFin|op)
	switch n := len(p); {
	case n > 0xffff:
		dst = append(dst, frameMask|127)
		dst = binary.BigEndian.AppendUint64(dst, uint64(n))
	case n > maxControlPayload:
		dst = append(dst, frameMask|126)
		dst = binary.BigEndian.AppendUint16(dst, uint16(n))
	default:
		dst = append(dst, frameMask|byte(n))
	}
	dst = binary.LittleEndian.AppendUint32(dst, key)
	start := len(dst)
	dst = append(dst, p...)
	mask(dst[start:], key)
	return dst
}

// mask applies the masking key, whose first byte is the lowest, in place.
func mask(b []byte, key uint32) {
	key8 := uint64(key)<<32 | uint64(key)
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^key8)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= byte(key >> (8 * (i % 4)))
	}
}
