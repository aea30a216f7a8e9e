package faults_test

import (
	"flag"
	"os"
	"strconv"
	"testing"

	"go.uber.org/goleak"
)

// atOnce is how many cases run at a time: they mostly wait for timeouts.
const atOnce = 6

func TestMain(m *testing.M) {
	flag.Parse()
	if n, err := strconv.Atoi(flag.Lookup("test.parallel").Value.String()); err == nil && n < atOnce {
		_ = flag.Set("test.parallel", strconv.Itoa(atOnce))
	}
	code := m.Run()
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
