package redisadapter_test

import (
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/realtime-toolkit/rtk/pkg/wire/redisadapter"
)

const (
	uid  = "-8-bLw"
	zero = `{"_placeholder":true,"num":0}`
	one  = `{"_placeholder":true,"num":1}`
)

// broadcasts are what the frames of testdata/golden.txt mean.
var broadcasts = map[string]struct {
	want redisadapter.Broadcast
	// decodeOnly marks frames that this package reads but writes otherwise:
	// values that JSON doesn't have, another key order, false flags.
	decodeOnly bool
}{
	"all": {want: redisadapter.Broadcast{
		UID: uid, Namespace: "/", Args: []byte(`["ev",1,{"a":true},"é"]`),
	}},
	"room": {want: redisadapter.Broadcast{
		UID: uid, Namespace: "/", Rooms: []string{"r1"}, Args: []byte(`["news","x"]`),
	}},
	"several": {decodeOnly: true, want: redisadapter.Broadcast{
		UID: uid, Namespace: "/", Rooms: []string{"r1", "r2"}, Except: []string{"r3"},
		Args: []byte(`["news","x"]`), Volatile: true, NoCompress: true,
	}},
	"flags": {want: redisadapter.Broadcast{
		UID: uid, Namespace: "/", Rooms: []string{"r1", "r2"}, Except: []string{"r3"},
		Args: []byte(`["news","x"]`), Volatile: true, Compress: true,
	}},
	"except-sid": {want: redisadapter.Broadcast{
		UID: uid, Namespace: "/", Except: []string{"DSEX_2GrXVngtP-8AAAB"}, Args: []byte(`["ev"]`),
	}},
	"integer-room": {decodeOnly: true, want: redisadapter.Broadcast{
		UID: uid, Namespace: "/", Rooms: []string{"42"}, Args: []byte(`["ev"]`),
	}},
	"binary": {want: redisadapter.Broadcast{
		UID: uid, Namespace: "/", Args: []byte(`["bin",` + zero + `]`), Attachments: [][]byte{{1, 2, 3}},
	}},
	"binary-nested": {want: redisadapter.Broadcast{
		UID: uid, Namespace: "/chat", Args: []byte(`["bin",{"a":[` + zero + `,` + one + `]}]`),
		Attachments: [][]byte{{1}, []byte(strings.Repeat("\x07", 300))},
	}},
	"emitter": {want: redisadapter.Broadcast{
		UID: redisadapter.EmitterUID, Namespace: "/", Rooms: []string{"r1"}, Except: []string{"z"},
		Args: []byte(`["hi",1]`), Volatile: true,
	}},
	"no-namespace": {decodeOnly: true, want: redisadapter.Broadcast{
		UID: uid, Namespace: "/", Args: []byte(`["ev"]`),
	}},
	"dates-and-the-like": {decodeOnly: true, want: redisadapter.Broadcast{
		UID: uid, Namespace: "/", Args: []byte(`["d","2000-06-13T00:00:00.000Z","2000-06-13T00:00:00.123Z",` +
			`"1969-07-20T20:17:40.500Z","+275760-09-13T00:00:00.000Z","-000001-01-01T00:00:00.000Z",null,null,null,0]`),
	}},
	"integers": {want: redisadapter.Broadcast{
		UID: uid, Namespace: "/", Args: []byte(`["n",0,127,128,255,256,65535,65536,4294967295,4294967296,5000000000,9007199254740991,` +
			`-1,-32,-33,-128,-129,-32768,-32769,-2147483648,-2147483649,-9007199254740991]`),
	}},
	"floats": {want: redisadapter.Broadcast{
		UID: uid, Namespace: "/", Args: []byte(`["f",1.5,-0.1,1e-7,123456.789,5e-324]`),
	}},
	"strings": {want: redisadapter.Broadcast{
		UID: uid, Namespace: "/", Args: []byte(`["s","` + strings.Repeat("x", 31) + `","` + strings.Repeat("x", 32) +
			`","` + strings.Repeat("x", 255) + `","` + strings.Repeat("x", 256) + `"]`),
	}},
	"containers": {want: redisadapter.Broadcast{
		UID: uid, Namespace: "/", Args: []byte(`["a",[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14],[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15],` +
			`{"k0":0,"k1":1,"k2":2,"k3":3,"k4":4,"k5":5,"k6":6,"k7":7,"k8":8,"k9":9,"k10":10,"k11":11,"k12":12,"k13":13,"k14":14,"k15":15}]`),
	}},
	"unicode": {want: redisadapter.Broadcast{
		UID: uid, Namespace: "/", Args: []byte(`["ü","😀€` + "\u2028" + `\"\\\n\u0001",null,false,{},[]]`),
	}},
}

// frames reads what npm's packages wrote.
func frames(t testing.TB) map[string][]byte { return recorded(t, "testdata/golden.txt") }

func recorded(t testing.TB, file string) map[string][]byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	frames := make(map[string][]byte)
	for line := range strings.Lines(string(text)) {
		name, digits, _ := strings.Cut(strings.TrimSpace(line), " ")
		if frames[name], err = hex.DecodeString(digits); err != nil {
			t.Fatal(err)
		}
	}
	return frames
}

func TestGolden(t *testing.T) {
	t.Parallel()
	frames := frames(t)
	if len(frames) != len(broadcasts) {
		t.Errorf("%d frames for %d broadcasts", len(frames), len(broadcasts))
	}
	for name, tt := range broadcasts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := redisadapter.DecodeBroadcast(frames[name])
			if err != nil {
				t.Fatalf("DecodeBroadcast: %v", err)
			}
			if diff := cmp.Diff(tt.want, *got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("DecodeBroadcast (-want +got):\n%s", diff)
			}
			if tt.decodeOnly {
				return
			}
			frame, err := redisadapter.AppendBroadcast(nil, &tt.want)
			if err != nil {
				t.Fatalf("AppendBroadcast: %v", err)
			}
			if diff := cmp.Diff(hex.Dump(frames[name]), hex.Dump(frame)); diff != "" {
				t.Errorf("AppendBroadcast (-want +got):\n%s", diff)
			}
		})
	}
}

// TestCapturedFrames holds three frames against the bytes that MONITOR showed
// on a Redis between real servers, independent of the generated file.
func TestCapturedFrames(t *testing.T) {
	t.Parallel()
	frames := frames(t)
	const head = "93 a6 2d382d624c77 83 a474797065 02 a464617461 "
	for name, want := range map[string]string{
		"all":     head + "94 a26576 01 81 a161 c3 a2c3a9 a36e7370 a12f 83 a5726f6f6d73 90 a6657863657074 90 a5666c616773 80",
		"several": head + "92 a46e657773 a178 a36e7370 a12f 83 a5726f6f6d73 92 a27231 a27232 a6657863657074 91 a27233 a5666c616773 82 a8766f6c6174696c65 c3 a8636f6d7072657373 c2",
		"emitter": "93 a7656d6974746572 83 a474797065 02 a464617461 92 a26869 01 a36e7370 a12f 83 a5726f6f6d73 91 a27231 a5666c616773 81 a8766f6c6174696c65 c3 a6657863657074 91 a17a",
	} {
		if got := hex.EncodeToString(frames[name]); got != strings.ReplaceAll(want, " ", "") {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
	}
	if n := len(frames["all"]); n != 61 {
		t.Errorf("frame all has %d bytes, want 61", n)
	}
}
