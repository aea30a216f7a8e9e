package loadgen

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// talk is a publisher and four subscribers, for a minute after the start.
const talk = `
version: 1
targets: { api: { url: "http://127.0.0.1:3000", protocol: socketio } }
phases: [{ name: first, for: 20s }, { name: middle, for: 20s }, { name: last, for: 20s }]
clients:
  subscribers:
    count: 4
    flow: [{ emit: join, args: [lobby], ack: {} }, { barrier: ready }, { on: message, until: end }]
  publisher:
    flow: [{ barrier: ready }, { emit: say, args: [lobby, "{{marker}}"], rate: 10/s, ack: { within: 5s } }]
verify:
  lobby: { from: publisher, to: subscribers, settle: 2s }
thresholds:
`

// weather is a server whose deliveries and acks depend on the time of the run.
type weather struct {
	start time.Time
	delay func(at time.Duration) time.Duration
	lose  func(at time.Duration, n int) bool

	corrupt bool // from 10 s on
}

func (w *weather) server() *fakeServer {
	w.start = time.Now()
	s := &fakeServer{}
	now := func() time.Duration { return time.Since(w.start) }
	delay := func() time.Duration {
		if w.delay == nil {
			return 5 * time.Millisecond
		}
		return w.delay(now())
	}
	s.ack = func(*fakeConn, *rt.Outgoing) (string, time.Duration, bool) { return `{"ok":true}`, delay(), true }
	s.deliver = func(d delivery) []delivery {
		if w.lose != nil && w.lose(now(), d.n) {
			return nil
		}
		d.after = delay()
		if w.corrupt && now() > 10*time.Second {
			d.body = strings.Replace(d.body, "rtk1.", "rtk1.z", 1)
		}
		return []delivery{d}
	}
	return s
}

func between(at, from, to time.Duration) bool { return at >= from && at < to }

const sec = time.Second

// TestThresholdsOverTime: what a part of the run, a window of it or a slope
// decides, and what it says.
func TestThresholdsOverTime(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, thresholds string
		w                weather
		want             []string
	}{
		{
			"a phase is judged by its own",
			"  ack_latency{phase=first}: p99 < 100ms\n  ack_latency{phase=middle}: p99 < 100ms\n  ack_latency{phase=last}: p99 < 100ms\n",
			weather{delay: func(at time.Duration) time.Duration {
				if between(at, 20*sec, 40*sec) {
					return 200 * time.Millisecond
				}
				return time.Millisecond
			}},
			[]string{"fail threshold ack_latency{phase=middle}: p99 < 100ms: 200ms"},
		},
		{
			"losses are tolerated in the phase that says so",
			"  delivery_lost{phase=middle}: rate < 50%\n",
			weather{lose: func(at time.Duration, n int) bool { return between(at, 25*sec, 30*sec) && n%3 == 0 }},
			nil,
		},
		{
			"and nowhere else",
			"  delivery_lost{phase=middle}: rate < 50%\n",
			weather{lose: func(at time.Duration, n int) bool {
				return between(at, 25*sec, 30*sec) && n%3 == 0 || between(at, 45*sec, 46*sec) && n%3 == 0
			}},
			[]string{"fail verify lobby: 2316 of 2396 delivered, 80 lost"},
		},
		{
			"a warning for a phase does not decide, whatever it finds",
			"  delivery_lost{phase=middle}: { expr: count == 0, severity: warn }\n",
			weather{lose: func(at time.Duration, n int) bool { return between(at, 25*sec, 30*sec) && n%3 == 0 }},
			[]string{"warn threshold delivery_lost{phase=middle}: count == 0: 64 of 800"},
		},
		{
			"a window finds what the whole hides",
			"  ack_latency: [p90 < 100ms, { expr: p90 < 100ms, window: 3s }]\n",
			weather{delay: func(at time.Duration) time.Duration {
				if between(at, 30*sec, 33*sec) {
					return 150 * time.Millisecond
				}
				return time.Millisecond
			}},
			[]string{"fail threshold ack_latency: p90 < 100ms: 150ms from 28s to 31s of the run"},
		},
		{
			"a window on losses goes by the time of publishing",
			"  delivery_lost: [rate < 5%, { expr: rate < 20%, window: 5s }]\n",
			weather{lose: func(at time.Duration, n int) bool { return between(at, 25*sec, 27*sec) }},
			[]string{"fail threshold delivery_lost: rate < 20%: 40% (80 of 200) from 22s to 27s of the run"},
		},
		{
			"a slope",
			"  ack_latency: [slope < 100ms/h, slope of p99 < 10s/h, slope of mean > 0]\n",
			weather{delay: func(at time.Duration) time.Duration { return 10*time.Millisecond + at/1000 }},
			[]string{"fail threshold ack_latency: slope < 100ms/h: 3.6s/h"},
		},
		{
			"no slope",
			"  ack_latency: [slope < 1ms/h, slope of p99 < 1ms/h]\n  delivery_lost: { expr: count == 0, window: 10s }\n",
			weather{},
			nil,
		},
		{
			"a share for a time",
			"  delivery_lost: [rate < 5%, rate < 5%/h]\n",
			weather{lose: func(at time.Duration, n int) bool { return n == 100 }},
			[]string{"fail verify lobby: 2392 of 2396 delivered, 4 lost", "fail threshold delivery_lost: rate < 5%/h: 9.390651% in 1h0m0s (4 of 2396)"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := bench(t, tt.w.server(), talk+tt.thresholds)
				got := broken(r)
				for i, w := range tt.want {
					if i < len(got) && strings.HasPrefix(got[i], w) {
						got[i] = w
					}
				}
				if fmt.Sprint(got) != fmt.Sprint(tt.want) {
					wantBroken(t, r, tt.want...)
				}
			})
		})
	}
}

