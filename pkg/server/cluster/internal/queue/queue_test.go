package queue_test

import (
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster/internal/queue"
)

func TestDropsOldest(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name               string
		maxItems, maxBytes int
		sizes              []int // the value is the index
		dropped            int
		want               []int
	}{
		{name: "fits", maxItems: 3, maxBytes: 10, sizes: []int{1, 1, 1}, want: []int{0, 1, 2}},
		{name: "too many items", maxItems: 3, maxBytes: 10, sizes: []int{1, 1, 1, 1, 1}, dropped: 2, want: []int{2, 3, 4}},
		{name: "too many bytes", maxItems: 9, maxBytes: 10, sizes: []int{4, 4, 4, 9}, dropped: 3, want: []int{3}},
		{name: "one too big", maxItems: 9, maxBytes: 10, sizes: []int{4, 11, 4}, dropped: 1, want: []int{0, 2}},
		{name: "no room for one item", maxItems: 9, maxBytes: 0, sizes: []int{1}, dropped: 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			q := queue.New[int](tt.maxItems, tt.maxBytes)
			dropped := 0
			for i, size := range tt.sizes {
				dropped += q.Push(i, size)
			}
			if dropped != tt.dropped {
				t.Errorf("dropped %d, want %d", dropped, tt.dropped)
			}
			if diff := cmp.Diff(tt.want, q.Drain(nil, 100, 100), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("items (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDrainInBatches(t *testing.T) {
	t.Parallel()
	q := queue.New[int](100, 1000)
	for i := range 5 {
		q.Push(i, 10)
	}
	var got [][]int
	for q.Len() > 0 {
		<-q.Ready()
		got = append(got, q.Drain(nil, 3, 25))
	}
	if diff := cmp.Diff([][]int{{0, 1}, {2, 3}, {4}}, got); diff != "" {
		t.Errorf("batches (-want +got):\n%s", diff)
	}
	q.Push(7, 500)
	if got := q.Drain(nil, 3, 25); len(got) != 1 {
		t.Errorf("an item bigger than a batch: got %v, want it alone", got)
	}
}

func TestReturn(t *testing.T) {
	t.Parallel()
	q := queue.New[int](4, 100)
	size := func(int) int { return 10 }
	for i := range 4 {
		q.Push(i, 10)
	}
	batch := q.Drain(nil, 3, 100)
	q.Push(4, 10)
	q.Push(5, 10)
	if dropped := q.Return(batch, size); dropped != 2 {
		t.Errorf("dropped %d, want the 2 oldest", dropped)
	}
	if diff := cmp.Diff([]int{2, 3, 4, 5}, q.Drain(nil, 9, 100)); diff != "" {
		t.Errorf("items (-want +got):\n%s", diff)
	}
}

func TestOrderUnderGrowth(t *testing.T) {
	t.Parallel()
	q := queue.New[int](10_000, 1<<20)
	next := 0
	for i := range 9_000 {
		q.Push(i, 1)
		if i%3 == 0 { // moves the head so that the ring wraps
			for _, v := range q.Drain(nil, 1, 1) {
				if v != next {
					t.Fatalf("got %d, want %d", v, next)
				}
				next++
			}
		}
	}
	for _, v := range q.Drain(nil, 10_000, 1<<20) {
		if v != next {
			t.Fatalf("got %d, want %d", v, next)
		}
		next++
	}
	if next != 9_000 {
		t.Errorf("got %d items, want 9000", next)
	}
}

func TestManyProducers(t *testing.T) {
	t.Parallel()
	const producers, each = 8, 1000
	q := queue.New[int](producers*each, 1<<20)
	var wg sync.WaitGroup
	for p := range producers {
		wg.Go(func() {
			for i := range each {
				q.Push(p*each+i, 1)
			}
		})
	}
	last := make(map[int]int)
	for n := 0; n < producers*each; {
		<-q.Ready()
		for _, v := range q.Drain(nil, 64, 1<<20) {
			p := v / each
			if want := last[p]; v%each != want {
				t.Fatalf("producer %d: got %d, want %d", p, v%each, want)
			}
			last[p]++
			n++
		}
	}
	wg.Wait()
}

func TestDropOldest(t *testing.T) {
	t.Parallel()
	q := queue.New[int](10, 100)
	for i := range 5 {
		q.Push(i, 2)
	}
	if n := q.DropOldest(func(v int) bool { return v < 2 || v == 4 }); n != 2 {
		t.Errorf("dropped %d, want the two before one that is kept", n)
	}
	if v, ok := q.Oldest(); v != 2 || !ok || q.Len() != 3 || q.Bytes() != 6 {
		t.Errorf("oldest %d, %v, length %d, bytes %d; want 2, true, 3, 6", v, ok, q.Len(), q.Bytes())
	}
	if n := q.DropOldest(func(int) bool { return true }); n != 3 || q.Bytes() != 0 {
		t.Errorf("dropped %d, bytes %d; want 3, 0", n, q.Bytes())
	}
	if _, ok := q.Oldest(); ok {
		t.Error("an empty queue has an oldest")
	}
}
