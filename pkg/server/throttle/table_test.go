package throttle

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

func TestTableKeepsKeysApart(t *testing.T) {
	t.Parallel()
	table := NewTable(0)
	l := Limit{1, 3}
	for _, key := range []string{"a", "b", ""} {
		passed := 0
		for range 10 {
			if ok, _ := table.AllowN(key, l, 1, time.Second); ok {
				passed++
			}
		}
		if passed != 3 {
			t.Errorf("key %q: %d passed, want the burst of 3", key, passed)
		}
	}
}

// A flood of keys stays within the bound, and idle buckets go first: a key in
// debt keeps its debt while there are others to drop.
func TestTableIsBounded(t *testing.T) {
	t.Parallel()
	const keys = 64 * 32
	table := NewTable(keys)
	l, debt := Limit{1000, 1}, Limit{0.001, 1}
	now := time.Second
	if ok, _ := table.AllowN("debtor", debt, 1, now); !ok {
		t.Fatal("the first event is refused")
	}
	for i := range 20 * keys {
		now += 2 * time.Millisecond
		table.AllowN(fmt.Sprint("key ", i), l, 1, now)
		if i%keys == 0 && table.Len() > keys {
			t.Fatalf("%d buckets, the bound is %d", table.Len(), keys)
		}
	}
	if n := table.Len(); n > keys {
		t.Fatalf("%d buckets, the bound is %d", n, keys)
	}
	if ok, _ := table.AllowN("debtor", debt, 1, now); ok {
		t.Error("a key in debt was forgotten in a flood of idle ones")
	}
}

func TestTableIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	table := NewTable(640)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 5000 {
				table.AllowN(fmt.Sprint(i*g%2000), Limit{10, 10}, 1, time.Duration(i)*time.Millisecond)
			}
		})
	}
	wg.Wait()
	if n := table.Len(); n > 640 {
		t.Errorf("%d buckets, the bound is 640", n)
	}
}

func BenchmarkTableAllowN(b *testing.B) {
	b.ReportAllocs()
	table := NewTable(0)
	l := Limit{Rate: 1000, Burst: 100}
	keys := make([]string, 1024)
	for i := range keys {
		keys[i] = fmt.Sprint("user:", i)
	}
	var now time.Duration
	for i := 0; b.Loop(); i++ {
		now += 10 * time.Microsecond
		table.AllowN(keys[i%len(keys)], l, 1, now)
	}
}
