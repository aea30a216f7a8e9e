package sse_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/realtime-toolkit/rtk/pkg/wire/sse"
)

// message is sse.Message with text for data, which outlives the yield.
type message struct {
	Kind           sse.Kind
	ID, Type, Data string
	Retry          time.Duration
}

func event(id, typ, data string) message {
	return message{Kind: sse.KindEvent, ID: id, Type: typ, Data: data}
}

func comment(text string) message { return message{Kind: sse.KindComment, Data: text} }

// parse feeds the stream in the given chunks.
func parse(p *sse.Parser, chunks ...string) (got []message, err error) {
	for _, c := range chunks {
		err = p.Feed([]byte(c), func(m *sse.Message) error {
			got = append(got, message{m.Kind, m.ID, m.Type, string(m.Data), m.Retry})
			return nil
		})
		if err != nil {
			return got, err
		}
	}
	return got, nil
}

// cut splits a stream into chunks of size bytes.
func cut(stream string, size int) (chunks []string) {
	for stream != "" {
		n := min(len(stream), size)
		chunks, stream = append(chunks, stream[:n]), stream[n:]
	}
	return chunks
}

// streams are the cases of the WHATWG standard and of its web platform tests.
var streams = []struct {
	name, stream string
	want         []message
	lastID       string
}{
	{name: "one line", stream: "data: hello\n\n", want: []message{event("", "message", "hello")}},
	{name: "lines join with LF", stream: "data: a\ndata: b\n\n", want: []message{event("", "message", "a\nb")}},
	{name: "CR", stream: "data: a\rdata: b\r\r", want: []message{event("", "message", "a\nb")}},
	{name: "CRLF", stream: "data: a\r\ndata: b\r\n\r\n", want: []message{event("", "message", "a\nb")}},
	{name: "mixed line ends", stream: "data: a\r\ndata: b\ndata: c\r\n\n", want: []message{event("", "message", "a\nb\nc")}},
	{name: "type", stream: "event: t\ndata: a\n\ndata: b\n\n", want: []message{event("", "t", "a"), event("", "message", "b")}},
	{name: "id stays", stream: "id: 1\ndata: a\n\ndata: b\n\n", want: []message{event("1", "message", "a"), event("1", "message", "b")}, lastID: "1"},
	{name: "empty id resets", stream: "id: 1\ndata: a\n\nid\ndata: b\n\n", want: []message{event("1", "message", "a"), event("", "message", "b")}},
	{name: "id with NUL is ignored", stream: "id: 1\nid: 2\x002\ndata: a\n\n", want: []message{event("1", "message", "a")}, lastID: "1"},
	{name: "id without data counts", stream: "id: 7\n\n", lastID: "7"},
	{name: "type without data is forgotten", stream: "event: t\n\ndata: a\n\n", want: []message{event("", "message", "a")}},
	{name: "only the first space goes", stream: "data:  a\n\n", want: []message{event("", "message", " a")}},
	{name: "no space", stream: "data:a\n\n", want: []message{event("", "message", "a")}},
	{name: "colon in the value", stream: "data: a: b\n\n", want: []message{event("", "message", "a: b")}},
	{name: "field without colon", stream: "data\n\ndata\ndata\n\ndata:\n\n", want: []message{event("", "message", ""), event("", "message", "\n"), event("", "message", "")}},
	{name: "comments", stream: ": ping\n:\ndata: a\n:c\n\n", want: []message{comment("ping"), comment(""), comment("c"), event("", "message", "a")}},
	{name: "retry", stream: "retry: 1000\n\n", want: []message{{Kind: sse.KindRetry, Retry: time.Second}}},
	{name: "bad retry is ignored", stream: "retry: 1s\nretry: -1\nretry:\nretry: 99999999999999999999\n\n"},
	{name: "unknown fields are ignored", stream: "foo: 1\nDATA: x\n data: y\ndata : z\ndata: a\n\n", want: []message{event("", "message", "a")}},
	{name: "byte order mark", stream: "\xef\xbb\xbfdata: a\n\n", want: []message{event("", "message", "a")}},
	{name: "second byte order mark counts", stream: "\xef\xbb\xbf\xef\xbb\xbfdata: a\n\ndata: b\n\n", want: []message{event("", "message", "b")}},
	{name: "byte order mark later counts", stream: "\n\xef\xbb\xbfdata: a\n\n"},
	{name: "incomplete event is dropped", stream: "data: a\n\ndata: b\nid: 9\n", want: []message{event("", "message", "a")}},
	{name: "leading blank line", stream: "\nid: 1\ndata: hello\n\n", want: []message{event("1", "message", "hello")}, lastID: "1"},
	{name: "NUL in data", stream: "data: a\x00b\n\n", want: []message{event("", "message", "a\x00b")}},
	{name: "nothing", stream: ""},
}

