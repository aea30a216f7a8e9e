package streams

import (
	"context"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/realtime-toolkit/rtk/internal/rttest"
	"github.com/realtime-toolkit/rtk/pkg/server/service"
)

// workerURL makes of the test program a worker that never finishes its first
// command.
const workerURL = "RTK_TEST_STREAMS_WORKER"

func TestMain(m *testing.M) {
	if url := os.Getenv(workerURL); url != "" {
		w, err := NewWorker(WorkerOptions{URL: url, Stream: "jobs"}, service.Func(func(_ context.Context, c *service.Call) (*service.Answer, error) {
			fmt.Println("took", c.ID)
			select {}
		}))
		if err == nil {
			err = w.Run(context.Background())
		}
		fmt.Println(err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, rttest.Sleepers()...)
}
