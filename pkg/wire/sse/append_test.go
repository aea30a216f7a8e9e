package sse_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/wire/sse"
)

func TestAppend(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		event sse.Event
		want  string
	}{
		{"data", sse.Event{Data: []byte("hello")}, "data: hello\n\n"},
		{"id and data", sse.Event{ID: "1", Data: []byte("hello")}, "id: 1\ndata: hello\n\n"},
		{
			"all fields, in the order of NestJS",
			sse.Event{ID: "5", Type: "t", Retry: 100 * time.Millisecond, Comment: "c", Data: []byte(`{"a":1}`)},
			"event: t\nid: 5\nretry: 100\n: c\ndata: {\"a\":1}\n\n",
		},
		{"LF, CR and CRLF split lines", sse.Event{ID: "2", Data: []byte("l1\nl2\rl3\r\nl4")}, "id: 2\ndata: l1\ndata: l2\ndata: l3\ndata: l4\n\n"},
		{"ends in a line end", sse.Event{Data: []byte("a\n")}, "data: a\ndata: \n\n"},
		{"empty data", sse.Event{Data: []byte{}}, "data: \n\n"},
		{"no data", sse.Event{ID: "3"}, "id: 3\n\n"},
		{"comment", sse.Event{Comment: "ping"}, ": ping\n\n"},
		{"comment of two lines", sse.Event{Comment: "a\r\nb"}, ": a\n: b\n\n"},
		{"retry", sse.Event{Retry: 3 * time.Second}, "retry: 3000\n\n"},
		{"injection by type and id", sse.Event{Type: "a\ndata: x", ID: "1\r\n\r\ndata: y\x00", Data: []byte("z")}, "event: adata: x\nid: 1data: y\ndata: z\n\n"},
		{"nothing", sse.Event{}, "\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, string(sse.Append(nil, &tt.event))); diff != "" {
				t.Errorf("event (-want +got):\n%s", diff)
			}
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	dst := make([]byte, 0, 512)
	e := &sse.Event{ID: "1795476495675-0", Type: "message", Data: []byte(`{"room":"r1","text":"hello"}`)}
	b.ReportAllocs()
	for b.Loop() {
		dst = sse.Append(dst[:0], e)
	}
}
