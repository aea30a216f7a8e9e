package faults_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write what was measured to docs/faults.md")

const (
	documentFile = "../../docs/faults.md"
	tableBegin   = "<!-- written by go test ./test/faults -update -->\n"
	tableEnd     = "<!-- end of what the test wrote -->\n"
)

// rows are what was measured, by how a row begins.
type rows struct {
	mu  sync.Mutex
	all map[string]string
}

func (f *fault) takes(a *adapter) bool { return len(f.only) == 0 || slices.Contains(f.only, a.name) }

func rowOf(a *adapter, f *fault) string { return fmt.Sprintf("| %s | %s |", f.name, a.name) }

func (r *rows) add(a *adapter, f *fault, b bound, m *measured) {
	ms := func(d time.Duration) string { return fmt.Sprintf("%d ms", d.Round(time.Millisecond).Milliseconds()) }
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil {
		r.all = make(map[string]string)
	}
	r.all[rowOf(a, f)] = fmt.Sprintf(" %d + %d of %d | %d | %d | %s | %s | %d + %d lost, local %s, remote %s after a fault of %s |\n",
		m.in.lost, m.out.lost, m.remote.sent, m.local.twice+m.remote.twice, m.local.disorder+m.remote.disorder,
		ms(m.local.still), ms(m.remote.still), b.in, b.out, ms(localBound+b.wait), b.after, ms(m.fault.Round(100*time.Millisecond)))
}

// document writes the table when it was asked to, and otherwise sees to it that
// the document has a row for each case.
func (r *rows) document(t *testing.T) {
	t.Helper()
	b, err := os.ReadFile(documentFile)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(b), tableBegin)
	was, after, ended := strings.Cut(rest, tableEnd)
	if !found || !ended {
		t.Fatalf("%s has no place for the table between %q and %q", documentFile, tableBegin, tableEnd)
	}
	is := "\n| fault | adapter | lost | twice | out of order | local standstill | remote standstill | bound |\n|---|---|---|---|---|---|---|---|\n"
	for _, f := range faults {
		for i := range adapters {
			if !f.takes(&adapters[i]) {
				continue
			}
			row := rowOf(&adapters[i], f)
			if measured, ran := r.all[row]; *update && !ran {
				t.Errorf("%s was not run: -update needs all cases", row)
			} else {
				is += row + measured
			}
			if !*update && !strings.Contains(was, "\n"+row) {
				t.Errorf("%s has no row for %s; run the test with -update", documentFile, row)
			}
		}
	}
	if *update && !t.Failed() {
		if err := os.WriteFile(documentFile, []byte(before+tableBegin+is+"\n"+tableEnd+after), 0o644); err != nil { //nolint:gosec // a document
			t.Fatal(err)
		}
	}
}
