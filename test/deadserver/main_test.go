package deadserver

import (
	"os"
	"testing"

	"github.com/realtime-toolkit/rtk/internal/rttest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	rttest.Cleanup()
	os.Exit(code)
}
