// Package hist records durations and counts of many goroutines without a
// shared lock: each shard has its own histograms, and they are merged when
// they are read.
//
// It imports HdrHistogram and the standard library only.
package hist

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Top is the longest duration that is told apart; longer ones are recorded as
// Top and counted in Histogram.Over.
const Top = 10 * time.Minute

// Digits is the precision of a histogram. Three take 165 kB for each shard
// that is used, two take 23 kB.
type Digits int

// Precisions.
const (
	Coarse Digits = 2 // within 1 %
	Fine   Digits = 3 // within 0.1 %
)

// ID names a series of a Set.
type ID int32

// None is the ID that records nothing.
const None ID = -1

// Set is a fixed number of latency series, recorded by shards.
type Set struct {
	digits []Digits
	shards []shard
}

type shard struct {
	mu     sync.Mutex
	series []cell
	_      [64]byte // keeps neighbours off the same cache line
}

type cell struct {
	h        *hdrhistogram.Histogram // nil until the first value
	min, max int64
	sum      float64
	over     int64
}

// NewSet returns a set with the given number of shards.
func NewSet(shards int) *Set { return &Set{shards: make([]shard, max(shards, 1))} }

// Add makes a new series. It must not be called once recording has begun.
func (s *Set) Add(d Digits) ID {
	s.digits = append(s.digits, d)
	for i := range s.shards {
		s.shards[i].series = append(s.shards[i].series, cell{})
	}
	return ID(len(s.digits) - 1)
}

// Len is the number of series; their IDs count from 0.
func (s *Set) Len() int { return len(s.digits) }

// Record adds a duration to a series. Negative durations count as zero. The
// shard number may be any non-negative number; callers that use the same
// number wait for each other.
func (s *Set) Record(shardNo int, id ID, d time.Duration) {
	if id == None {
		return
	}
	sh := &s.shards[shardNo%len(s.shards)]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.series[id].record(d, s.digits[id])
}

func (c *cell) record(d time.Duration, digits Digits) {
	us := max(d.Microseconds(), 0)
	if c.h == nil {
		c.h = hdrhistogram.New(1, Top.Microseconds(), int(digits))
		c.min = us
	}
	c.min, c.max = min(c.min, us), max(c.max, us)
	c.sum += float64(us)
	if us > Top.Microseconds() {
		c.over++
		us = Top.Microseconds()
	}
	if c.h.RecordValue(us) != nil { // can't happen below Top; never lose a count
		c.over++
	}
}

// Read merges the given series of all shards. It may be called while others
// record.
func (s *Set) Read(ids ...ID) *Histogram {
	out := &Histogram{}
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		for _, id := range ids {
			if id != None {
				out.add(&sh.series[id], s.digits[id])
			}
		}
		sh.mu.Unlock()
	}
	return out
}
