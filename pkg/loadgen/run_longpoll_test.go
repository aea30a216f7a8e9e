package loadgen

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// pollServer is a log behind long polls, in fake time.
type pollServer struct {
	mu     sync.Mutex
	log    []string
	wake   chan struct{}
	status int // instead of 200
	lose   int // every so many events are left out of answers
	body   func(events []string, next int) string
	seen   []url.Values
}

func (s *pollServer) Request(ctx context.Context, r *rt.Request) (*rt.Response, error) {
	u, _ := url.Parse(r.URL)
	if r.Method == http.MethodPost {
		s.mu.Lock()
		defer s.mu.Unlock()
		text, _, _ := strings.Cut(strings.SplitAfter(string(r.Body), `"text":`)[1], "}")
		s.log = append(s.log, text)
		close(s.wake)
		s.wake = make(chan struct{})
		return &rt.Response{Status: 202}, nil
	}
	q := u.Query()
	s.mu.Lock()
	s.seen = append(s.seen, q)
	since, hasCursor := len(s.log), q.Get("since") != ""
	if hasCursor {
		since, _ = strconv.Atoi(q.Get("since"))
	}
	wait, _ := time.ParseDuration(q.Get("wait"))
	wake, status := s.wake, s.status
	s.mu.Unlock()
	if status != 0 {
		return &rt.Response{Status: status}, nil
	}
	if s.at(since) && wait > 0 && hasCursor {
		select {
		case <-wake:
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, &rt.Error{Op: "request", Kind: rt.KindCanceled, Err: ctx.Err()}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var events []string
	for i := since; i < len(s.log); i++ {
		if s.lose == 0 || i%s.lose != 3 {
			events = append(events, s.log[i])
		}
	}
	return &rt.Response{Status: 200, Body: []byte(s.body(events, len(s.log)))}, nil
}

func (s *pollServer) at(n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return n >= len(s.log)
}

func rtkShape(events []string, next int) string {
	for i, e := range events {
		events[i] = fmt.Sprintf(`{"id":"x","topic":"lobby","event":"message","data":{"text":%s}}`, e)
	}
	return fmt.Sprintf(`{"events":[%s],"cursor":"%d"}`, strings.Join(events, " , "), next)
}

func bareShape(events []string, next int) string {
	return fmt.Sprintf(`{"ok":true,"next":%d,"result":[%s],"missed":%d}`, next, strings.Join(events, ","), 0)
}

const polls = `
version: 1
name: polls
targets:
  feed: { url: "http://api:3000/poll?topic=lobby", protocol: longpoll, CURSOR }
  api: { url: "http://api:3000/publish", protocol: http }
clients:
  readers: { count: 4, target: feed, RECONNECT flow: [{ barrier: go }, { on: message, AT until: end }] }
  writer: { target: api, flow: [{ barrier: go }, { publish: POST, json: { text: "{{marker}}" }, rate: 10/s, for: 20s }, { wait: 12s }, { publish: POST, json: { text: "{{marker}}" }, as: last }] }
verify: { feed: { from: writer, to: readers, guarantee: exactlyOnce, order: total, settle: 1s ACROSS } }
`

func pollScenario(kv ...string) string {
	kv = append(kv, "AT", "", "RECONNECT", "", " ACROSS", "")
	return strings.NewReplacer(kv...).Replace(polls)
}

func TestLongPoll(t *testing.T) {
	t.Parallel()
	const rtkKeys = "poll: { event: $.event, data: $.data, wait: 5s }"
	tests := []struct {
		name, keys string
		at         string
		server     pollServer
		broken     []string
	}{
		{"the shape of rtk serve", rtkKeys, "at: $.text,", pollServer{body: rtkShape}, nil},
		{"another shape", "cursor: { from: $.next }, poll: { items: $.result, wait: 5s, gaps: $.missed }", "", pollServer{body: bareShape}, nil},
		{"one event in ten is lost", rtkKeys, "", pollServer{body: rtkShape, lose: 10}, []string{"fail verify feed: 724 of 804 delivered, 80 lost"}},
	}
	for i := range tests {
		tt := &tests[i]
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				tt.server.wake = make(chan struct{})
				r := bench(t, nil, pollScenario("CURSOR", tt.keys, "AT", tt.at)+"thresholds: { poll_gaps: count == 0, poll_hold_time: max <= 5s, poll_empty: count > 0 }\n",
					func(o *Options) { o.Requester = &tt.server })
				wantBroken(t, r, tt.broken...)
				if m := metric(t, r, PollEmpty); tt.server.lose == 0 && (m.Count < 8 || m.Count > 16) {
					t.Errorf("poll_empty = %d of %d, want those of the 12 s of silence", m.Count, m.Total)
				}
				if m := metric(t, r, PollHoldTime); m.Max < 4.9 || m.P50 > 0.11 {
					t.Errorf("poll_hold_time = %+v", m)
				}
			})
		})
	}
}

