package loadgen

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

const head = `
version: 1
name: flow
targets: { api: { url: "http://api:3000", protocol: socketio } }
`

func TestExpectTakesEventsThatComeEarly(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		dial   func(*rt.DialRequest, *fakeConn) error
		flow   string
		broken []string
	}{
		{
			name: "during the handshake", flow: `[{ expect: auth, within: 1s }]`,
			dial: func(_ *rt.DialRequest, c *fakeConn) error { c.event("auth", `{}`, 0); return nil },
		},
		{
			name: "after a send", flow: `[{ emit: echo, args: ["{{seq}}"] }, { expect: echoed, within: 1s }, { emit: echo, args: ["again"] }, { expect: echoed, match: again, within: 1s, as: second }]`,
		},
		{
			name: "never", flow: `[{ emit: echo, args: ["a"] }, { expect: echoed, match: b, within: 1s }, { wait: 1s }]`,
			broken: []string{"fail step a: expect echoed: 0 of 3 clients", "fail step a: wait 1s: never reached"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := bench(t, &fakeServer{dial: tt.dial, delay: time.Millisecond}, head+"clients: { a: { count: 3, target: api, flow: "+tt.flow+" } }\n")
				wantBroken(t, r, tt.broken...)
			})
		})
	}
}

func TestOnEndsByCountOrTime(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, on string }{{"count", "count: 20"}, {"time", "for: 2s"}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := bench(t, &fakeServer{delay: time.Millisecond}, head+`
clients:
  readers: { count: 4, target: api, flow: [{ emit: join, args: [lobby], ack: {} }, { barrier: go }, { on: message, `+tt.on+` }] }
  writer: { count: 1, target: api, flow: [{ barrier: go }, { emit: say, args: [lobby, "{{marker}}"], rate: 10/s, for: 10s, ack: {} }] }
verify: { feed: { from: writer, to: readers, guarantee: exactlyOnce, order: total, settle: 1s } }
`)
				wantBroken(t, r)
				// The readers stay for 2 s; of what was published in the last second
				// before they leave, what arrived counts.
				want := Counts{Published: 100, Expected: 80, Delivered: 80}
				if diff := cmp.Diff(want, r.Verify[0].Counts); diff != "" {
					t.Errorf("feed (-want +got):\n%s", diff)
				}
				if g := r.Groups[0]; g.Finished != 4 || g.NeverReached != 0 {
					t.Errorf("readers = %+v", g)
				}
			})
		})
	}
}

func TestTotalOrderAcrossPublishers(t *testing.T) {
	t.Parallel()
	src := head + `
clients:
  readers: { count: 3, target: api, flow: [{ emit: join, args: [lobby], ack: {} }, { barrier: go }, { on: message, until: end }] }
  writers: { count: 2, target: api, flow: [{ barrier: go }, { emit: say, args: [lobby, "{{marker}}"], rate: 10/s, for: 5s, ack: {} }] }
verify: { feed: { from: writers, to: readers, guarantee: exactlyOnce, order: total, settle: 1s } }
`
	synctest.Test(t, func(t *testing.T) {
		wantBroken(t, bench(t, &fakeServer{delay: time.Millisecond}, src))
	})
	synctest.Test(t, func(t *testing.T) {
		s := &fakeServer{delay: time.Millisecond}
		s.deliver = func(d delivery) []delivery {
			if d.n == 30 && d.to == s.rooms["lobby"][1] {
				d.after += 60 * time.Millisecond // behind one of the other publisher
			}
			return []delivery{d}
		}
		wantBroken(t, bench(t, s, src), "fail verify feed: 300 of 300 delivered, 1 out of order")
	})
}

// web answers the requests of publish steps.
type web struct {
	s      *fakeServer
	status func(n int) int
	block  time.Duration

	mu   sync.Mutex
	seen []*rt.Request
	at   []time.Duration
	from time.Time
}

