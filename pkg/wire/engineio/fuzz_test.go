package engineio_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/wire/engineio"
)

func FuzzDecodePayload(f *testing.F) {
	for _, s := range []string{"4hello\x1e2\x1ebAQIDBA==", "bAQ", "b", "4é€\x1e6", "\x1e", "7", "4a\x1e", "0{\"sid\":\"x\"}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		const limit = 8
		before := bytes.Clone(body)
		packets, err := decodeAll(body, limit)
		if !bytes.Equal(before, body) {
			t.Error("the body was changed")
		}
		if len(packets) > limit {
			t.Errorf("%d packets, limit %d", len(packets), limit)
		}
		if err != nil {
			return
		}
		// What was decoded encodes to something that decodes to the same.
		var again []byte
		for _, p := range packets {
			again = engineio.AppendRecord(again, p)
		}
		got, err := decodeAll(again, limit)
		if err != nil || len(got) != len(packets) {
			t.Fatalf("%q came back as %d packets, %v", again, len(got), err)
		}
		for i := range got {
			if got[i].Type != packets[i].Type || got[i].Binary != packets[i].Binary || !bytes.Equal(got[i].Data, packets[i].Data) {
				t.Errorf("packet %d: %+v came back as %+v", i, packets[i], got[i])
			}
		}
	})
}

func FuzzParseHandshake(f *testing.F) {
	f.Add([]byte(`{"sid":"a","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`))
	f.Add([]byte(`{"sid":"a","pingInterval":1e300,"pingTimeout":0.5}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := engineio.ParseHandshake(data)
		if err == nil && (h.SID == "" || h.PingInterval < time.Millisecond || h.PingTimeout < time.Millisecond || h.MaxPayload < 0) {
			t.Errorf("accepted %+v", h)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	frame := []byte(`42["message",{"room":"r1","text":"hello"}]`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := engineio.Decode(frame, false); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodePayload(b *testing.B) {
	body := []byte("42[\"a\",1]\x1e42[\"b\",2]\x1e3\x1e42[\"c\",3]")
	yield := func(engineio.Packet) error { return nil }
	b.ReportAllocs()
	for b.Loop() {
		if err := engineio.DecodePayload(body, 16, yield); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendRecord(b *testing.B) {
	dst := make([]byte, 0, 512)
	p := engineio.Packet{Type: engineio.Message, Data: []byte(`2["message",{"room":"r1","text":"hello"}]`)}
	b.ReportAllocs()
	for b.Loop() {
		dst = engineio.AppendRecord(dst[:0], p)
		dst = engineio.AppendRecord(dst, p)
	}
}