// TestAbort: a threshold with abort ends the run when it breaks, and that is a
// failure, whatever the rest of the run would have been like.
func TestAbort(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, threshold string
		w               weather
		lo, hi          time.Duration
	}{
		{"losses", "  delivery_lost: { expr: count == 0, abort: true }\n", weather{lose: func(at time.Duration, n int) bool { return between(at, 10*sec, 11*sec) }}, 11 * sec, 20 * sec},
		{"damage", "  delivery_corrupt: { expr: count == 0, abort: true }\n", weather{corrupt: true}, 10 * sec, 20 * sec},
		{"latency in a window", "  ack_latency: { expr: p50 < 100ms, window: 5s, abort: true }\n", weather{delay: func(at time.Duration) time.Duration {
			if at > 10*sec {
				return 150 * time.Millisecond
			}
			return time.Millisecond
		}}, 12 * sec, 22 * sec},
		{"from a time on", "  ack_latency: { expr: p50 < 1ms, after: 30s, abort: true }\n", weather{}, 30 * sec, 40 * sec},
		{"in a phase", "  ack_latency{phase=middle}: { expr: p50 < 1ms, abort: true }\n", weather{}, 20 * sec, 30 * sec},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := bench(t, tt.w.server(), talk+tt.threshold)
				wantVerdict(t, r, Fail)
				if r.Duration < tt.lo || r.Duration > tt.hi || !r.Partial || !strings.HasPrefix(r.Reason, "ended after ") {
					t.Errorf("the run took %s, want %s to %s; partial %t, reason %q", r.Duration, tt.lo, tt.hi, r.Partial, r.Reason)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) { // and it does not, while all is well
		var w weather
		r := bench(t, w.server(), talk+"  delivery_lost: { expr: count == 0, abort: true }\n  ack_latency: { expr: p99 < 1s, window: 5s, abort: true }\n")
		wantVerdict(t, r, Pass)
	})
}