func (w *web) Request(ctx context.Context, r *rt.Request) (*rt.Response, error) {
	w.mu.Lock()
	n := len(w.seen)
	w.seen = append(w.seen, r)
	w.at = append(w.at, time.Since(w.from))
	w.mu.Unlock()
	status := 202
	if w.status != nil {
		status = w.status(n)
	}
	if status == 202 {
		text, _, _ := strings.Cut(strings.SplitAfter(string(r.Body), `"text":`)[1], "}")
		w.s.broadcast("lobby", text)
	}
	select {
	case <-time.After(w.block):
	case <-ctx.Done():
		return nil, &rt.Error{Op: "request", Kind: rt.KindTimeout, Err: ctx.Err()}
	}
	return &rt.Response{Status: status}, nil
}

const sseFeed = `
version: 1
name: sse
targets:
  stream: { url: "http://pod:3000/events?topic=lobby", protocol: sse }
  api:    { url: "http://pod:3001/api", protocol: http }
auth:
  member: { jwt: { alg: HS256, secret: "a secret of the test", claims: { sub: "u{{client.index}}" } } }
clients:
  readers:
    count: 20
    target: stream
    flow: [{ barrier: ready }, { on: message, at: $.text, until: end }]
  writer:
    count: 1
    target: api
    auth: member
    flow: [{ barrier: ready }, { publish: POST, path: /publish, json: { room: lobby, text: "{{marker}}" }, rate: 20/s, for: 10s, expect: { status: 202 } }]
verify:
  feed: { from: writer, to: readers, guarantee: exactlyOnce, order: total, within: 2s, settle: 2s }
thresholds:
  sse_heartbeat_gap: max < 20s
  publish_latency: p99 < 1s
`

// sseServer joins every stream to the lobby.
func sseServer() *fakeServer {
	s := &fakeServer{delay: 2 * time.Millisecond}
	s.dial = func(_ *rt.DialRequest, c *fakeConn) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.rooms == nil {
			s.rooms = map[string][]*fakeConn{}
		}
		s.rooms["lobby"] = append(s.rooms["lobby"], c)
		return nil
	}
	return s
}

func TestPublishByHTTPToStreams(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := sseServer()
		w := &web{s: s, from: time.Now(), block: 500 * time.Millisecond}
		r := bench(t, s, sseFeed, func(o *Options) { o.Requester = w })
		wantBroken(t, r)
		want := Counts{Published: 200, Expected: 4000, Delivered: 4000}
		if diff := cmp.Diff(want, r.Verify[0].Counts); diff != "" {
			t.Errorf("feed (-want +got):\n%s", diff)
		}
		first := w.seen[0]
		if first.URL != "http://pod:3001/api/publish" || first.Method != http.MethodPost ||
			first.Header.Get("Content-Type") != "application/json" || !strings.HasPrefix(first.Header.Get("Authorization"), "Bearer eyJ") {
			t.Errorf("first request = %+v", first)
		}
		// The schedule is open: answers that take ten periods delay nothing.
		if d := w.at[199] - w.at[0]; d != 9950*time.Millisecond {
			t.Errorf("the last request came %s after the first, want 9.95s", d)
		}
	})
}

// Requests that are under way together may overtake each other; that is no
// fault of the server's order.
func TestOverlappingPublishesHaveNoOrder(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		answer time.Duration
		broken []string
	}{
		{name: "overlapping", answer: 80 * time.Millisecond},
		{name: "one after the other", answer: 10 * time.Millisecond, broken: []string{"fail verify feed: 4000 of 4000 delivered, 2000 out of order"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := sseServer()
				s.deliver = func(d delivery) []delivery {
					if d.n%2 == 0 {
						d.after += 60 * time.Millisecond // behind the next
					}
					return []delivery{d}
				}
				w := &web{s: s, from: time.Now(), block: tt.answer}
				src := strings.Replace(sseFeed, "order: total", "order: perPublisher", 1)
				r := bench(t, s, src, func(o *Options) { o.Requester = w })
				wantBroken(t, r, tt.broken...)
			})
		})
	}
}

