package ledger

import (
	"math/rand/v2"
	"testing"
	"unsafe"
)

func TestPairTakes24Bytes(t *testing.T) {
	t.Parallel()
	if n := unsafe.Sizeof(pair{}); n != 24 {
		t.Errorf("a pair takes %d bytes, want 24", n)
	}
}

func TestReceiveTellsArrivalsApart(t *testing.T) {
	t.Parallel()
	b := New(7, 3)
	a := b.Audience(1, []Source{{Publisher: 0}, {Publisher: 2}}, false)
	marker := func(run, pub, seq uint32) []byte {
		return Marker{Run: run, Publisher: pub, Seq: seq}.Append(nil)
	}
	steps := []struct {
		name    string
		b       []byte
		want    Arrival
		missing int32
	}{
		{"first", marker(7, 0, 5), Fresh, 0},
		{"next", marker(7, 0, 6), Fresh, 0},
		{"again", marker(7, 0, 6), Duplicate, 0},
		{"gap of three", marker(7, 0, 10), Gap, 3},
		{"fills the gap", marker(7, 0, 8), Misorder, -1},
		{"before the first", marker(7, 0, 2), Misorder, 2},
		{"fills that", marker(7, 0, 3), Misorder, -1},
		{"of the other publisher", marker(7, 2, 0), Fresh, 0},
		{"of one that isn't watched", marker(7, 1, 0), Unknown, 0},
		{"of one that doesn't exist", marker(7, 3, 0), Foreign, 0},
		{"of another run", marker(8, 0, 0), Foreign, 0},
		{"damaged", append(marker(7, 0, 11), 'x'), Corrupt, 0},
	}
	for _, s := range steps {
		if got := a.Receive(0, s.b, 0); got.Arrival != s.want || got.Missing != s.missing {
			t.Errorf("%s: arrival %d, missing %+d; want %d, %+d", s.name, got.Arrival, got.Missing, s.want, s.missing)
		}
	}
	if corrupt, foreign := a.Damage(0); corrupt != 1 || foreign != 2 {
		t.Errorf("%d corrupt and %d foreign, want 1 and 2", corrupt, foreign)
	}
}

func TestMessagesUnderWayTogetherHaveNoOrder(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		concurrent bool
		accepted   Micros // when the first message was, 0 for never
		want       int64
	}{
		{"one connection", false, 15, 1},
		{"overlapping", true, 15, 0},
		{"never accepted", true, 0, 0},
		{"one after the other", true, 5, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := New(7, 1)
			a := b.Audience(1, []Source{{Publisher: 0, Concurrent: tt.concurrent}}, false)
			a.Join(0, 1)
			b.Publish(0, 2)
			b.Publish(0, 10)
			if tt.accepted > 0 {
				b.Accept(0, 0, tt.accepted)
			}
			for _, seq := range []uint32{1, 0} {
				a.Receive(0, Marker{Run: 7, Seq: seq}.Append(nil), 20)
			}
			a.Account(Rule{End: 1, Reliable: true}, Visitor{Pair: func(_, _ int, c Counts) {
				if c.OutOfOrder != tt.want {
					t.Errorf("%d out of order, want %d", c.OutOfOrder, tt.want)
				}
			}})
		})
	}
}

// A book that is full drops what would cost memory, says so, and goes on with
// what doesn't.
func TestFullBookDropsWhatItCannotNote(t *testing.T) {
	t.Parallel()
	b := New(7, 1)
	a := b.Audience(1, []Source{{Publisher: 0, Within: 1}}, true)
	receive := func(seq uint32) Arrival {
		return a.Receive(0, Marker{Run: 7, Seq: seq}.Append(nil), 10).Arrival
	}
	receive(0)
	b.spans.Store(maxSpans)
	b.order.Store(maxOrder)
	for _, tt := range []struct {
		seq  uint32
		want Arrival
	}{{1, Fresh}, {1, Duplicate}, {5, Dropped}, {2, Fresh}} {
		if got := receive(tt.seq); got != tt.want {
			t.Errorf("%d: arrival %d, want %d", tt.seq, got, tt.want)
		}
	}
	if !b.Full() || !b.OrderCut() {
		t.Errorf("full %v, order cut %v; want both", b.Full(), b.OrderCut())
	}
}

