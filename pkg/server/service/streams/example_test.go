package streams_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"os/signal"
	"syscall"

	"github.com/realtime-toolkit/rtk/pkg/server/service"
	"github.com/realtime-toolkit/rtk/pkg/server/service/streams"
)

// A worker is a service.Func in a program of its own.
func ExampleWorker() {
	w, err := streams.NewWorker(streams.WorkerOptions{URL: "redis://127.0.0.1:6379", Stream: "rtk:jobs"},
		service.Func(func(_ context.Context, c *service.Call) (*service.Answer, error) {
			if c.Hook == service.HookEvent && c.Data.Event == "resize" {
				return &service.Answer{Ack: json.RawMessage(`{"ok":true}`)}, nil
			}
			return nil, nil
		}))
	if err != nil {
		slog.Error("worker", "error", err)
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := w.Run(ctx); err != nil { // after SIGTERM it finishes what it has begun
		slog.Error("worker", "error", err)
	}
}
