package client

import (
	"maps"
	"sync"
	"sync/atomic"
)

// maxNames bounds the interner, because event names come from the peer.
const maxNames = 4096

// interner turns event and namespace names into strings without allocating for
// a name that was seen before. Reads take no lock: names are few and soon known.
type interner struct {
	mu    sync.Mutex // serialises writers
	names atomic.Pointer[map[string]string]
}

func (in *interner) get(b []byte) string {
	if m := in.names.Load(); m != nil {
		if s, ok := (*m)[string(b)]; ok {
			return s
		}
	}
	return in.add(string(b))
}

func (in *interner) add(s string) string {
	in.mu.Lock()
	defer in.mu.Unlock()
	old := in.names.Load()
	if old == nil {
		old = &map[string]string{}
	}
	if known, ok := (*old)[s]; ok {
		return known
	}
	if len(*old) >= maxNames || len(s) > 256 {
		return s
	}
	m := maps.Clone(*old)
	m[s] = s
	in.names.Store(&m)
	return s
}
