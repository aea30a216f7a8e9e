package ledger

import (
	"bytes"
	"errors"
	"math"
	"testing"
)

func TestMarkerRoundTrip(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		m    Marker
		want string
	}{
		{"zero", Marker{}, "rtk1.0.0.0.0.6yli6n"},
		{"usual", Marker{Run: 46655, Publisher: 12, Seq: 1295, At: 1_764_000_000_000_000}, ""},
		{"largest", Marker{math.MaxUint32, math.MaxUint32, math.MaxUint32, math.MaxInt64}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			text := tt.m.Append(nil)
			if len(text) > MaxMarker {
				t.Errorf("%d bytes, want at most %d", len(text), MaxMarker)
			}
			if tt.want != "" && string(text) != tt.want {
				t.Errorf("%s, want %s: the format must not change", text, tt.want)
			}
			body := append([]byte(`{"text":"`), append(text, `","x":1}`...)...)
			got, err := Parse(body[Find(body):])
			if err != nil || got != tt.m {
				t.Errorf("Parse(%s) = %+v, %v; want %+v", text, got, err, tt.m)
			}
		})
	}
}

// Each single damaged byte and each cut must be noticed.
func TestDamagedMarkersAreCorrupt(t *testing.T) {
	t.Parallel()
	text := Marker{Run: 46655, Publisher: 12, Seq: 1295, At: 1_764_000_000_000_000}.Append(nil)
	for i := len(prefix); i < len(text); i++ {
		for _, c := range []byte(`09az."A `) {
			if c == text[i] {
				continue
			}
			bad := bytes.Clone(text)
			bad[i] = c
			if m, err := Parse(bad); err == nil {
				t.Errorf("%s taken for %+v", bad, m)
			}
		}
		if m, err := Parse(text[:i]); err == nil {
			t.Errorf("%s taken for %+v", text[:i], m)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("rtk1.0.0.0.0.6yli6n"))
	f.Add(Marker{Run: 1, Publisher: 2, Seq: 3, At: 4}.Append(nil))
	f.Add([]byte("rtk1.zzzzzzzzzzzzzz.0.0.0.0"))
	f.Add([]byte("rtk1."))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Parse(b)
		if err != nil {
			return
		}
		if again, err := Parse(m.Append(nil)); err != nil || again != m {
			t.Errorf("%q is %+v, but its marker reads %+v, %v", b, m, again, err)
		}
	})
}

func TestFilledMarkers(t *testing.T) {
	t.Parallel()
	m := Marker{Run: 46655, Publisher: 12, Seq: 1295, At: 1_764_000_000_000_000}
	for _, size := range []int{MinFilled, 128, 512, 4096} {
		text := m.AppendFilled(nil, size)
		if len(text) != size {
			t.Errorf("%d bytes, want %d: %s", len(text), size, text)
		}
		if got, err := Parse(append(bytes.Clone(text), `","x":1}`...)); err != nil || got != m {
			t.Errorf("Parse(%s) = %+v, %v; want %+v", text, got, err, m)
		}
	}
	largest := Marker{math.MaxUint32, math.MaxUint32, math.MaxUint32, math.MaxInt64}
	if text := largest.AppendFilled(nil, MinFilled); len(text) != MinFilled {
		t.Errorf("%d bytes, want %d", len(text), MinFilled)
	}
	if a, b := string(m.AppendFilled(nil, 512)), string(Marker{Run: 46655, Publisher: 12, Seq: 1296}.AppendFilled(nil, 512)); a[200:] == b[200:] {
		t.Error("two messages have the same payload")
	}
}

// Of a marker with a payload each damaged byte and each cut must be noticed
// too, and damage behind its head must leave it its number.
func TestDamagedPayloads(t *testing.T) {
	t.Parallel()
	m := Marker{Run: 46655, Publisher: 12, Seq: 1295, At: 1_764_000_000_000_000}
	text := m.AppendFilled(nil, 160)
	head := bytes.LastIndexByte(text, '.')
	for i := len(prefix); i < len(text); i++ {
		for _, c := range []byte(`09az."A `) {
			if c == text[i] {
				continue
			}
			bad := bytes.Clone(text)
			bad[i] = c
			got, err := Parse(bad)
			if err == nil {
				t.Errorf("%s taken for %+v", bad, got)
			}
			if i > head && (!errors.Is(err, errPayload) || got != m) {
				t.Errorf("damage in the payload at %d: %+v, %v", i, got, err)
			}
		}
		if got, err := Parse(text[:i]); err == nil {
			t.Errorf("%s taken for %+v", text[:i], got)
		}
	}
}
