package scenarios_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/realtime-toolkit/rtk/scenarios"
)

func TestOpen(t *testing.T) {
	t.Parallel()
	for _, name := range scenarios.Names() {
		for _, spelling := range []string{name, name + ".yaml"} {
			src, err := scenarios.Open(spelling)
			if err != nil {
				t.Fatalf("Open(%q): %v", spelling, err)
			}
			if !strings.HasPrefix(string(src), "# ") {
				t.Errorf("%s begins without a comment that says what it is for", spelling)
			}
		}
	}
	for _, name := range []string{"", "nosuch", "../scenarios.go", "auth.yaml.yaml"} {
		if _, err := scenarios.Open(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Open(%q) = %v, want fs.ErrNotExist", name, err)
		}
	}
}
