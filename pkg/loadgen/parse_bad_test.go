package loadgen

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Each file of testdata/bad is wrong in many ways; its golden file holds what
// Parse says about it.
func TestDiagnostics(t *testing.T) {
	t.Parallel()
	files, _ := filepath.Glob("testdata/bad/*.yaml")
	if len(files) < 15 {
		t.Fatalf("only %d bad files", len(files))
	}
	env := map[string]string{
		"COUNT": "many", "MY_SECRET": "sesame-open", "MY_TOKEN": "tok-sesame",
		// Structure from the environment must stay text.
		"INJECT": "x]\nnewKey: {a: b}\n- [",
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			sc, diags := Parse(filepath.Base(file), src, func(n string) (string, bool) { v, ok := env[n]; return v, ok })
			if sc != nil || !diags.HasErrors() || diags.Err() == nil {
				t.Fatal("no diagnostics")
			}
			got := diags.Format() + "\n"
			if strings.Contains(got, "sesame") {
				t.Error("a secret got out")
			}
			for _, d := range diags {
				if d.Line < 1 || d.Column < 1 || d.File == "" {
					t.Errorf("%v has no position", d)
				}
			}
			checkGolden(t, "bad-"+name+".txt", []byte(got))
		})
	}
}
