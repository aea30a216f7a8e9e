package throttle

import (
	"hash/maphash"
	"sync"
	"time"
)

// tableShards spreads the locks; a power of two.
const tableShards = 64

// DefaultTableKeys is the bound of a Table that is given none.
const DefaultTableKeys = 1 << 18

// Table holds buckets by key, such as a user or an address. It is bounded: when
// a shard is full, buckets that have filled up again are dropped, which changes
// no decision, and if there are none the one that will be full soonest. It is
// safe for concurrent use.
type Table struct {
	seed     maphash.Seed
	perShard int
	shards   [tableShards]tableShard
}

type tableShard struct {
	mu      sync.Mutex
	buckets map[string]*Bucket
	swept   time.Duration // when full buckets were last dropped
	_       [32]byte      // shards don't share a cache line
}

// sweepEvery bounds how often a full shard is searched for idle buckets.
const sweepEvery = time.Second

// NewTable makes a table of at most keys buckets, about 100 bytes each; zero or
// less is DefaultTableKeys.
func NewTable(keys int) *Table {
	if keys <= 0 {
		keys = DefaultTableKeys
	}
	return &Table{seed: maphash.MakeSeed(), perShard: max(keys/tableShards, 1)}
}

// AllowN is Bucket.AllowN of the key's bucket. A key that was not there has a
// full one.
func (t *Table) AllowN(key string, l Limit, n int, now time.Duration) (ok bool, retryAfter time.Duration) {
	if l.Off() || n <= 0 {
		return true, 0
	}
	s := &t.shards[maphash.String(t.seed, key)%tableShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.buckets[key]
	if b == nil {
		b = s.add(key, t.perShard, now)
	}
	return b.AllowN(l, n, now)
}

// Len returns the number of buckets held.
func (t *Table) Len() (n int) {
	for i := range t.shards {
		t.shards[i].mu.Lock()
		n += len(t.shards[i].buckets)
		t.shards[i].mu.Unlock()
	}
	return n
}

// add makes a bucket, and room for it. The caller holds s.mu.
func (s *tableShard) add(key string, most int, now time.Duration) *Bucket {
	if s.buckets == nil {
		s.buckets = make(map[string]*Bucket)
	}
	if len(s.buckets) >= most {
		s.evict(now)
	}
	b := &Bucket{}
	// A copy: the key may be a part of something larger.
	s.buckets[string(append([]byte(nil), key...))] = b
	return b
}

// sampled is how many buckets are looked at for the one to drop.
const sampled = 16

// evict drops the idle buckets, at most once in sweepEvery, or one of a sample
// that is the nearest to being full.
func (s *tableShard) evict(now time.Duration) {
	if s.swept == 0 || now-s.swept >= sweepEvery {
		s.swept = max(now, 1)
		before := len(s.buckets)
		for key, b := range s.buckets {
			if b.idle(now) {
				delete(s.buckets, key)
			}
		}
		if len(s.buckets) < before {
			return
		}
	}
	victim, least, seen := "", int64(0), 0
	at := uint64(now) * fine
	for key, b := range s.buckets { // in no order, so a sample
		if ahead := int64(b.tat - at); seen == 0 || ahead < least {
			victim, least = key, ahead
		}
		if seen++; seen == sampled {
			break
		}
	}
	delete(s.buckets, victim)
}
