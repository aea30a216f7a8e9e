package loadgen

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

const shortFeed = head + `
clients:
  readers: { count: 4, target: api, flow: [{ emit: join, args: [lobby], ack: {} }, { barrier: go }, { on: message, count: COUNT }] }
  writer: { count: 1, target: api, flow: [{ barrier: go }, { emit: say, args: [lobby, "{{marker}}"], rate: 100/s, count: 10, ack: {} }] }
verify: { feed: { from: writer, to: readers, guarantee: exactlyOnce, order: perPublisher, settle: 1s } }
`

// TestShortRunsWithACount ends within less than the time that a message may be
// under way: what arrived is expected all the same, and what did not fails.
func TestShortRunsWithACount(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		count   string
		deliver func(d delivery) []delivery
		broken  []string
	}{
		{name: "all", count: "10"},
		{name: "some", count: "3"},
		{
			name: "one is lost", count: "10",
			deliver: func(d delivery) []delivery {
				if d.n == 4 {
					return nil
				}
				return []delivery{d}
			},
			broken: []string{
				"fail step readers: on message: 0 of 4 clients",
				"fail verify feed: 36 of 40 delivered, 4 lost",
			},
		},
		{
			name: "nothing comes", count: "10",
			deliver: func(delivery) []delivery { return nil },
			broken: []string{
				"fail step readers: on message: 0 of 4 clients",
				"fail verify feed: 0 of 40 delivered, 40 lost",
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				r := bench(t, &fakeServer{delay: time.Millisecond, deliver: tt.deliver}, strings.Replace(shortFeed, "COUNT", tt.count, 1))
				wantBroken(t, r, tt.broken...)
				if took := time.Since(start); took > 20*time.Second {
					t.Errorf("took %s: a message that never comes must not hang the run", took)
				}
				if tt.broken == nil && r.Verify[0].Expected == 0 {
					t.Error("nothing was expected")
				}
			})
		})
	}
}

// An interrupted run proves nothing about counts that were not reached.
func TestCountsOfAnInterruptedRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		src := strings.Replace(shortFeed, "COUNT", "1000", 1)
		src = strings.Replace(src, "rate: 100/s, count: 10", "rate: 1/s, for: 100s", 1)
		src = strings.Replace(src, "name: flow", "name: flow\ntimeout: 5s", 1)
		r := bench(t, &fakeServer{delay: time.Millisecond}, src)
		wantVerdict(t, r, TimedOut)
		for _, c := range r.Checks {
			if c.Name == "readers: on message" && c.Got != "0 of 0 clients" {
				t.Errorf("%s: %s", c.Status, c.Got)
			}
		}
	})
}

// A canary whose own join was refused proves nothing.
func TestCanariesThatNeverJoined(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		refuse  func(c *fakeConn) bool
		broken  []string
		verdict Verdict
		detail  string
	}{
		{"all of them", func(*fakeConn) bool { return true }, []string{"fail verify isolation: 0 of 0 leaked"}, Fail, "canary never joined: 2 of 2"},
		{"one", func(c *fakeConn) bool { return c.target == "pod-b" }, []string{"warn verify isolation: 0 of 200 leaked"}, Pass, "canary never joined: 1 of 2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &fakeServer{delay: 5 * time.Millisecond}
				s.ack = func(c *fakeConn, m *rt.Outgoing) (string, time.Duration, bool) {
					if string(m.Body) == `"other"` && tt.refuse(c) {
						return `{"error":{"code":"forbidden"}}`, s.delay, true
					}
					return `{"ok":true}`, s.delay, true
				}
				r := bench(t, s, crossPod)
				wantBroken(t, r, tt.broken...)
				wantVerdict(t, r, tt.verdict)
				for _, c := range r.Checks {
					if c.Name == "isolation" && (!strings.Contains(c.Detail, tt.detail) || !strings.Contains(c.Detail, "forbidden")) {
						t.Errorf("detail %q, want %q in it", c.Detail, tt.detail)
					}
				}
			})
		})
	}
}

func TestLooksRefused(t *testing.T) {
	t.Parallel()
	for arg, want := range map[string]bool{
		``: false, `null`: false, `"ok"`: false, `[]`: false, `{}`: false,
		`{"ok":true}`: false, `{"error":null}`: false, `{"error":""}`: false, `{"status":"ok"}`: false, `{"errors":[]}`: false,
		`{"ok":false}`: true, `{"success":false}`: true, `{"error":"no"}`: true, `{"status":"error"}`: true, `{"errors":[1]}`: true, `{"status":"FORBIDDEN"}`: true,
	} {
		if got := looksRefused([]byte(arg)); got != want {
			t.Errorf("looksRefused(%s) = %v, want %v", arg, got, want)
		}
	}
}
