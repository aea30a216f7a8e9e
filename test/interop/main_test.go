package interop_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/realtime-toolkit/rtk/internal/rttest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	rttest.Cleanup()
	if code == 0 {
		// The client of a Redis Cluster sleeps for a second before it asks for the
		// slots again, even once it is closed.
		sleeper := goleak.IgnoreAnyFunction("github.com/redis/rueidis.(*call).DelayDo.func1")
		if err := goleak.Find(sleeper); err != nil {
			_, _ = os.Stderr.WriteString(err.Error() + "\n")
			code = 1
		}
	}
	os.Exit(code)
}
