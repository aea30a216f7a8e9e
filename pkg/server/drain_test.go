package server_test

import (
	"bufio"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server"
)

// Clients are told to go at a steady rate: no tenth of the drain has more than
// its tenth of them and one. Everything runs on the bubble's clock.
func TestDrainIsSteady(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		clients int
		drain   time.Duration
		window  time.Duration // over which they are told
	}{
		{"all the time that there is, but a fifth", 500, 5 * time.Second, 4 * time.Second},
		{"no slower than a hundred a second", 500, time.Hour, 5 * time.Second},
		{"a short one", 300, time.Second, 800 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				var gone []time.Duration
				var start time.Time
				var retries int
				g := startPipe(t, server.Options{}, func(s *server.Server) {
					s.Of(server.EventsNamespace).OnDisconnect(func(*server.Conn, string) {
						mu.Lock()
						defer mu.Unlock()
						gone = append(gone, time.Since(start))
					})
				})
				var readers sync.WaitGroup
				for range tt.clients {
					nc, err := g.dialer.NetDialContext(t.Context(), "tcp", g.host)
					if err != nil {
						t.Fatal(err)
					}
					defer nc.Close()
					if _, err := fmt.Fprint(nc, "GET /events?topic=t HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
						t.Fatal(err)
					}
					readers.Go(func() {
						last := ""
						for lines := bufio.NewScanner(nc); lines.Scan(); {
							if strings.HasPrefix(lines.Text(), "retry: ") {
								last = lines.Text()
							}
						}
						mu.Lock()
						defer mu.Unlock()
						if last != "retry: 3000" {
							retries++
						}
					})
				}
				synctest.Wait()
				ctx, cancel := context.WithTimeout(t.Context(), tt.drain)
				defer cancel()
				start = time.Now()
				if err := g.Shutdown(ctx); err != nil {
					t.Fatal(err)
				}
				readers.Wait()
				mu.Lock()
				defer mu.Unlock()
				var tenths [10]int
				for _, at := range gone {
					tenths[min(int(at*10/tt.window), 9)]++
				}
				for i, n := range tenths {
					// The wheel and the writers act up to one tick late.
					if want := tt.clients / 10; n < want-want/10-2 || n > want+want/10+2 {
						t.Errorf("tenth %d: %d of %d clients, want %d: %v", i, n, tt.clients, want, tenths)
					}
				}
				// One in a thousand has the usual delay by chance.
				if retries < tt.clients-10 {
					t.Errorf("%d of %d streams ended with a jittered retry", retries, tt.clients)
				}
			})
		})
	}
}
