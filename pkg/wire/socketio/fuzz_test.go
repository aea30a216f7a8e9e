package socketio_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/realtime-toolkit/rtk/pkg/wire/socketio"
)

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"0", `0/chat,{"token":"t"}`, "1/chat,", `2["hello",1]`, `2/chat,17["hello",{"a":"é"}]`, `2[42]`, `30[]`,
		`4{"message":"x","data":{"code":42}}`, `52-/chat,3["bin",{"_placeholder":true,"num":1},[{"_placeholder":true,"num":0}]]`,
		`61-5[{"_placeholder":true,"num":0}]`, `50-["bin"]`, `2["\u0064isconnect"]`, `51-["a",{"\u005fplaceholder":true,"num":7}]`,
		`2 ["a"]`, `511-["a"]`, `2["a"`, "2[\"\xff\"]",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		p, err := socketio.Parse(b, 10)
		if !bytes.Equal(before, b) {
			t.Error("the text was changed")
		}
		if err != nil {
			return
		}
		if len(p.Data) > 0 && !json.Valid(p.Data) {
			t.Errorf("accepted data %q", p.Data)
		}
		if p.Attachments > 10 || p.ID < socketio.NoID {
			t.Errorf("accepted %+v", p)
		}
		if p.Type != socketio.Event && p.Type != socketio.BinaryEvent && p.Type != socketio.Ack && p.Type != socketio.BinaryAck {
			p.ID = socketio.NoID // no encoder writes an id here
		}
		again := encode(t, p)
		q, err := socketio.Parse(again, 10)
		if err != nil {
			t.Fatalf("%q became %q: %v", b, again, err)
		}
		// A BINARY_EVENT of no attachments is written as an EVENT.
		if q.Attachments != p.Attachments || q.ID != p.ID || !bytes.Equal(q.Namespace, p.Namespace) {
			t.Errorf("%q became %q: %+v, was %+v", b, again, q, p)
		}
	})
}

// encode writes a parsed packet with the encoders, taking data apart first.
func encode(t *testing.T, p socketio.Packet) []byte {
	ns := string(p.Namespace)
	switch p.Type {
	case socketio.Event, socketio.BinaryEvent:
		name, args, err := socketio.SplitEvent(p.Data)
		if err != nil {
			t.Fatalf("SplitEvent(%q): %v", p.Data, err)
		}
		if socketio.Reserved(name) {
			t.Errorf("accepted the reserved name %q", name)
		}
		return socketio.AppendEvent(nil, ns, p.ID, name, args, p.Attachments)
	case socketio.Ack, socketio.BinaryAck:
		return socketio.AppendAck(nil, ns, p.ID, socketio.SplitArgs(p.Data), p.Attachments)
	case socketio.Disconnect:
		return socketio.AppendDisconnect(nil, ns)
	default:
		return socketio.AppendConnect(nil, ns, nil)
	}
}

func BenchmarkParseEvent(b *testing.B) {
	text := []byte(`2/chat,17["message",{"room":"r1","text":"hello, wörld","at":1795476495675}]`)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		p, err := socketio.Parse(text, 10)
		if err != nil {
			b.Fatal(err)
		}
		if _, _, err := socketio.SplitEventBytes(p.Data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseBinaryEvent(b *testing.B) {
	text := []byte(`51-["bin",{"_placeholder":true,"num":0}]`)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := socketio.Parse(text, 10); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendEvent(b *testing.B) {
	dst, args := make([]byte, 0, 256), []byte(`{"room":"r1","text":"hello"}`)
	b.ReportAllocs()
	for b.Loop() {
		dst = socketio.AppendEvent(dst[:0], "/chat", socketio.NoID, "message", args, 0)
	}
}
