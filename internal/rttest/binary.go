package rttest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

var binaries sync.Map // build flags → *build

type build struct {
	once sync.Once
	path string
	err  error
}

// Binary builds the rtk program once a test process and returns its path.
// With race the program carries the race detector: for tests of behaviour,
// not for load.
func Binary(t testing.TB, race bool) string {
	t.Helper()
	v, _ := binaries.LoadOrStore(race, &build{})
	b := v.(*build)
	b.once.Do(func() {
		dir, err := os.MkdirTemp("", "rtk-test-")
		if err != nil {
			b.err = err
			return
		}
		tempDirs.add(dir)
		b.path = filepath.Join(dir, "rtk")
		args := []string{"build", "-o", b.path}
		if race {
			args = append(args, "-race")
		}
		cmd := exec.Command("go", append(args, "github.com/realtime-toolkit/rtk/cmd/rtk")...)
		if out, err := cmd.CombinedOutput(); err != nil {
			b.err = fmt.Errorf("build rtk: %w\n%s", err, out)
		}
	})
	if b.err != nil {
		t.Fatal(b.err)
	}
	return b.path
}

// dirs are folders that live as long as the test process.
type dirs struct {
	mu   sync.Mutex
	list []string
}

var tempDirs dirs

func (d *dirs) add(dir string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.list = append(d.list, dir)
}

// Cleanup removes what Binary left; a TestMain calls it after the tests.
func Cleanup() {
	tempDirs.mu.Lock()
	defer tempDirs.mu.Unlock()
	for _, d := range tempDirs.list {
		_ = os.RemoveAll(d)
	}
	tempDirs.list = nil
}
