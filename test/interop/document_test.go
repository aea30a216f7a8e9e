package interop_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/internal/rttest"
)

const (
	documentFile = "../../docs/interop.md"
	tableBegin   = "<!-- written by go test ./test/interop -run Matrix -update -->\n"
	tableEnd     = "<!-- end of what the test wrote -->\n"
)

// document compares the tables of docs/interop.md with the outcomes, or writes
// them, when all cells were run.
func (m *matrix) document(t *testing.T) {
	t.Helper()
	if missing := m.missing(); missing > 0 {
		t.Logf("%s is not compared: %d cells were not run", documentFile, missing)
		return
	}
	b, err := os.ReadFile(documentFile)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(b), tableBegin)
	was, after, ended := strings.Cut(rest, tableEnd)
	if !found || !ended {
		t.Fatalf("%s has no place for the tables between %q and %q", documentFile, tableBegin, tableEnd)
	}
	is := "\n" + versions(t) + m.tables()
	if *update {
		if err := os.WriteFile(documentFile, []byte(before+tableBegin+is+tableEnd+after), 0o644); err != nil { //nolint:gosec // a document
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(was, is); diff != "" {
		t.Errorf("%s is not what was seen; run the test with -update (-document +seen):\n%s", documentFile, diff)
	}
}

// missing counts the cells that were not run.
func (m *matrix) missing() (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range adapters {
		for _, op := range operations() {
			for _, d := range directions {
				if _, ran := m.cells[cell{a.id(), op.name, d}]; a.has(d) && !ran {
					n++
				}
			}
		}
	}
	return n
}

// tables writes one table for each direction and the notes below them.
func (m *matrix) tables() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var b strings.Builder
	var notes []string
	for _, d := range directions {
		columns := slices.DeleteFunc(slices.Clone(adapters), func(a *adapter) bool { return !a.has(d) })
		fmt.Fprintf(&b, "### %s\n\n|", d)
		for _, a := range columns {
			fmt.Fprintf(&b, " | %s", a.title)
		}
		b.WriteString(" |\n|---")
		b.WriteString(strings.Repeat("|:-:", len(columns)))
		b.WriteString("|\n")
		for _, op := range operations() {
			fmt.Fprintf(&b, "| %s", op.name)
			for _, a := range columns {
				o := m.cells[cell{a.id(), op.name, d}]
				switch {
				case o.lacks != "":
					i := slices.Index(notes, o.lacks)
					if i < 0 {
						i = len(notes)
						notes = append(notes, o.lacks)
					}
					fmt.Fprintf(&b, " | n/a (%d)", i+1)
				case o.passed:
					b.WriteString(" | yes")
				default:
					b.WriteString(" | **no**")
				}
			}
			b.WriteString(" |\n")
		}
		b.WriteString("\n")
	}
	b.WriteString("Not applicable because:\n\n")
	for i, note := range notes {
		fmt.Fprintf(&b, "%d. %s\n", i+1, note)
	}
	return b.String() + "\n"
}

// versions lists the packages of the Node side as they are pinned.
func versions(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(rttest.NodeFile(t, "package.json"))
	if err != nil {
		t.Fatal(err)
	}
	var manifest struct{ Dependencies map[string]string }
	if err := json.Unmarshal(b, &manifest); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	out.WriteString("| package | version |\n|---|---|\n")
	for _, name := range []string{
		"socket.io", "@socket.io/redis-adapter", "@socket.io/redis-streams-adapter", "@socket.io/redis-emitter",
		"redis", "@nestjs/core", "@nestjs/websockets", "@nestjs/platform-socket.io",
	} {
		version := manifest.Dependencies[name]
		if version == "" {
			t.Fatalf("%s is not in test/node/package.json", name)
		}
		fmt.Fprintf(&out, "| `%s` | %s |\n", name, version)
	}
	return out.String() + "\n"
}