func TestLongPollSaysWhatItMisses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &pollServer{wake: make(chan struct{}), body: func(events []string, next int) string {
			body := rtkShape(events, next)
			if next == 50 {
				body = strings.Replace(body, `,"cursor"`, `,"gaps":[{"reason":"expired"}],"cursor"`, 1)
			}
			return body
		}}
		r := bench(t, nil, pollScenario("CURSOR", "poll: { wait: 5s }")+"thresholds: { poll_gaps: count == 0 }\n", func(o *Options) { o.Requester = s })
		wantBroken(t, r, "fail threshold poll_gaps: count == 0: 4 of "+fmt.Sprint(metric(t, r, PollGaps).Total))
	})
}

// A poll that fails is a lost connection; the next one goes on at the cursor.
func TestLongPollComesBackAtItsCursor(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, reconnect string
		verdict         Verdict
	}{{"fixed", "reconnect: { policy: fixed, delay: 1s },", Pass}, {"none", "reconnect: none,", Fail}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &pollServer{wake: make(chan struct{}), body: rtkShape}
				set := func(status int) func() {
					return func() {
						s.mu.Lock()
						defer s.mu.Unlock()
						s.status = status
					}
				}
				time.AfterFunc(5*time.Second, set(503))
				time.AfterFunc(8*time.Second, set(0))
				across := ""
				if tt.verdict == Pass {
					across = ", acrossReconnect: true"
				}
				src := pollScenario("CURSOR", "poll: { wait: 5s }", "RECONNECT", tt.reconnect, " ACROSS", across)
				if tt.verdict == Fail {
					// The publisher's requests are answered all the same.
					src = strings.Replace(src, "rate: 10/s", "rate: 10/s, expect: { status: [202] }", 1)
				}
				r := bench(t, nil, src, func(o *Options) { o.Requester = s })
				wantVerdict(t, r, tt.verdict)
				if tt.verdict == Pass {
					if c := r.Verify[0].Counts; c.Lost != 0 || c.Expected != 804 || r.Reconnects[0].Returned != 4 {
						t.Errorf("counts %+v, reconnects %+v", c, r.Reconnects[0])
					}
				}
			})
		})
	}
}

func TestLongPollAnswersThatAreNone(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{"no JSON": "<html>", "no cursor": `{"events":[]}`, "null cursor": `{"events":[],"cursor":null}`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &pollServer{wake: make(chan struct{}), body: func([]string, int) string { return body }}
				r := bench(t, nil, pollScenario("CURSOR", "poll: { wait: 5s }"), func(o *Options) { o.Requester = s })
				wantVerdict(t, r, Fail)
				if got := strings.Join(broken(r), "\n"); !strings.Contains(got, "0 of 4 connected") {
					t.Errorf("checks:\n%s", got)
				}
			})
		})
	}
}