// TestRecoveryTime: from the end of the fault until all is well again.
func TestRecoveryTime(t *testing.T) {
	t.Parallel()
	slow := func(from, to time.Duration) func(time.Duration) time.Duration {
		return func(at time.Duration) time.Duration {
			if between(at, from, to) {
				return 300 * time.Millisecond
			}
			return 5 * time.Millisecond
		}
	}
	for _, tt := range []struct {
		name string
		w    weather
		to   time.Duration // end of the fault
		want string
	}{
		{"at once", weather{}, 22 * sec, ""},
		{"after losses", weather{lose: func(at time.Duration, n int) bool { return between(at, 20*sec, 24*sec) }}, 22 * sec, "fail threshold recovery_time{after=kill}: max < 1s: 2"},
		{"after slowness", weather{delay: slow(20*sec, 25*sec)}, 22 * sec, "fail threshold recovery_time{after=kill}: max < 1s: 4s"},
		{"while the fault lasts does not count", weather{lose: func(at time.Duration, n int) bool { return between(at, 20*sec, 30*sec) }}, 30 * sec, ""},
		{"never", weather{lose: func(at time.Duration, n int) bool { return at > 20*sec && n%20 == 0 }}, 22 * sec, "fail threshold recovery_time{after=kill}: max < 1s: not recovered within the run"},
		{"too late to tell", weather{}, 56 * sec, "fail threshold recovery_time{after=kill}: max < 1s: not recovered within the run"},
		{"no fault", weather{}, 0, "fail threshold recovery_time{after=kill}: max < 1s: no samples"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				src := strings.Replace(talk, "settle: 2s", "settle: 2s, guarantee: atMostOnce", 1)
				p := plan(t, src+"  ack_latency: p99 < 5s\n")
				p.Scenario.Thresholds = append(p.Scenario.Thresholds, &Threshold{
					Metric: RecoveryTime, Labels: []LabelMatch{{Key: LabelAfter, Value: "kill"}}, Hold: 5 * sec,
					Exprs: []ThresholdExpr{{Text: "max < 1s", Agg: "max", Op: "<", Value: 1, Unit: "s"}},
				})
				r, err := Run(t.Context(), p, Options{Dialer: tt.w.server(), onEngine: func(e *engine) {
					if tt.to == 0 {
						return
					}
					e.wg.Go(func() {
						e.sleepUntil(20 * sec)
						w := e.windows.begin(windowFault, "kill", 20*sec)
						e.sleepUntil(tt.to)
						w.finish(tt.to)
					})
				}})
				if err != nil {
					t.Fatal(err)
				}
				got := strings.Join(broken(r), "; ")
				if !strings.HasPrefix(got, tt.want) || tt.want == "" && got != "" {
					t.Errorf("got %q, want %q", got, tt.want)
				}
			})
		})
	}
}

// page serves metrics that depend on the time of the run.
type page struct {
	start time.Time
	text  func(at time.Duration) (string, error)
	n     atomic.Int64
}

func (p *page) Request(_ context.Context, r *rt.Request) (*rt.Response, error) {
	p.n.Add(1)
	text, err := p.text(time.Since(p.start))
	if err != nil {
		return nil, err
	}
	return &rt.Response{Status: 200, Body: []byte(text)}, nil
}

