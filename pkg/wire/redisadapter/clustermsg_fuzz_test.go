package redisadapter_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/realtime-toolkit/rtk/pkg/wire/rawjson"
	"github.com/realtime-toolkit/rtk/pkg/wire/redisadapter"
)

func FuzzDecodeCluster(f *testing.F) {
	for _, frame := range clusterFrames(f) {
		f.Add(frame.payload)
	}
	f.Add([]byte(`{"type":8,"data":{"requestId":"x","sockets":[{"id":"a"},{}]},"uid":"\ud800","nsp":"/"}`))
	f.Add([]byte("\x82\xa4data\x82\xa9requestId\xa1x\xa7sockets\xdd\xff\xff\xff\xff\xa4type\x08"))
	f.Add(append([]byte("\x82\xa4type\x09\xa4data\x81\xa6packet"), bytes.Repeat([]byte{0x91}, 600)...))
	f.Fuzz(func(t *testing.T, msg []byte) {
		m, err := redisadapter.DecodeCluster(msg)
		if err != nil {
			return
		}
		if m.Args != nil && !rawjson.Valid(m.Args) {
			t.Fatalf("args are not JSON: %q", m.Args)
		}
		// What was decoded can be sent, in either form, and means the same. A
		// literal that looks like a placeholder can't be told from one.
		if bytes.Contains(m.Args, []byte("_placeholder")) || bytes.Contains(m.Args, []byte(`\u`)) {
			return
		}
		// JSON can't hold bytes that are not UTF-8, MessagePack can.
		names := slices.Concat([]string{m.UID, m.Namespace, m.RequestID}, m.Rooms, m.Except, m.Targets)
		if !utf8.ValidString(strings.Join(names, "")) {
			return
		}
		for name, encode := range map[string]func([]byte, *redisadapter.ClusterMessage) ([]byte, error){
			"sharded": redisadapter.AppendCluster, "packed": redisadapter.AppendClusterPack,
		} {
			frame, err := encode(nil, m)
			if err != nil {
				t.Fatalf("%s: %+v: %v", name, m, err)
			}
			again, err := redisadapter.DecodeCluster(frame)
			if err != nil {
				t.Fatalf("%s: own frame %q: %v", name, frame, err)
			}
			// Values may come back in another spelling; what they are to whom may not.
			opts := cmpopts.IgnoreFields(redisadapter.ClusterMessage{}, "Args", "Sockets", "Attachments")
			if diff := cmp.Diff(m, again, cmpopts.EquateEmpty(), sentFields(m), opts); diff != "" {
				t.Errorf("%s: came back changed (-want +got):\n%s", name, diff)
			}
			if len(m.Sockets) != len(again.Sockets) && m.Type == redisadapter.ClusterFetchSocketsAnswer {
				t.Errorf("%s: %d sockets came back as %d", name, len(m.Sockets), len(again.Sockets))
			}
		}
	})
}

// sentFields leaves out what a message of another type brought along.
func sentFields(m *redisadapter.ClusterMessage) cmp.Option {
	var not []string
	if m.Type != redisadapter.ClusterJoin && m.Type != redisadapter.ClusterLeave {
		not = append(not, "Targets")
	}
	if m.Type != redisadapter.ClusterDisconnect {
		not = append(not, "Close")
	}
	if m.Type != redisadapter.ClusterClientCount {
		not = append(not, "Clients")
	}
	switch m.Type {
	case redisadapter.ClusterJoin, redisadapter.ClusterLeave, redisadapter.ClusterDisconnect:
		not = append(not, "RequestID")
	}
	return cmpopts.IgnoreFields(redisadapter.ClusterMessage{}, not...)
}

func BenchmarkAppendCluster(b *testing.B) {
	m := &redisadapter.ClusterMessage{
		Type: redisadapter.ClusterBroadcast, UID: clusterUID, Namespace: "/chat", Rooms: []string{"r1"},
		Args: []byte(`["message",{"room":"r1","text":"hello, wörld","from":"alice","id":"01J","at":1795476495675}]`),
	}
	dst := make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if dst, err = redisadapter.AppendCluster(dst[:0], m); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeCluster(b *testing.B) {
	msg, err := redisadapter.AppendCluster(nil, &redisadapter.ClusterMessage{
		Type: redisadapter.ClusterBroadcast, UID: clusterUID, Namespace: "/chat", Rooms: []string{"r1"},
		Args: []byte(`["message",{"room":"r1","text":"hello, wörld","from":"alice","id":"01J","at":1795476495675}]`),
	})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := redisadapter.DecodeCluster(msg); err != nil {
			b.Fatal(err)
		}
	}
}
