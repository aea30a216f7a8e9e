package ledger

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestCauses loses messages of one publisher at subscribers of two classes:
// 0 and 1 in the first, 2 and 3 in the second, 4 alone in the third.
func TestCauses(t *testing.T) {
	t.Parallel()
	class := []int{0, 0, 1, 1, 2}
	tests := []struct {
		name string
		got  map[int][]int // by subscriber, which of the messages 0 to 9 arrive
		cut  int           // the subscriber whose connection is lost before 5, if not 0
		want map[int]string
	}{
		{"all arrive", map[int][]int{}, 0, map[int]string{}},
		{"one socket", map[int][]int{1: {0, 1, 2, 6, 7, 8, 9}}, 0, map[int]string{1: "3–5 socket"}},
		{"a class", map[int][]int{2: {0, 1, 8, 9}, 3: {0, 1, 8, 9}}, 0, map[int]string{2: "2–7 class", 3: "2–7 class"}},
		{"a class and a socket", map[int][]int{2: {0, 1, 9}, 3: {0, 1, 8, 9}}, 0, map[int]string{2: "2–7 class, 8–8 socket", 3: "2–7 class"}},
		{"alone", map[int][]int{4: {0, 1, 2, 3, 4, 5}}, 0, map[int]string{4: "6–9 alone"}},
		{
			"nobody",
			map[int][]int{0: {0, 1}, 1: {0, 1}, 2: {0, 1}, 3: {0, 1}, 4: {0, 1}},
			0,
			map[int]string{0: "2–9 nobody", 1: "2–9 nobody", 2: "2–9 nobody", 3: "2–9 nobody", 4: "2–9 nobody"},
		},
		{"away", map[int][]int{3: {0, 1, 2, 3, 4}}, 3, map[int]string{3: "5–9 away"}},
	}
	words := map[Cause]string{Nobody: "nobody", ClassMissed: "class", AloneMissed: "alone", Socket: "socket", Away: "away"}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := New(7, 1)
			a := b.Audience(len(class), []Source{{Publisher: 0}}, false)
			for sub := range class {
				a.Join(sub, 1)
			}
			for seq := range 10 {
				b.Publish(0, Micros(100+seq*10))
				b.Accept(0, uint32(seq), Micros(101+seq*10))
			}
			for sub := range class {
				list, ok := tt.got[sub]
				if !ok {
					list = []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
				}
				for _, seq := range list {
					a.Receive(sub, Marker{Run: 7, Seq: uint32(seq)}.Append(nil), 200)
				}
			}
			if tt.cut > 0 {
				a.Cut(tt.cut, 145)
			}
			got := map[int]string{}
			a.Account(Rule{End: 1, Reliable: true, Class: class}, Visitor{
				Pair: func(int, int, Counts) {},
				Run: func(sub, _ int, r Run) {
					if got[sub] != "" {
						got[sub] += ", "
					}
					if r.Count != int64(r.Last-r.First+1) {
						t.Errorf("run %+v counts wrong", r)
					}
					got[sub] += fmt.Sprintf("%d–%d %s", r.First, r.Last, words[r.Cause])
				},
			})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("causes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStuckSubscribers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		until  int // the first message that subscriber 1 misses
		class  []int
		change func(a *Audience)
		want   int64
	}{
		{"from the middle on", 12, []int{0, 0}, nil, 8},
		{"from the start", 0, []int{0, 0}, nil, 20},
		{"not", 20, []int{0, 0}, nil, 0},
		{"too few to tell", 16, []int{0, 0}, nil, 0},
		{"nobody beside it to compare with", 12, []int{0, 1}, nil, 0},
		{"gone", 12, []int{0, 0}, func(a *Audience) { a.Leave(1, 400, 0) }, 0},
		{"cut off", 12, []int{0, 0}, func(a *Audience) { a.Cut(1, 220) }, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := New(7, 2)
			a := b.Audience(2, []Source{{Publisher: 0}, {Publisher: 1}}, false)
			a.Join(0, 1)
			a.Join(1, 1)
			for i := range 20 { // of the two publishers in turn
				seq := b.Publish(i%2, Micros(100+i*10))
				b.Accept(i%2, seq, Micros(101+i*10))
				m := Marker{Run: 7, Publisher: uint32(i % 2), Seq: seq}.Append(nil)
				a.Receive(0, m, 300)
				if i < tt.until {
					a.Receive(1, m, 300)
				}
			}
			if tt.change != nil {
				tt.change(a)
			}
			var got int64
			a.Account(Rule{End: 2, Reliable: true, Class: tt.class}, Visitor{
				Pair: func(int, int, Counts) {},
				Stuck: func(sub int, _ Micros, missed int64) {
					if sub != 1 {
						t.Errorf("subscriber %d is stuck, want only 1", sub)
					}
					got = missed
					a.Damage(sub) // whoever is told may look at it, or wait for who does
				},
			})
			if got != tt.want {
				t.Errorf("missed %d, want %d", got, tt.want)
			}
		})
	}
}

