package loadgen

import (
	"sync"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

type probeResult uint8

const (
	probeGood probeResult = iota
	probeBad              // mismatch
	probeOpen             // inconclusive
)

// finding is what one handshake showed.
type finding struct {
	result  probeResult
	refused bool
	leaked  bool
	silent  bool // refused and served all the same
	slow    bool // wrong by the time it took alone
	skip    bool // the run ended meanwhile: no evidence
	stage   rt.Stage
	took    time.Duration
	text    string
}

// probeTally adds up the findings of one cell.
type probeTally struct {
	mu                                   sync.Mutex
	tried, good, bad, open               int64
	refused, leaked, silent, slow        int64
	goodExample, badExample, openExample string
	slowest                              time.Duration
}

func (t *probeTally) add(f finding) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if f.skip {
		return
	}
	t.tried++
	keep := func(n *int64, example *string) {
		if *n++; *example == "" {
			*example = f.text
		}
	}
	switch f.result {
	case probeGood:
		keep(&t.good, &t.goodExample)
		t.slowest = max(t.slowest, f.took)
	case probeBad:
		keep(&t.bad, &t.badExample)
	case probeOpen:
		keep(&t.open, &t.openExample)
	}
	if f.refused {
		t.refused++
	}
	if f.leaked {
		t.leaked++
	}
	if f.silent {
		t.silent++
	}
	if f.slow {
		t.slow++
	}
}
