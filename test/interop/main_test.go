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
		if err := goleak.Find(rttest.Sleepers()...); err != nil {
			_, _ = os.Stderr.WriteString(err.Error() + "\n")
			code = 1
		}
	}
	os.Exit(code)
}