func TestParser(t *testing.T) {
	t.Parallel()
	for _, tt := range streams {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var p sse.Parser
			got, err := parse(&p, tt.stream)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("whole (-want +got):\n%s", diff)
			}
			if p.LastEventID() != tt.lastID {
				t.Errorf("last event id %q, want %q", p.LastEventID(), tt.lastID)
			}
			var bytewise sse.Parser
			got, err = parse(&bytewise, cut(tt.stream, 1)...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("byte by byte (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParserTooLong(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 30)
	for name, chunks := range map[string][]string{
		"line":               {"data: " + long + "\n\n"},
		"line over chunks":   {"data: ", long[:15], long[15:]},
		"data over lines":    {strings.Repeat("data: 12345678\n", 5)},
		"data of empty ones": {strings.Repeat("data\n", 30)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := sse.Parser{MaxEvent: 20}
			if _, err := parse(&p, chunks...); !errors.Is(err, sse.ErrTooLong) {
				t.Fatalf("err = %v, want ErrTooLong", err)
			}
			if _, err := parse(&p, "data: a\n\n"); !errors.Is(err, sse.ErrTooLong) {
				t.Errorf("after the error: %v, want it again", err)
			}
		})
	}
}

func TestParserYieldError(t *testing.T) {
	t.Parallel()
	stop := errors.New("stop")
	var p sse.Parser
	if err := p.Feed([]byte("data: a\n\n"), func(*sse.Message) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("err = %v, want yield's", err)
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	e := sse.Event{ID: "9", Type: "t", Data: []byte("a\nb\n\nc"), Retry: time.Second, Comment: "x"}
	var p sse.Parser
	got, err := parse(&p, string(sse.Append(nil, &e)))
	if err != nil {
		t.Fatal(err)
	}
	want := []message{{Kind: sse.KindRetry, Retry: time.Second}, comment("x"), event("9", "t", "a\nb\n\nc")}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

func TestFeedDoesNotAllocate(t *testing.T) {
	var p sse.Parser
	stream := []byte(": ping\n\nevent: t\nid: 1\ndata: hello\ndata: world\n\n")
	yield := func(*sse.Message) error { return nil }
	if n := testing.AllocsPerRun(100, func() {
		if err := p.Feed(stream, yield); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func BenchmarkFeed(b *testing.B) {
	var p sse.Parser
	stream := sse.Append(nil, &sse.Event{Type: "message", Data: []byte(`{"room":"r1","text":"hello"}`)})
	yield := func(*sse.Message) error { return nil }
	b.SetBytes(int64(len(stream)))
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Feed(stream, yield); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzFeed holds the parser to one promise above all: how a stream is cut into
// chunks makes no difference.
func FuzzFeed(f *testing.F) {
	for _, tt := range streams {
		f.Add(tt.stream, uint8(3))
	}
	f.Fuzz(func(t *testing.T, stream string, size uint8) {
		whole, chunked := sse.Parser{MaxEvent: 64}, sse.Parser{MaxEvent: 64}
		want, wantErr := parse(&whole, stream)
		got, err := parse(&chunked, cut(stream, int(size%16)+1)...)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("in chunks (-whole +chunks):\n%s", diff)
		}
		if errors.Is(err, sse.ErrTooLong) != errors.Is(wantErr, sse.ErrTooLong) || whole.LastEventID() != chunked.LastEventID() {
			t.Errorf("whole: %v, id %q; in chunks: %v, id %q", wantErr, whole.LastEventID(), err, chunked.LastEventID())
		}
	})
}
