package redisadapter_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/realtime-toolkit/rtk/pkg/wire/rawjson"
	"github.com/realtime-toolkit/rtk/pkg/wire/redisadapter"
	"github.com/realtime-toolkit/rtk/pkg/wire/socketio"
)

func FuzzDecodeBroadcast(f *testing.F) {
	for _, frame := range frames(f) {
		f.Add(frame)
	}
	f.Add(event(0xc9, 0xff, 0xff, 0xff, 0xff, 1))
	f.Add(event(bytes.Repeat([]byte{0x91}, 600)...))
	f.Fuzz(func(t *testing.T, msg []byte) {
		b, err := redisadapter.DecodeBroadcast(msg)
		if err != nil {
			return
		}
		if !rawjson.Valid(b.Args) {
			t.Fatalf("args are not JSON: %q", b.Args)
		}
		if uid, ok := redisadapter.PeekUID(msg); !ok || string(uid) != b.UID {
			t.Errorf("PeekUID = %q, %v; want %q", uid, ok, b.UID)
		}
		// What was decoded can be published, and then means the same. A literal
		// that looks like a placeholder can't be told from one.
		frame, err := redisadapter.AppendBroadcast(nil, b)
		if err != nil {
			return
		}
		again, err := redisadapter.DecodeBroadcast(frame)
		if err != nil {
			t.Fatalf("own frame %x: %v", frame, err)
		}
		if bytes.Contains(b.Args, []byte("_placeholder")) {
			return
		}
		if diff := cmp.Diff(b, again, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("came back changed (-want +got):\n%s", diff)
		}
	})
}

func FuzzAppendBroadcast(f *testing.F) {
	for _, tt := range broadcasts {
		f.Add(tt.want.Args, "r1")
	}
	f.Add([]byte(`["e",{"x":`+one+`,"_placeholder":true,"num":0}]`), "")
	f.Fuzz(func(t *testing.T, args []byte, room string) {
		b := &redisadapter.Broadcast{UID: uid, Namespace: "/", Args: args, Attachments: [][]byte{{1}, {2, 3}}}
		if room != "" {
			b.Rooms = []string{room}
		}
		frame, err := redisadapter.AppendBroadcast(nil, b)
		if err != nil {
			return
		}
		if !rawjson.Valid(args) {
			t.Errorf("published %q", args)
		}
		if _, err := redisadapter.DecodeBroadcast(frame); err != nil && !reservedName(args) {
			t.Errorf("own frame of %q: %v", args, err)
		}
	})
}

// reservedName reports whether args has an event name that may not be received.
func reservedName(args []byte) bool {
	name, _, err := socketio.SplitEvent(args)
	return err == nil && socketio.Reserved(name)
}

func BenchmarkAppendBroadcast(b *testing.B) {
	dst := make([]byte, 0, 512)
	m := &redisadapter.Broadcast{
		UID: uid, Namespace: "/chat", Rooms: []string{"r1"},
		Args: []byte(`["message",{"room":"r1","text":"hello, wörld","from":"alice","id":"01J","at":1795476495675}]`),
	}
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if dst, err = redisadapter.AppendBroadcast(dst[:0], m); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeBroadcast(b *testing.B) {
	msg, err := redisadapter.AppendBroadcast(nil, &redisadapter.Broadcast{
		UID: uid, Namespace: "/chat", Rooms: []string{"r1"},
		Args: []byte(`["message",{"room":"r1","text":"hello, wörld","from":"alice","id":"01J","at":1795476495675}]`),
	})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := redisadapter.DecodeBroadcast(msg); err != nil {
			b.Fatal(err)
		}
	}
}
