package client

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// serverMode makes the test binary a server, so that a test can have one in a
// process of its own.
const serverMode = "RTK_CLIENT_TEST_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(serverMode) != "" {
		if err := serveUntilStdinEnds(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}
