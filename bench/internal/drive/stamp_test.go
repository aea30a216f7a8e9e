//go:build linux

package drive

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestStamp(t *testing.T) {
	t.Parallel()
	want := []stamp{{publisher: 7, sequence: 4_000_000_000, due: 123}, {publisher: 12, due: 9_000_000_000_000_000_000}}
	var text []byte
	for _, s := range want {
		p := appendPayload(nil, s, 128)
		if len(p) != 128 || !json.Valid(p) {
			t.Errorf("payload of %d bytes, want 128 of JSON: %s", len(p), p)
		}
		text = append(append(text, p...), '\n')
	}
	var got []stamp
	for rest := text; ; {
		s, after, ok := nextStamp(rest)
		if !ok {
			break
		}
		got, rest = append(got, s), after
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(stamp{})); diff != "" {
		t.Errorf("stamps (-want +got):\n%s", diff)
	}
}

func FuzzFrame(f *testing.F) {
	f.Add([]byte{0x81, 3, 'a', 'b', 'c'})
	f.Add([]byte{0x81, 126, 0, 200})
	f.Add([]byte{0x81, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		_, p, size := cutFrame(b)
		if size < 0 || size > len(b) || len(p) > size {
			t.Errorf("frame of %d bytes with %d of payload in %d", size, len(p), len(b))
		}
	})
}

func TestPlace(t *testing.T) {
	t.Parallel()
	var p place
	var got []bool
	for _, sequence := range []uint32{0, 1, 3, 2, 2, 3, 100, 99, 4} {
		got = append(got, p.take(sequence))
	}
	want := []bool{true, true, true, true, false, false, true, true, false} // the last is too long ago
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("taken (-want +got):\n%s", diff)
	}
}
