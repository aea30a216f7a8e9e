package redis

import (
	"strings"
	"testing"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
)

// lostCount is a follower that counts what it is told to be lost.
type lostCount struct{ told map[any]int }

func (*lostCount) Begin(cluster.Offset, bool) {}
func (*lostCount) Recorded(*cluster.Entry)    {}
func (*lostCount) Level(cluster.Offset)       {}
func (f *lostCount) Lost(mark any)            { f.told[mark]++ }

// While nothing can be written, neither what waits nor what is to be told grows
// over its bounds, and of each message it is known what became of it.
func TestStreamsLostBounded(t *testing.T) {
	t.Parallel()
	const bound, sent = 10, 1000
	for name, o := range map[string]Options{
		"messages": {OutboxMessages: bound, OutboxBytes: 1 << 30},
		"bytes":    {OutboxMessages: 1 << 20, OutboxBytes: bound * (&record{namespace: "/", data: strings.Repeat("x", 500)}).size()},
	} {
		f := &lostCount{told: make(map[any]int)}
		l := &streamLog{options: o, wake: make(chan struct{}, 1), following: map[string]*following{"/": {follower: f}}}
		refused := make(map[any]bool)
		for i := range sent {
			if !l.push(&record{namespace: "/", data: strings.Repeat("x", 500), mark: i}) {
				refused[i] = true
			}
		}
		if len(l.waiting) != bound || len(l.lost) != bound || len(refused) != sent-2*bound {
			t.Fatalf("%s: %d wait, %d are to be told, %d were refused; want %d, %d, %d",
				name, len(l.waiting), len(l.lost), len(refused), bound, bound, sent-2*bound)
		}
		if n := l.dropped.Load(); n != sent-bound {
			t.Errorf("%s: %d dropped, want %d", name, n, sent-bound)
		}
		l.tellLost()
		waits := make(map[any]bool)
		for _, r := range l.waiting {
			waits[r.mark] = true
		}
		for i := range sent {
			if n := f.told[i]; n > 1 || n == 1 == (waits[i] || refused[i]) || waits[i] && refused[i] {
				t.Errorf("%s: message %d waits %v, refused %v, told %d times", name, i, waits[i], refused[i], n)
			}
		}
		// As soon as they are told, the oldest make room again.
		if !l.push(&record{namespace: "/", data: strings.Repeat("x", 500), mark: "new"}) || l.waiting[bound-1].mark != "new" || len(l.lost) != 1 {
			t.Errorf("%s: the next was not taken in place of the oldest", name)
		}
	}
}