func TestRefusedPublishesAreNotExpected(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := sseServer()
		w := &web{s: s, from: time.Now(), status: func(n int) int {
			if n%10 == 3 {
				return 503
			}
			return 202
		}}
		r := bench(t, s, sseFeed, func(o *Options) { o.Requester = w })
		wantBroken(t, r, "fail step writer: publish POST: 180 of 200 requests")
		want := Counts{Published: 180, Expected: 3600, Delivered: 3600, Indeterminate: 400}
		if diff := cmp.Diff(want, r.Verify[0].Counts); diff != "" {
			t.Errorf("feed (-want +got):\n%s", diff)
		}
	})
}

func TestBarrierDoesNotWaitForTheDead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &fakeServer{delay: time.Millisecond}
		var joins []*fakeConn
		s.ack = func(c *fakeConn, m *rt.Outgoing) (string, time.Duration, bool) {
			// One never gets its ack, one loses its connection instead.
			s.mu.Lock()
			if m.Event == "join" {
				joins = append(joins, c)
			}
			first, second := joins[0], joins[min(1, len(joins)-1)]
			s.mu.Unlock()
			if m.Event == "join" && c == second && c != first {
				c.hangUp(rt.CloseInfo{By: rt.ByNetwork, Reason: "reset"}, 0)
			}
			return `{}`, 0, m.Event != "join" || c != first && c != second
		}
		start := time.Now()
		r := bench(t, s, head+`
clients:
  a: { count: 5, target: api, flow: [{ emit: join, args: [x], ack: { within: 3s } }, { barrier: go }, { wait: 1s }] }
  b: { count: 5, target: api, flow: [{ barrier: go }, { wait: 1s }] }
`)
		wantBroken(t, r, "fail group a: 5 of 5 connected, 1 disconnected", "fail step a: emit join: 3 of 5 acks")
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("took %s", took)
		}
		if r.Groups[0].Finished != 3 || r.Groups[1].Finished != 5 {
			t.Errorf("groups = %+v", r.Groups)
		}
	})
}

// The same seed gives the same payloads.
func TestRunsAreReproducible(t *testing.T) {
	t.Parallel()
	var runs [2][]string
	for i := range runs {
		synctest.Test(t, func(t *testing.T) {
			s := &fakeServer{send: func(_ *fakeConn, m *rt.Outgoing) error {
				runs[i] = append(runs[i], string(m.Body))
				return nil
			}}
			bench(t, s, head+`clients: { a: { count: 1, target: api, flow: [{ emit: roll, args: ["{{rand}}", "{{uuid}}", "{{seq}}"], rate: 10/s, for: 2s }] } }`)
		})
	}
	if diff := cmp.Diff(runs[0], runs[1]); diff != "" || len(runs[0]) != 20 || runs[0][0] == runs[0][1] {
		t.Errorf("two runs differ, or nothing is random:\n%s\n%v", diff, runs[0])
	}
}

// Clients that listen and publish get each other's messages; whether a sender
// gets its own is the server's choice and no part of the verdict.
func TestPublishersThatSubscribe(t *testing.T) {
	t.Parallel()
	src := head + `
clients:
  chatters:
    count: 4
    target: api
    flow:
      - { emit: join, args: [lobby], ack: {} }
      - { barrier: go }
      - { emit: say, args: [lobby, "{{marker}}"], rate: 5/s, for: 4s, ack: {} }
      - { on: message, until: end }
verify: { chat: { from: chatters, to: chatters, guarantee: exactlyOnce, order: perPublisher, settle: 1s } }
`
	for _, echo := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			s := &fakeServer{delay: time.Millisecond}
			s.deliver = func(d delivery) []delivery {
				if !echo && strings.Contains(d.body, "rtk1.run1."+strconv.Itoa(slices.Index(s.conns, d.to))+".") {
					return nil
				}
				return []delivery{d}
			}
			r := bench(t, s, src)
			wantBroken(t, r)
			if v := r.Verify[0]; v.Expected != 4*3*20 || v.Pairs != 12 {
				t.Errorf("verify = %+v", v)
			}
		})
	}
}
