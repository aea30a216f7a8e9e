package loadgen

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/ledger"
	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// receiver is an engine whose clients are connected but not driven.
func receiver(tb testing.TB, src string) *engine {
	tb.Helper()
	s, diags := Parse("test.yaml", []byte(src), func(string) (string, bool) { return "", false })
	if s == nil {
		tb.Fatalf("scenario: %v", diags)
	}
	p, err := Compile(s, CompileOptions{Seed: 7, RunID: "run1"})
	if err != nil {
		tb.Fatal(err)
	}
	e, err := newEngine(p, Options{}.withDefaults(), context.Background())
	if err != nil {
		tb.Fatal(err)
	}
	for i := range e.clients {
		e.clients[i].connected, e.clients[i].passive = true, true
	}
	return e
}

const fanOut = `
version: 1
name: fan-out
targets: { api: { url: "http://api:3000", protocol: socketio } }
clients:
  subscribers: { count: 10, target: api, flow: [{ emit: join, args: [lobby], ack: {} }, { on: message, at: $.text, until: end }] }
  publishers: { count: 1, target: api, flow: [{ emit: say, args: ["{{marker}}"], rate: 10/s, for: 60s, ack: {} }] }
verify:
  feed: { from: publishers, to: subscribers, guarantee: exactlyOnce, order: perPublisher, within: 1s, settle: 5s }
`

// messages are the deliveries of a publisher's first n messages.
func messages(e *engine, n int) []*rt.Message {
	out := make([]*rt.Message, n)
	for i := range out {
		mk := ledger.Marker{Run: e.plan.run, Seq: uint32(i), At: e.micros(e.now())}.Append(nil)
		body := `{"room":"lobby","text":"` + string(mk) + `","from":"user-17","id":"01JD3Z8Q","at":1764000000000}`
		out[i] = &rt.Message{Kind: rt.KindEvent, Event: "message", Body: []byte(body), Multi: true, AckID: rt.NoAck, At: time.Now()}
	}
	return out
}

func TestReceivingDoesNotAllocate(t *testing.T) {
	for name, src := range map[string]string{"with a path": fanOut, "scanning": strings.Replace(fanOut, " at: $.text,", "", 1)} {
		e := receiver(t, src)
		in := messages(e, 2000)
		c := &e.clients[0]
		c.OnMessage(in[0]) // the shard's histogram is made on first use
		i := 1
		if n := testing.AllocsPerRun(1000, func() {
			c.OnMessage(in[i])
			i++
		}); n != 0 {
			t.Errorf("%s: %g allocations for each message", name, n)
		}
	}
}

func BenchmarkReceive(b *testing.B) {
	e := receiver(b, fanOut)
	in := messages(e, 1<<12)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		e.clients[i/len(in)%len(e.clients)].OnMessage(in[i%len(in)])
	}
}

// BenchmarkReceiveParallel is the receive path on all cores at once, each
// with a connection of its own.
func BenchmarkReceiveParallel(b *testing.B) {
	e := receiver(b, fanOut)
	in := messages(e, 1<<12)
	next := make(chan int, len(e.clients))
	for i := range e.clients {
		next <- i
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		c := &e.clients[<-next]
		for i := 0; pb.Next(); i++ {
			c.OnMessage(in[i%len(in)])
		}
	})
}

// TestIdleClientsAreSmall measures what a waiting client costs the engine: a
// struct, no goroutine. The connection's own goroutine and buffers come on top.
func TestIdleClientsAreSmall(t *testing.T) {
	const n = 20_000
	if size := unsafe.Sizeof(client{}); size > 256 {
		t.Errorf("a client takes %d bytes, want at most 256", size)
	}
	before := heap()
	e := receiver(t, strings.Replace(fanOut, "count: 10", "count: 20000", 1))
	per := (heap() - before) / n
	if per > 512 {
		t.Errorf("%d bytes for each of %d subscribers, ledger included; want at most 512", per, n)
	}
	t.Logf("%d bytes a client, ledger included", per)
	runtime.KeepAlive(e)
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestMarkersInAttachments finds messages in binary arguments, which stand
// beside the body.
func TestMarkersInAttachments(t *testing.T) {
	t.Parallel()
	e := receiver(t, strings.Replace(fanOut, " at: $.text,", "", 1))
	m := messages(e, 1)[0]
	m.Attachments = [][]byte{[]byte("no marker"), m.Body}
	m.Body = []byte(`{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}`)
	e.clients[0].OnMessage(m)
	if n := e.sum(func(t *tally) *counter { return &t.fresh }); n != 1 {
		t.Errorf("%d messages found, want 1", n)
	}
}
