package server

import (
	"slices"
	"strings"
	"sync"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
)

// coalescer holds back what comes too fast for rooms with OverflowCoalesce.
type coalescer struct {
	ns *Namespace

	mu      sync.Mutex
	windows map[string]*window // by rooms
}

// window is open from the first message until nothing has come in one of its
// lengths.
type window struct {
	owner   *coalescer
	name    string
	rule    *overflowRule
	timer   wheelEntry
	waiting []held
}

type held struct {
	key string
	b   *cluster.Broadcast
}

// maxHeld bounds the keys that wait in one window. What is beyond goes out at
// once.
const maxHeld = 1000

// hold takes b if a window is open for its rooms; otherwise it opens one and b is
// to be sent.
func (x *coalescer) hold(b *cluster.Broadcast, rule *overflowRule) bool {
	name := strings.Join(b.Rooms, "\x00")
	x.mu.Lock()
	defer x.mu.Unlock()
	w := x.windows[name]
	if w == nil {
		w = &window{owner: x, name: name, rule: rule}
		w.timer.owner = w
		x.windows[name] = w
		w.arm()
		return false
	}
	key := rule.key(b.Rooms, b.Args)
	if i := slices.IndexFunc(w.waiting, func(h held) bool { return h.key == key }); i >= 0 {
		w.waiting = slices.Delete(w.waiting, i, i+1)
		x.ns.srv.count.coalesced.Add(1)
	}
	if len(w.waiting) >= maxHeld {
		return false
	}
	w.waiting = append(w.waiting, held{key, b})
	return true
}

func (w *window) arm() {
	wheel := w.owner.ns.srv.wheel
	wheel.arm(&w.timer, wheel.now()+w.rule.Window)
}

// fire runs on the wheel's goroutine, at the end of the window.
func (w *window) fire() {
	x := w.owner
	x.ns.srv.group.Go(func() {
		x.mu.Lock()
		waiting := w.waiting
		w.waiting = nil
		if len(waiting) == 0 {
			delete(x.windows, w.name)
		}
		x.mu.Unlock()
		for _, h := range waiting {
			x.ns.deliverNow(h.b)
		}
		if len(waiting) > 0 {
			w.arm() // after they went out, so that the next ones come behind
		}
	})
}