func TestArrivalsAfterTheSettleTimeAreLate(t *testing.T) {
	t.Parallel()
	b := New(7, 1)
	a := b.Audience(1, []Source{{Publisher: 0}}, false)
	a.Join(0, 1)
	for i := range 4 {
		b.Publish(0, Micros(10+i))
		b.Accept(0, uint32(i), Micros(11+i))
	}
	receive := func(seq uint32, at Micros) { a.Receive(0, Marker{Run: 7, Seq: seq}.Append(nil), at) }
	receive(0, 20)
	receive(1, 20)
	b.Settle(30)
	receive(2, 40)
	a.Account(Rule{End: 1, Reliable: true}, Visitor{Pair: func(_, _ int, c Counts) {
		if diff := cmp.Diff(Counts{Expected: 4, Delivered: 3, Late: 1, AfterSettle: 1, Lost: 1}, c); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}})
}

func TestDamagedPayloadsAreCorruptDeliveries(t *testing.T) {
	t.Parallel()
	b := New(7, 1)
	a := b.Audience(1, []Source{{Publisher: 0}}, false)
	a.Join(0, 1)
	for i := range 2 {
		b.Publish(0, Micros(10+i))
		b.Accept(0, uint32(i), Micros(11+i))
		m := Marker{Run: 7, Seq: uint32(i)}.AppendFilled(nil, 200)
		if i == 1 {
			m[190] ^= 1
		}
		if r := a.Receive(0, m, 20); r.Damaged != (i == 1) || r.Arrival != Fresh {
			t.Errorf("message %d: %+v", i, r)
		}
	}
	a.Account(Rule{End: 1, Reliable: true}, Visitor{Pair: func(_, _ int, c Counts) {
		if diff := cmp.Diff(Counts{Expected: 2, Delivered: 2, Corrupt: 1}, c); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}})
}

// TestSpansCoverAndSplit compares with a set of numbers.
func TestSpansCoverAndSplit(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 2))
		var list spans
		set := map[uint32]bool{}
		for range r.IntN(30) {
			lo := uint32(r.IntN(60))
			hi := lo + uint32(r.IntN(10))
			list = list.cover(lo, hi)
			for i := lo; i < hi; i++ {
				set[i] = true
			}
		}
		for i := 1; i < len(list); i++ {
			if list[i].lo <= list[i-1].hi {
				t.Fatalf("seed %d: intervals touch: %v", seed, list)
			}
		}
		at := uint32(5)
		list.split(5, 65, func(lo, hi uint32, in bool) {
			if lo != at || hi <= lo {
				t.Fatalf("seed %d: piece %d–%d after %d", seed, lo, hi, at)
			}
			for i := lo; i < hi; i++ {
				if set[i] != in {
					t.Fatalf("seed %d: %d in %v, want %v", seed, i, in, set[i])
				}
			}
			at = hi
		})
		if at != 65 {
			t.Fatalf("seed %d: ends at %d", seed, at)
		}
	}
}
