package interop_test

import (
	"flag"
	"sync"
	"testing"
)

var update = flag.Bool("update", false, "write the table of docs/interop.md anew")

// cell is one place of the matrix.
type cell struct {
	adapter   string // its id
	operation string
	direction direction
}

// outcome is what a cell showed.
type outcome struct {
	passed bool
	lacks  string // why there is nothing to test
}

// matrix collects outcomes.
type matrix struct {
	mu    sync.Mutex
	cells map[cell]outcome
}

func (m *matrix) note(c cell, o outcome) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cells[c] = o
}

// TestMatrix has two Node servers and two rtk pods do everything that servers do
// with each other, for each adapter and from each side. A whole run compares
// docs/interop.md with what it saw; with -update it writes it.
func TestMatrix(t *testing.T) {
	t.Parallel()
	m := &matrix{cells: make(map[cell]outcome)}
	t.Run("adapters", func(t *testing.T) {
		for _, a := range adapters {
			t.Run(a.id(), func(t *testing.T) {
				t.Parallel()
				m.run(t, a)
			})
		}
	})
	m.document(t)
}

func (m *matrix) run(t *testing.T, a *adapter) {
	f := startFleet(t, a)
	f.startEmitter(t)
	var views []*view
	for _, path := range namespaces {
		views = append(views, f.connect(t, path))
	}
	for _, op := range operations() {
		for _, d := range directions {
			if !a.has(d) {
				continue
			}
			where := cell{a.id(), op.name, d}
			if op.lacks != nil {
				if why := op.lacks(a, d); why != "" {
					m.note(where, outcome{lacks: why})
					continue
				}
			}
			ran := false
			passed := t.Run(op.name+"/"+string(d), func(t *testing.T) {
				ran = true // unless -run leaves it out
				for _, v := range views {
					for _, p := range v.peers() {
						p.drain()
					}
					if !op.once || v == views[0] {
						op.run(t, v, v.origin(d))
					}
				}
			})
			if ran {
				m.note(where, outcome{passed: passed})
			}
		}
	}
}
