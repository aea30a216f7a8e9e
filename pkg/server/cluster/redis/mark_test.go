package redis

import (
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/rueidis"

	"github.com/realtime-toolkit/rtk/internal/rttest"
)

func TestLayout(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]Options{
		"classic":                    {SpecificResponses: true, RoomSubscriptions: true}, // each server as it likes
		"sharded/dynamic":            {Adapter: Sharded},
		"sharded/static":             {Adapter: Sharded, ShardedMode: Static},
		"streams/socket.io/1/pubsub": {Adapter: Streams},
		"streams/a%20b/3/sharded":    {Adapter: Streams, Stream: "a b", StreamCount: 3, StreamSharded: true},
	} {
		o, err := o.withDefaults()
		if err != nil {
			t.Fatal(err)
		}
		if got := layout(o); got != want {
			t.Errorf("layout %q, want %q", got, want)
		}
	}
}

// Of pods that start at the same moment with two layouts, those of one get in,
// and each of the others hears of one that did.
func TestMarksRace(t *testing.T) {
	t.Parallel()
	option, err := rueidis.ParseURL(rttest.Redis(t))
	if err != nil {
		t.Fatal(err)
	}
	option.DisableCache = true
	client, err := rueidis.NewClient(option)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	for round := range 50 {
		prefix := fmt.Sprint("race", round)
		var mu sync.Mutex
		in, out := map[string]int{}, map[string]int{}
		var wg sync.WaitGroup
		for i := range 8 {
			layout := fmt.Sprint("layout", i%2)
			m := mark{Pod: "pod", Adapter: Classic, uid: fmt.Sprint(i), layout: layout}
			wg.Go(func() {
				others, err := m.put(t.Context(), client, prefix)
				if err != nil {
					t.Error(err)
				}
				to := in
				for _, o := range others {
					if o.layout != layout {
						to = out
					}
				}
				mu.Lock()
				to[layout]++
				mu.Unlock()
			})
		}
		wg.Wait()
		if len(in) != 1 || len(out) != 1 {
			t.Fatalf("round %d: in %v, out %v, want all of one layout in and the others out", round, in, out)
		}
	}
}

func TestMarkComesBack(t *testing.T) {
	t.Parallel()
	option, err := rueidis.ParseURL(rttest.Redis(t))
	if err != nil {
		t.Fatal(err)
	}
	option.DisableCache = true
	client, err := rueidis.NewClient(option)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	o, err := Options{Pod: "a pod", Version: "v1", SignKey: []byte("0123456789abcdef"), SignRequired: true, Adapter: Streams}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	first, second := newMark(o, "u1"), newMark(o, "u2")
	if others, err := first.put(t.Context(), client, "p"); err != nil || len(others) != 0 {
		t.Fatalf("others %v, error %v", others, err)
	}
	others, err := second.put(t.Context(), client, "p")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]mark{first}, others, cmp.AllowUnexported(mark{})); diff != "" {
		t.Errorf("what the second pod is told of the first (-want +got):\n%s", diff)
	}
	if err := first.remove(t.Context(), client, "p"); err != nil {
		t.Fatal(err)
	}
	if others, err := second.put(t.Context(), client, "p"); err != nil || len(others) != 0 {
		t.Errorf("after the first has left: others %v, error %v", others, err)
	}
}