// TestScrape: thresholds on the target's own metrics, and that a target which
// shows none fails them.
func TestScrape(t *testing.T) {
	t.Parallel()
	steadyPage := func(at time.Duration) (string, error) {
		return fmt.Sprintf("# TYPE x gauge\nmem_bytes 1e8\nopen{ns=\"/\"} 3\nopen{ns=\"/chat\"} 4\nreqs_total %d\n", int(at.Seconds())*10), nil
	}
	for _, tt := range []struct {
		name, thresholds string
		text             func(at time.Duration) (string, error)
		want             string
	}{
		{"steady", "  server.mem_bytes: [slope < 1MiB/h, max < 200MB]\n  server.open: last == 7\n  server.open{ns=\"/chat\"}: max == 4\n  server.reqs_total: rate > 5/s\n", steadyPage, ""},
		{"a leak", "  server.mem_bytes{phase=middle}: slope < 2MiB/h\n", func(at time.Duration) (string, error) {
			return fmt.Sprintf("mem_bytes %f\n", 1e8+1e4*at.Seconds()), nil
		}, "fail threshold server.mem_bytes{phase=middle}: slope < 2MiB/h: 34.3 MiB/h"},
		{"someone is left", "  server.open{phase=last}: last == 0\n", steadyPage, "fail threshold server.open{phase=last}: last == 0: 7"},
		{"everyone has gone in the end", "  server.open{phase=last}: last == 0\n", func(at time.Duration) (string, error) {
			if at > 60*sec {
				return "open 0\n", nil
			}
			return "open 9\n", nil
		}, ""},
		{"no such metric", "  server.other: max < 5\n", steadyPage, "fail threshold server.other: max < 5: 0 samples"},
		{"no page", "  server.open: max < 5\n", func(time.Duration) (string, error) { return "", errors.New("connection refused") }, "fail threshold server.open: max < 5: 0 samples"},
		{"an empty page", "  server.open: max < 5\n", func(time.Duration) (string, error) { return "# nothing\n", nil }, "fail threshold server.open: max < 5: 0 samples"},
		{"a window", "  server.open: { expr: mean < 5, window: 10s }\n", func(at time.Duration) (string, error) {
			if between(at, 30*sec, 45*sec) {
				return "open 9\n", nil
			}
			return "open 1\n", nil
		}, "fail threshold server.open: mean < 5: 9"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var w weather
				p := &page{start: time.Now(), text: tt.text}
				src := strings.Replace(talk, "clients:", "scrape: { api: { url: \"http://127.0.0.1:9090/metrics\", every: 2s } }\nclients:", 1)
				r := bench(t, w.server(), src+tt.thresholds, func(o *Options) { o.Requester = p })
				got := strings.Join(broken(r), "; ")
				if !strings.HasPrefix(got, tt.want) || tt.want == "" && got != "" {
					t.Errorf("got %q, want %q", got, tt.want)
				}
				if p.n.Load() < 30 {
					t.Errorf("the page was read %d times", p.n.Load())
				}
			})
		})
	}
}

// TestBaseline: a threshold may compare with the report of a former run.
func TestBaseline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var w weather
		report := func(r *Report) *Baseline {
			t.Helper()
			var b strings.Builder
			if err := WriteJSON(&b, []*Report{r}); err != nil {
				t.Fatal(err)
			}
			base, err := ReadBaseline(strings.NewReader(b.String()), r.Scenario)
			if err != nil {
				t.Fatal(err)
			}
			return base
		}
		base := report(bench(t, w.server(), talk+"  ack_latency: p99 < 1s\n"))
		const thresholds = "  ack_latency: p99 <= baseline * 1.2\n  ack_latency{phase=middle}: p99 <= 1.2 * baseline + 1ms\n"
		same := bench(t, w.server(), talk+thresholds, func(o *Options) { o.Baseline = base })
		wantBroken(t, same)
		w.delay = func(at time.Duration) time.Duration {
			if between(at, 20*sec, 40*sec) {
				return 9 * time.Millisecond
			}
			return 5 * time.Millisecond
		}
		worse := bench(t, w.server(), talk+thresholds, func(o *Options) { o.Baseline = base })
		wantBroken(t, worse,
			"fail threshold ack_latency: p99 <= baseline * 1.2: 9ms",
			"fail threshold ack_latency{phase=middle}: p99 <= 1.2 * baseline + 1ms: 9ms")
		if _, err := Run(t.Context(), plan(t, talk+thresholds), Options{Dialer: w.server()}); rt.KindOf(err) != rt.KindUsage {
			t.Errorf("without a baseline: %v, want that said before the run", err)
		}
	})
	for _, bad := range []string{"", "{}", `{"schema":"x","runs":[]}`, `{"schema":"rtk.bench/v1","runs":[]}`, `{"schema":"rtk.bench/v1","runs":[{"metrics":[{"name":"ack_latency","count":1,"hdr":"x"}]}]}`} {
		if b, err := ReadBaseline(strings.NewReader(bad), "x"); err == nil {
			t.Errorf("%q is taken as %+v", bad, b)
		}
	}
}
