package server

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestQueueNext is that the writes are the frames, in order, in pieces of at
// most the buffer.
func TestQueueNext(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var q queue
		var want []byte
		frames := rng.IntN(60)
		for i := range frames {
			f := &frame{wire: bytes.Repeat([]byte{byte(i)}, 1+rng.IntN(1<<rng.IntN(16)))}
			want = append(want, f.wire...)
			q.push(f)
		}
		buf := make([]byte, 0, 8<<10)
		var got []byte
		taken := 0
		for !q.empty() {
			data, n := q.next(buf)
			if n > 1 && len(data) > cap(buf) {
				t.Fatalf("%d frames of %d bytes in one write, the buffer has %d", n, len(data), cap(buf))
			}
			got = append(got, data...)
			taken += n
		}
		if !bytes.Equal(got, want) || taken != frames {
			t.Fatalf("%d bytes in %d frames, want %d in %d", len(got), taken, len(want), frames)
		}
	}
}

func TestWSHead(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		n    int
		want []byte
	}{
		{"empty", 0, []byte{0x81, 0}},
		{"longest short", 125, []byte{0x81, 125}},
		{"shortest medium", 126, []byte{0x81, 126, 0, 126}},
		{"longest medium", 65535, []byte{0x81, 126, 0xff, 0xff}},
		{"shortest long", 65536, []byte{0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := wsFrame(wsText, tc.n, func(dst []byte) []byte { return append(dst, make([]byte, tc.n)...) })
			if got := f.wire[:len(tc.want)]; !bytes.Equal(got, tc.want) || len(f.body) != tc.n || len(f.wire) != len(tc.want)+tc.n {
				t.Errorf("got % x and %d bytes, want % x", got, len(f.body), tc.want)
			}
		})
	}
}
