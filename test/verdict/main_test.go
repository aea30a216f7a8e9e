package verdict

import (
	"flag"
	"os"
	"runtime"
	"strconv"
	"testing"

	"github.com/realtime-toolkit/rtk/internal/rttest"
)

func TestMain(m *testing.M) {
	flag.Parse()
	// The runs wait for most of their time, so more of them go at once than there
	// are processors.
	if f := flag.Lookup("test.parallel"); f.Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
		_ = f.Value.Set("4")
	}
	code := m.Run()
	rttest.Cleanup()
	os.Exit(code)
}
