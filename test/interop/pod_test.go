package interop_test

import (
	"cmp"
	"context"
	"log/slog"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster/redis"
)

var namespaces = []string{"/", "/chat"}

// gateway is a running rtk pod.
type gateway struct {
	name      string
	url       string
	server    *server.Server
	backplane cluster.Backplane
	waiting   sync.WaitGroup // commands that are not answered yet
}

// pod starts an rtk gateway on the Redis. log may be nil.
func pod(t *testing.T, a *adapter, redisURL, name string, log *slog.Logger) *gateway {
	t.Helper()
	log = cmp.Or(log, slog.New(slog.DiscardHandler))
	options := a.options
	options.URL, options.Logger = redisURL, log
	backplane, err := redis.New(options)
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.New(server.Options{Backplane: backplane, Logger: log, Recovery: a.recovery})
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{name: name, server: s, backplane: backplane}
	for _, path := range namespaces {
		g.listen(s.Of(path))
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(s)
	g.url = h.URL
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shut the pod down: %v", err)
		}
		h.Close()
		g.waiting.Wait()
	})
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		ok, reason := s.Ready()
		if ok {
			return g
		}
		if time.Now().After(deadline) {
			t.Fatalf("the pod is not ready: %s", reason)
		}
	}
}
