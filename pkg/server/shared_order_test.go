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

// TestOneOrderOverPods is TestOneOrder where pods share a journal: publishers on
// several pods, clients that are cut off at any moment and come back to any pod.
// What a publisher sends to a client arrives once and in the order of sending.
// A client whose cursor says that it was sent something that had no offset yet
// comes back to the same pod.
func TestOneOrderOverPods(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		outages bool
	}{{"journal there", false}, {"journal away at times", true}} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(2) {
				oneOrder(t, seed, tc.outages)
			}
		})
	}
}

func oneOrder(t *testing.T, seed uint64, outages bool) {
	const pods, each, clients = 3, 300, 4
	journal := newTestJournal()
	journal.slow = 200 * time.Microsecond
	var gates [pods]*gateway
	for i := range gates {
		opts := server.Options{Recovery: time.Minute, QueueMessages: 100_000, QueueBytes: 64 << 20, Backplane: journal.pod(t)}
		opts.History.Limits.Count, opts.History.Limits.Bytes = 100_000, 64<<20
		gates[i] = start(t, opts, recoveryGateway)
	}
	conns, sessions, at := make([]*client, clients), make([]sioSession, clients), make([]int, clients)
	for i := range clients {
		at[i] = i % pods
		conns[i] = gates[at[i]].sio(t)
		_, sessions[i] = conns[i].connect("")
	}
	stop := make(chan struct{})
	var wg, outage sync.WaitGroup
	if outages {
		outage.Go(func() {
			rng := rand.New(rand.NewPCG(seed, 55))
			for gone := true; ; gone = !gone {
				journal.setAway(gone)
				select {
				case <-stop:
					journal.setAway(false)
					return
				case <-time.After(time.Duration(50+rng.IntN(250)) * time.Millisecond):
				}
			}
		})
	}
	for p, g := range gates {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(p)))
			ns := g.Of("/")
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
				if n%10 == 0 {
					time.Sleep(time.Duration(rng.IntN(20)) * time.Millisecond)
				}
			}
		})
	}
	for i := range clients {
		c, s, pod := conns[i], sessions[i], at[i]
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(seed, 100+uint64(i)))
			var next [pods]int
			for cuts := 0; next != [pods]int{each, each, each}; {
				m, err := c.read()
				if err != nil {
					t.Errorf("seed %d client %d: %v after %v and %d cuts", seed, i, err, next, cuts)
					return
				}
				if text, ok := strings.CutPrefix(m, "40"); ok {
					var again sioSession
					if json.Unmarshal([]byte(text), &again) != nil || again.PID != s.PID {
						t.Errorf("seed %d client %d: not recovered with %q after %d cuts: %s", seed, i, s.offset, cuts, m)
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
					t.Errorf("seed %d client %d: publisher %d sent %d, want %d (%d cuts), offset %s", seed, i, p, n, next[p], cuts, s.offset)
					return
				}
				next[p]++
				if rng.IntN(100) > 0 {
					continue
				}
				c.ws.Close()
				cuts++
				// What a pod gave out without an offset only it remembers.
				if !strings.Contains(s.offset, ".") {
					pod = rng.IntN(pods)
				}
				c = gates[pod].sio(t)
				c.send("40" + s.again())
			}
		})
	}
	wg.Wait()
	close(stop)
	outage.Wait()
}
