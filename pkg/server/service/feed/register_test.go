package feed

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/realtime-toolkit/rtk/pkg/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTickerOverEvents(t *testing.T) {
	t.Parallel()
	s, err := server.New(server.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	wait := Register(ctx, s, New(Options{Interval: 10 * time.Millisecond}))
	if err := s.Start(ctx); err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(s)
	defer h.Close()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, h.URL+"/events?topic="+TopicTicker, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := h.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	prices := 0
	for lines := bufio.NewScanner(res.Body); prices < 3 && lines.Scan(); {
		if lines.Text() == "event: price" {
			prices++
		}
	}
	if prices < 3 {
		t.Errorf("%d prices, then the stream ended", prices)
	}
	res.Body.Close()
	cancel()
	wait()
	if err := s.Shutdown(t.Context()); err != nil {
		t.Errorf("shutdown: %v", err)
	}
}
