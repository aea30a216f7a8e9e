//go:build !unix

package rttest

// lockFile does nothing where there is no flock: run "npm ci" in test/node
// before the tests of several packages there.
func lockFile(string) (unlock func(), err error) { return func() {}, nil }