func TestIntervalsInUseAreCounted(t *testing.T) {
	t.Parallel()
	b := New(7, 1)
	a := b.Audience(1, []Source{{Publisher: 0}}, false)
	for _, tt := range []struct {
		seq  uint32
		want int64
	}{{0, 0}, {2, 1}, {9, 2}, {5, 3}, {1, 2}, {3, 2}, {4, 1}} {
		a.Receive(0, Marker{Run: 7, Seq: tt.seq}.Append(nil), 0)
		if got := b.spans.Load(); got != tt.want {
			t.Errorf("after %d: %d intervals, want %d", tt.seq, got, tt.want)
		}
	}
}

func TestNothingIsExpectedOfOneself(t *testing.T) {
	t.Parallel()
	b := New(7, 2)
	a := b.Audience(2, []Source{{Publisher: 0}, {Publisher: 1}}, false)
	for i := range 2 {
		a.Self(i, i)
		a.Join(i, 1)
		b.Publish(i, 2)
		b.Accept(i, 0, 3)
	}
	pairs := 0
	a.Account(Rule{End: 2, Reliable: true}, Visitor{Pair: func(sub, pub int, c Counts) {
		pairs++
		if sub == pub || c.Lost != 1 {
			t.Errorf("subscriber %d, publisher %d: %+v", sub, pub, c)
		}
	}})
	if pairs != 2 {
		t.Errorf("%d pairs, want 2", pairs)
	}
}

func TestDisorderAcrossPublishers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		seen [][][2]uint32 // by subscriber: publisher and number
		want []int64
	}{
		{"the same order", [][][2]uint32{{{0, 0}, {1, 0}, {0, 1}}, {{0, 0}, {1, 0}, {0, 1}}}, []int64{0, 0}},
		{"swapped", [][][2]uint32{{{0, 0}, {1, 0}, {0, 1}}, {{1, 0}, {0, 0}, {0, 1}}}, []int64{0, 1}},
		{"a loss is no disorder", [][][2]uint32{{{1, 0}, {0, 1}}, {{0, 0}, {1, 0}, {0, 1}}}, []int64{0, 0}},
		{"nothing", [][][2]uint32{nil, nil}, []int64{0, 0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := New(7, 2).Audience(len(tt.seen), []Source{{Publisher: 0}, {Publisher: 1}}, true)
			for sub, seen := range tt.seen {
				for _, x := range seen {
					a.Receive(sub, Marker{Run: 7, Publisher: x[0], Seq: x[1]}.Append(nil), 0)
				}
			}
			for sub, got := range a.Disorder() {
				if got != tt.want[sub] {
					t.Errorf("subscriber %d: %d, want %d", sub, got, tt.want[sub])
				}
			}
		})
	}
}

func TestInOrderArrivalsDoNotAllocate(t *testing.T) {
	b := New(7, 1)
	a := b.Audience(1, []Source{{Publisher: 0}}, false)
	text := make([]byte, 0, MaxMarker)
	seq := uint32(0)
	if n := testing.AllocsPerRun(1000, func() {
		text = Marker{Run: 7, Seq: seq, At: 1_764_000_000_000_000}.Append(text[:0])
		a.Receive(0, text, 1_764_000_000_000_500)
		seq++
	}); n != 0 {
		t.Errorf("%g allocations for each arrival", n)
	}
}

func BenchmarkReceive(b *testing.B) {
	book := New(7, 1)
	a := book.Audience(1, []Source{{Publisher: 0, Within: 1e9}}, false)
	bodies := make([][]byte, 1<<12)
	for i := range bodies {
		bodies[i] = append([]byte(`{"room":"lobby","text":"`), Marker{Run: 7, Seq: uint32(i), At: 1_764_000_000_000_000}.Append(nil)...)
		bodies[i] = append(bodies[i], `","from":"user-17","id":"01JD3Z","at":1764000000000}`...)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		body := bodies[i%len(bodies)]
		a.Receive(0, body[Find(body):], 1_764_000_000_000_500)
	}
}

// Random loss, the worst case for the list of gaps.
func BenchmarkReceiveShuffled(b *testing.B) {
	book := New(7, 1)
	a := book.Audience(1, []Source{{Publisher: 0}}, false)
	order := rand.New(rand.NewPCG(1, 2)).Perm(1 << 14)
	bodies := make([][]byte, len(order))
	for i, seq := range order {
		bodies[i] = Marker{Run: 7, Seq: uint32(seq)}.Append(nil)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		a.Receive(0, bodies[i%len(bodies)], 0)
	}
}
