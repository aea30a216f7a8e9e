package rttest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// Node runs a script of test/node with the npm packages that its lock file pins,
// which are installed first if they aren't there. The script's stdout is read
// line by line; it ends with the test. Without Node or the packages the test is
// skipped, or fails when CI is set.
func Node(t testing.TB, script string, args ...string) *Process {
	t.Helper()
	return NodeEnv(t, nil, script, args...)
}

// NodeEnv is Node with variables, NAME=value, added to the environment.
func NodeEnv(t testing.TB, env []string, script string, args ...string) *Process {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		Missing(t, "node is not installed: version 20 or later is needed, see https://nodejs.org")
	}
	dir, err := packages()
	if err != nil {
		Missing(t, "npm packages of test/node: "+err.Error())
	}
	return Start(t, env, node, append([]string{filepath.Join(dir, script)}, args...)...)
}

// packages returns test/node once its packages are installed. Test processes of
// several Go packages run at once, so the install is under a lock.
var packages = sync.OnceValues(func() (dir string, err error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	dir = filepath.Join(root, "test", "node")
	pinned := filepath.Join(dir, "package-lock.json")
	unlock, err := lockFile(pinned)
	if err != nil {
		return "", err
	}
	defer unlock()
	// npm writes this file last.
	if newer(filepath.Join(dir, "node_modules", ".package-lock.json"), pinned) {
		return dir, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", "ci", "--no-audit", "--no-fund")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	return dir, nil
})

// newer reports whether file a exists and is not older than b.
func newer(a, b string) bool {
	ai, err := os.Stat(a)
	if err != nil {
		return false
	}
	bi, err := os.Stat(b)
	return err == nil && !ai.ModTime().Before(bi.ModTime())
}

// moduleRoot is the folder of go.mod above the test's.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("no go.mod above the test")
		}
		dir = parent
	}
}

// NodeFile returns the path of a file below test/node, with the npm packages of
// its lock file installed. Without them the test is skipped, or fails when CI is
// set.
func NodeFile(t testing.TB, name string) string {
	t.Helper()
	dir, err := packages()
	if err != nil {
		Missing(t, "npm packages of test/node: "+err.Error())
	}
	return filepath.Join(dir, filepath.FromSlash(name))
}
