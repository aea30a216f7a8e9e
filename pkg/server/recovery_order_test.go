package server_test

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server"
)

// TestOneOrder is one order for unicast and broadcast: publishers that mix both
// at random, clients that are cut off at any moment and recover. What a publisher
// sends to a client, by whatever way, arrives once and in the order of sending.
func TestOneOrder(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		opts := server.Options{Recovery: time.Minute, QueueMessages: 100_000, QueueBytes: 64 << 20}
		opts.History.Limits.Count, opts.History.Limits.Bytes = 100_000, 64<<20
		gone := make(map[string]chan struct{}) // by id, filled before the clients are cut
		g := start(t, opts, func(s *server.Server) {
			recoveryGateway(s)
			s.Of("/").OnDisconnect(func(c *server.Conn, _ string) { gone[c.ID()] <- struct{}{} })
		})
		ns := g.Of("/")
		const publishers, each, clients = 3, 400, 3
		conns, sessions := make([]*client, clients), make([]sioSession, clients)
		for i := range clients {
			conns[i] = g.sio(t)
			_, sessions[i] = conns[i].connect("")
			gone[sessions[i].SID] = make(chan struct{}, 1000)
		}
		var wg sync.WaitGroup
		for p := range publishers {
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(seed, uint64(p)))
				for n := range each {
					var err error
					switch rng.IntN(3) {
					case 0:
						err = ns.Emit("n", p, n)
					case 1:
						err = ns.To("r").Emit("n", p, n)
					default: // each client by itself, directly if it is there
						for _, s := range sessions {
							c := ns.Conn(s.SID)
							if c == nil || rng.IntN(2) == 0 || c.Emit("n", p, n) != nil {
								err = ns.To(s.SID).Emit("n", p, n)
							}
						}
					}
					if err != nil {
						t.Error(err)
					}
					if n%20 == 0 {
						time.Sleep(time.Millisecond)
					}
				}
			})
		}
		for i := range clients {
			c, s := conns[i], sessions[i]
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(seed, 100+uint64(i)))
				var next [publishers]int
				for cuts := 0; next != [publishers]int{each, each, each}; {
					m, err := c.read()
					if err != nil {
						t.Errorf("seed %d client %d: %v after %v and %d cuts", seed, i, err, next, cuts)
						return
					}
					if text, ok := strings.CutPrefix(m, "40"); ok {
						var again sioSession
						if json.Unmarshal([]byte(text), &again) != nil || again.PID != s.PID {
							t.Errorf("seed %d client %d: not recovered after %d cuts: %s", seed, i, cuts, m)
							return
						}
						continue
					}
					var event []json.RawMessage
					var p, n int
					if json.Unmarshal([]byte(strings.TrimPrefix(m, "42")), &event) != nil || len(event) < 3 {
						t.Errorf("seed %d client %d: got %q", seed, i, m)
						return
					}
					_ = json.Unmarshal(event[len(event)-1], &s.offset)
					if string(event[0]) != `"n"` {
						continue
					}
					_, _ = json.Unmarshal(event[1], &p), json.Unmarshal(event[2], &n)
					if n != next[p] {
						t.Errorf("seed %d client %d: publisher %d sent %d, want %d (%d cuts)", seed, i, p, n, next[p], cuts)
						return
					}
					next[p]++
					if rng.IntN(150) > 0 {
						continue
					}
					c.ws.Close()
					cuts++
					<-gone[s.SID]
					c = g.sio(t)
					c.send("40" + s.again())
				}
			})
		}
		wg.Wait()
	}
}
