package redisadapter_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tinylib/msgp/msgp"

	"github.com/realtime-toolkit/rtk/pkg/wire/rawjson"
	"github.com/realtime-toolkit/rtk/pkg/wire/redisadapter"
)

// frame builds a broadcast around raw bytes of packet.data.
func frame(data ...byte) []byte {
	b := msgp.AppendArrayHeader(nil, 3)
	b = msgp.AppendString(b, uid)
	b = msgp.AppendMapHeader(b, 2)
	b = msgp.AppendInt(msgp.AppendString(b, "type"), 2)
	b = append(msgp.AppendString(b, "data"), data...)
	return msgp.AppendMapHeader(b, 0)
}

// event builds an event of one argument.
func event(argument ...byte) []byte {
	return frame(append([]byte{0x92, 0xa1, 'e'}, argument...)...)
}

func float(f float64) []byte {
	return binary.BigEndian.AppendUint64([]byte{0xcb}, math.Float64bits(f))
}

func TestDecodeValues(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		argument []byte
		want     string // the JSON of the argument
	}{
		{"integer wider than needed", []byte{0xcf, 0, 0, 0, 0, 0, 0, 0, 1}, "1"},
		{"signed positive", []byte{0xd3, 0, 0, 0, 0, 0, 0, 0, 1}, "1"},
		{"greatest uint64", []byte{0xcf, 255, 255, 255, 255, 255, 255, 255, 255}, "18446744073709551615"},
		{"float32", []byte{0xca, 0x3f, 0x80, 0, 0}, "1"},
		{"float without fraction", float(3), "3"},
		{"negative zero", float(math.Copysign(0, -1)), "0"},
		{"1e20", float(1e20), "100000000000000000000"},
		{"1e21", float(1e21), "1e+21"},
		{"1e-6", float(1e-6), "0.000001"},
		{"1e-7", float(1e-7), "1e-7"},
		{"1.5e-10", float(1.5e-10), "1.5e-10"},
		{"1e100", float(1e100), "1e+100"},
		{"NaN", float(math.NaN()), "null"},
		{"-Infinity", float(math.Inf(-1)), "null"},
		{"invalid UTF-8", []byte{0xa2, 'a', 0xff}, `"a` + "\ufffd" + `"`},
		{"integer key", []byte{0x81, 0x07, 0xc3}, `{"7":true}`},
		{"old notepack undefined", []byte{0xd4, 0, 0}, "null"},
		{"old notepack date", []byte{0xd7, 0, 0, 0, 0, 0, 0, 0, 0, 0}, `"1970-01-01T00:00:00.000Z"`},
		{"old notepack ArrayBuffer", []byte{0xc7, 2, 0, 1, 2}, zero},
		{"date beyond JavaScript's", []byte{0xc7, 12, 0xff, 0, 0, 0, 0, 0x7f, 255, 255, 255, 255, 255, 255, 255}, "null"},
		{"extension of another type", []byte{0xd5, 5, 1, 2}, "[5," + zero + "]"},
		{"extension 16", []byte{0xc8, 0, 1, 9, 1}, "[9," + zero + "]"},
		{"extension 32", []byte{0xc9, 0, 0, 0, 1, 0xfe, 1}, "[-2," + zero + "]"},
		{"literal placeholder", append([]byte{0x82, 0xac}, append([]byte("_placeholder"), 0xc3, 0xa3, 'n', 'u', 'm', 5)...), `{"_placeholder":true,"num":5}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b, err := redisadapter.DecodeBroadcast(event(tt.argument...))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(`["e",`+tt.want+`]`, string(b.Args)); diff != "" {
				t.Errorf("args (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	good := event(1)
	tests := []struct {
		name string
		msg  []byte
	}{
		{"empty", nil},
		{"JSON request", []byte(`{"uid":"-8-bLw","type":1}`)},
		{"trailing bytes", append(bytes.Clone(good), 0)},
		{"array of 2", []byte{0x92, 0xa1, 'u', 0x80}},
		{"array of 4", append([]byte{0x94}, good[1:]...)},
		{"uid not text", append([]byte{0x93, 7}, good[8:]...)},
		{"packet not a map", []byte{0x93, 0xa1, 'u', 7, 0x80}},
		{"no data", []byte{0x93, 0xa1, 'u', 0x80, 0x80}},
		{"data not an array", frame(0xa1, 'x')},
		{"no event name", frame(0x90)},
		{"event name not text", frame(0x91, 0xc0)},
		{"reserved event name", frame(append([]byte{0x91, 0xaa}, "disconnect"...)...)},
		{"packet of another type", bytes.Replace(good, []byte("type\x02"), []byte("type\x00"), 1)},
		{"unused byte c1", event(0xc1)},
		{"huge array", event(0xdd, 0xff, 0xff, 0xff, 0xff)},
		{"huge map", event(0xdf, 0xff, 0xff, 0xff, 0xff)},
		{"huge text", event(0xdb, 0xff, 0xff, 0xff, 0xff)},
		{"huge binary", event(0xc6, 0xff, 0xff, 0xff, 0xff)},
		{"huge extension", event(0xc9, 0xff, 0xff, 0xff, 0xff, 1)},
		{"timestamp of 2 bytes", event(0xd5, 0xff, 0, 0)},
		{"map key an array", event(0x81, 0x90, 1)},
		{"nested too deep", event(append(bytes.Repeat([]byte{0x91}, rawjson.MaxDepth), 1)...)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if b, err := redisadapter.DecodeBroadcast(tt.msg); !errors.Is(err, redisadapter.ErrMessage) {
				t.Errorf("got %+v, %v; want ErrMessage", b, err)
			}
		})
	}
	for i := range good {
		if _, err := redisadapter.DecodeBroadcast(good[:i]); err == nil {
			t.Errorf("the first %d of %d bytes were accepted", i, len(good))
		}
	}
}

func TestAppendRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name        string
		args        string
		attachments int
		err         error
	}{
		{"empty", "", 0, redisadapter.ErrArgs},
		{"object", "{}", 0, redisadapter.ErrArgs},
		{"no event", "[]", 0, redisadapter.ErrArgs},
		{"not JSON", `["ev",]`, 0, redisadapter.ErrArgs},
		{"invalid UTF-8", "[\"ev\",\"\xff\"]", 0, redisadapter.ErrArgs},
		{"too deep", `["ev",` + strings.Repeat("[", rawjson.MaxDepth) + strings.Repeat("]", rawjson.MaxDepth) + `]`, 0, redisadapter.ErrArgs},
		{"placeholder beyond attachments", `["ev",` + one + `]`, 1, redisadapter.ErrPlaceholder},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := &redisadapter.Broadcast{UID: uid, Namespace: "/", Args: []byte(tt.args), Attachments: make([][]byte, tt.attachments)}
			dst, err := redisadapter.AppendBroadcast([]byte("before"), b)
			if !errors.Is(err, tt.err) || string(dst) != "before" {
				t.Errorf("dst %q, err %v; want dst untouched, %v", dst, err, tt.err)
			}
		})
	}
}

func TestAppendValues(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, argument string
		want           []byte
	}{
		{"exponent that is whole", "5e9", []byte{0xcf, 0, 0, 0, 1, 0x2a, 5, 0xf2, 0}},
		{"whole with a point", "1.0", []byte{1}},
		{"negative zero", "-0", []byte{0}},
		{"exact beyond 2^53", "9007199254740993", []byte{0xcf, 0, 0x20, 0, 0, 0, 0, 0, 1}},
		{"greatest uint64", "18446744073709551615", []byte{0xcf, 255, 255, 255, 255, 255, 255, 255, 255}},
		{"beyond 64 bits", "1e20", float(1e20)},
		{"negative beyond 64 bits", "-1e20", float(-1e20)},
		{"beyond float64", "1e999", float(math.Inf(1))},
		{"escapes", `"\ud83d\ude00\u0041\/"`, append([]byte{0xa6}, "😀A/"...)},
		{"lone surrogate", `"\ud83d"`, append([]byte{0xa3}, "\ufffd"...)},
		{"spaces", " [ 1 , { \"a\" : [ ] } ] ", []byte{0x92, 1, 0x81, 0xa1, 'a', 0x90}},
		{"literal placeholder without attachments", zero, append([]byte{0x82, 0xac}, append([]byte("_placeholder"), 0xc3, 0xa3, 'n', 'u', 'm', 0)...)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := redisadapter.AppendBroadcast(nil, &redisadapter.Broadcast{
				UID: uid, Namespace: "/", Args: []byte(`["e",` + tt.argument + `]`),
			})
			if err != nil {
				t.Fatal(err)
			}
			_, got, _ = bytes.Cut(got, []byte{0x92, 0xa1, 'e'})
			got, _, _ = bytes.Cut(got, []byte{0xa3, 'n', 's', 'p'})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("argument (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAppendPlaceholderWithInnards covers an object that is a placeholder and
// has more in it, which JavaScript replaces as a whole.
func TestAppendPlaceholderWithInnards(t *testing.T) {
	t.Parallel()
	b := &redisadapter.Broadcast{
		UID: uid, Namespace: "/", Attachments: [][]byte{{7}, {8}},
		Args: []byte(`["e",{"x":[1,{"y":"}]"},` + one + `],"_placeholder":true,"num":0},[2,` + one + `]]`),
	}
	frame, err := redisadapter.AppendBroadcast(nil, b)
	if err != nil {
		t.Fatal(err)
	}
	got, err := redisadapter.DecodeBroadcast(frame)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(`["e",`+zero+`,[2,`+one+`]]`, string(got.Args)); diff != "" {
		t.Errorf("args (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([][]byte{{7}, {8}}, got.Attachments); diff != "" {
		t.Errorf("attachments (-want +got):\n%s", diff)
	}
}

func TestPeekUID(t *testing.T) {
	t.Parallel()
	for name, msg := range frames(t) {
		b, err := redisadapter.DecodeBroadcast(msg)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := redisadapter.PeekUID(msg); !ok || string(got) != b.UID {
			t.Errorf("%s: PeekUID = %q, %v; want %q", name, got, ok, b.UID)
		}
	}
	for _, msg := range []string{"", "{", "\x93", "\x93\xa6ab", "\x90"} {
		if got, ok := redisadapter.PeekUID([]byte(msg)); ok {
			t.Errorf("PeekUID(%q) = %q, want none", msg, got)
		}
	}
}
