package loadgen

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Each script of testdata/artillery has a golden file with the scenario that
// comes of it and what is noted; the scenario lints and fits the schema.
func TestImportArtillery(t *testing.T) {
	t.Parallel()
	files, _ := filepath.Glob("testdata/artillery/*")
	if len(files) < 8 {
		t.Fatalf("only %d scripts", len(files))
	}
	schema := compileSchema(t, Schema())
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			out, notes, diags := ImportArtillery(filepath.Base(file), src)
			if diags != nil {
				t.Fatal(diags.Format())
			}
			var b strings.Builder
			b.Write(out)
			b.WriteString("---\n")
			for _, n := range notes {
				b.WriteString(n.String() + "\n")
				// A note is in the file as well, where it would stand.
				if n.Line < 1 {
					t.Errorf("%s has no place", n)
				}
			}
			checkGolden(t, "artillery-"+filepath.Base(file)+".txt", []byte(b.String()))
			if _, diags := Parse("x.yaml", out, func(string) (string, bool) { return "x", true }); diags != nil {
				t.Error(diags.Format())
			}
			if err := schema.Validate(asJSON(t, out)); err != nil {
				t.Errorf("%#v", err)
			}
		})
	}
}

// An import that can't be is refused with the reason.
func TestImportArtilleryRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, src, want string }{
		{"no YAML", "a: [\n", "x.yml:1:"},
		{"a list", "- a\n", "x.yml:1:1: a script is a mapping with config and scenarios"},
		{"another tool", "stages: []\n", "x.yml:1:1: no scenarios: is this a script of Artillery?"},
		{"nothing that can be done", "scenarios: [{ engine: socketio, flow: [{ function: f }] }]\n", "nothing of its scenarios can be translated"},
		{"too many", "config: { phases: [{ duration: 1d, arrivalRate: 1000 }] }\nscenarios: [{ flow: [{ get: { url: / } }] }]\n", "more than 200,000 virtual users"},
		{"too large", strings.Repeat(" ", maxSource+1), "file is larger than 1 MiB"},
	} {
		out, _, diags := ImportArtillery("x.yml", []byte(tt.src))
		if out != nil || !strings.Contains(diags.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", tt.name, diags, tt.want)
		}
	}
}

// A script with a mistake in it is translated or refused like any other.
func TestImportOfBrokenScripts(t *testing.T) {
	t.Parallel()
	files, _ := filepath.Glob("testdata/artillery/*")
	r := rand.New(rand.NewPCG(7, 7))
	for _, file := range files {
		good, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			src := slices.Clone(good)
			for range 3 {
				k, j := r.IntN(len(src)), r.IntN(len(src))
				switch r.IntN(3) {
				case 0:
					src[k] = byte(r.IntN(128))
				case 1:
					src = slices.Delete(src, k, min(k+r.IntN(20), len(src)))
				case 2:
					src = slices.Insert(src, k, slices.Clone(src[j:min(j+40, len(src))])...)
				}
			}
			checkImport(t, src)
		}
	}
}

func checkImport(t *testing.T, src []byte) {
	t.Helper()
	out, notes, diags := ImportArtillery("x.yml", src)
	if (out == nil) == (diags == nil) {
		t.Fatalf("out %q, diagnostics %v", out, diags)
	}
	for _, d := range diags {
		if strings.Contains(d.Message, "no scenario that lints comes of it") {
			t.Fatalf("%s\n%s", d.Error(), src)
		}
	}
	for _, n := range notes {
		if strings.ContainsAny(n.Text, "\n\r\x1b") {
			t.Fatalf("note %q", n.Text)
		}
	}
}

// FuzzImportArtillery: whatever the script, what comes of it lints, and what is
// refused has a reason.
func FuzzImportArtillery(f *testing.F) {
	files, _ := filepath.Glob("testdata/artillery/*")
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src)
	}
	f.Fuzz(checkImport)
}
