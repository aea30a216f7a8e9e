package loadgen

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// TestWhoAteTheMessage injects losses of every kind and wants each named.
func TestWhoAteTheMessage(t *testing.T) {
	t.Parallel()
	fromPod := func(d delivery, pod string) bool {
		return strings.Contains(d.body, map[string]string{"pod-a": "rtk1.run1.0.", "pod-b": "rtk1.run1.1."}[pod])
	}
	window := func(d delivery) bool { return d.room == "lobby" && d.n >= 50 && d.n < 60 }
	tests := []struct {
		name string
		hurt func(s *fakeServer, d delivery) []delivery
		want []string
	}{
		{
			"backplane", func(_ *fakeServer, d delivery) []delivery {
				if window(d) && d.to.target == "pod-b" && fromPod(d, "pod-a") {
					return nil
				}
				return []delivery{d}
			},
			[]string{"backplane pod-a→pod-b: 15 of 1 publisher at 3 subscribers"},
		},
		{
			"fan-out of one pod", func(_ *fakeServer, d delivery) []delivery {
				if window(d) && d.to.target == "pod-b" && fromPod(d, "pod-b") {
					return nil
				}
				return []delivery{d}
			},
			[]string{"local pod-b→pod-b: 15 of 1 publisher at 3 subscribers"},
		},
		{
			"one socket", func(s *fakeServer, d delivery) []delivery {
				if window(d) && d.to == s.rooms["lobby"][0] {
					return nil
				}
				return []delivery{d}
			},
			[]string{"socket pod-a→pod-a: 5 of 1 publisher at 1 subscriber", "socket pod-b→pod-a: 5 of 1 publisher at 1 subscriber"},
		},
		{
			"the server that took it", func(_ *fakeServer, d delivery) []delivery {
				if window(d) && fromPod(d, "pod-a") {
					return nil
				}
				return []delivery{d}
			},
			[]string{"nobody pod-a→pod-a: 15 of 1 publisher at 3 subscribers", "nobody pod-a→pod-b: 15 of 1 publisher at 3 subscribers"},
		},
		{
			"later than the settle time", func(s *fakeServer, d delivery) []delivery {
				if d.n >= 198 && d.to == s.rooms["lobby"][0] {
					d.after += 6 * time.Second
				}
				return []delivery{d}
			},
			[]string{"late pod-a→pod-a: 1 of 1 publisher at 1 subscriber", "late pod-b→pod-a: 1 of 1 publisher at 1 subscriber"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &fakeServer{delay: 5 * time.Millisecond}
				s.deliver = func(d delivery) []delivery { return tt.hurt(s, d) }
				r := bench(t, s, crossPod)
				wantVerdict(t, r, Fail)
				var got []string
				for _, c := range r.Verify[0].Causes {
					if c.Text() == "" {
						t.Errorf("cause %s says nothing", c.Cause)
					}
					got = append(got, fmt.Sprintf("%s %s→%s: %d of %s at %s", c.Cause, c.From, c.To, c.Count,
						plural(int64(c.Publishers), "publisher"), plural(int64(c.Subscribers), "subscriber")))
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("causes (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// What comes after the settle time is late, not lost, and fails all the same.
func TestAfterTheSettleTimeIsLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &fakeServer{delay: 5 * time.Millisecond}
		s.deliver = func(d delivery) []delivery {
			if d.n >= 198 && d.to == s.rooms["lobby"][0] {
				d.after += 6 * time.Second
			}
			return []delivery{d}
		}
		r := bench(t, s, strings.Replace(crossPod, " within: 1s, settle", " settle", 1))
		wantBroken(t, r, "fail verify lobby: 1200 of 1200 delivered, 2 after the settle time")
		if c := r.Verify[0].Counts; c.Lost != 0 || c.Late != 2 || c.AfterSettle != 2 {
			t.Errorf("counts = %+v, want 2 late and none lost", c)
		}
	})
}

func TestZombieSubscriptionsAreFound(t *testing.T) {
	t.Parallel()
	for _, guarantee := range []string{"exactlyOnce", "atMostOnce"} {
		t.Run(guarantee, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &fakeServer{delay: 5 * time.Millisecond}
				s.deliver = func(d delivery) []delivery {
					if d.room == "lobby" && d.n >= 100 && d.to == s.rooms["lobby"][4] {
						return nil
					}
					return []delivery{d}
				}
				r := bench(t, s, strings.Replace(crossPod, "exactlyOnce", guarantee, 1)+"  stuck_clients{to=pod-a}: count == 0\n")
				want := []string{"fail verify lobby: 1100 of 1200 delivered, 100 lost, 1 stuck"}
				if guarantee == "atMostOnce" {
					want = []string{"fail verify lobby: 1100 of 1200 delivered, 1 stuck"}
				}
				stuckOn := r.Verify[0].Stuck[0].Target
				if stuckOn == "pod-a" {
					want = append(want, "fail threshold stuck_clients{to=pod-a}: count == 0: 1 of 3")
				}
				wantBroken(t, r, want...)
				v := r.Verify[0]
				if v.StuckCount != 1 || len(v.Stuck) != 1 || v.Stuck[0].Missed != 100 {
					t.Errorf("stuck = %+v (%d), want one that missed 100", v.Stuck, v.StuckCount)
				}
				if m := metric(t, r, StuckClients, LabelTo, stuckOn); m.Count != 1 || m.Total != 3 {
					t.Errorf("stuck_clients = %d of %d, want 1 of 3", m.Count, m.Total)
				}
			})
		})
	}
}

// At most once is not never.
func TestAtMostOnceNeedsSomeDelivery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &fakeServer{delay: 5 * time.Millisecond, deliver: func(d delivery) []delivery {
			if d.room == "lobby" {
				return nil
			}
			return []delivery{d}
		}}
		src := strings.Replace(crossPod, "exactlyOnce", "atMostOnce", 1)
		wantBroken(t, bench(t, s, src[:strings.Index(src, "thresholds:")]),
			"fail verify lobby: 0 of 1200 delivered, 1200 lost: nothing arrived at all")
	})
}

// What could not be decided is no evidence.
func TestMostlyIndeterminateIsInconclusive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &fakeServer{delay: 5 * time.Millisecond}
		s.ack = func(c *fakeConn, m *rt.Outgoing) (string, time.Duration, bool) {
			return `{"ok":true}`, s.delay, m.Event != "say" || c.says < 20
		}
		r := bench(t, s, crossPod+"  ack_timeouts: rate < 100%\n")
		wantBroken(t, r, "inconclusive verify lobby: 240 of 240 delivered, 960 indeterminate")
		wantVerdict(t, r, Inconclusive)
		causes := r.Verify[0].Causes
		if len(causes) != 0 { // they arrived, though no one said so
			t.Errorf("causes = %v, want none", causes)
		}
	})
}

func TestUnackedAndMissingIsNamed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &fakeServer{delay: 5 * time.Millisecond}
		s.ack = func(c *fakeConn, m *rt.Outgoing) (string, time.Duration, bool) {
			return `{"ok":true}`, s.delay, m.Event != "say" || c.says != 30
		}
		s.deliver = func(d delivery) []delivery {
			if d.room == "lobby" && strings.Contains(d.body, ".u.") { // number 30 of each publisher
				return nil
			}
			return []delivery{d}
		}
		r := bench(t, s, crossPod)
		if c := r.Verify[0].Counts; c.Lost != 0 || c.Indeterminate != 12 {
			t.Errorf("counts = %+v, want 12 indeterminate and none lost", c)
		}
		var n int64
		for _, c := range r.Verify[0].Causes {
			if c.Cause != causeUnacked {
				t.Errorf("cause %+v", c)
			}
			n += c.Count
		}
		if n != 12 {
			t.Errorf("%d deliveries of messages without an ack, want 12", n)
		}
	})
}

func TestPriceOfTheBackplane(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &fakeServer{delay: 2 * time.Millisecond, deliver: func(d delivery) []delivery {
			if (d.to.target == "pod-b") == strings.Contains(d.body, "rtk1.run1.0.") {
				d.after += 30 * time.Millisecond
			}
			return []delivery{d}
		}}
		r := bench(t, s, crossPod+`  delivery_latency{from=to}: p99 < 10ms
  delivery_latency{from!=to}: p99 <= same_pod_p99 + 20ms
  delivery_latency{from=pod-a,to=pod-b}: p50 < 10ms
  delivery_lost{from!=to}: count == 0
`)
		wantBroken(t, r,
			"fail threshold delivery_latency{from!=to}: p99 <= same_pod_p99 + 20ms: 32ms",
			"fail threshold delivery_latency{from=pod-a,to=pod-b}: p50 < 10ms: 32ms")
		p := r.Verify[0].Price
		if p == nil || p.SameCount != 600 || p.CrossCount != 600 {
			t.Fatalf("price = %+v, want 600 deliveries each", p)
		}
		if p.SameP50 > 0.0025 || p.P50() < 0.029 || p.P50() > 0.031 || p.P99() < 0.029 {
			t.Errorf("price = %+v, want 30ms more", p)
		}
	})
}

func TestDamagedPayloadIsCorrupt(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		hurt   func(body string) string
		broken []string
	}{
		{"sound", func(b string) string { return b }, nil},
		{"a byte", func(b string) string { return b[:300] + "-" + b[301:] }, []string{"fail verify lobby: 1200 of 1200 delivered, 6 corrupt"}},
		{"cut off", func(b string) string { return b[:300] + `"}` }, []string{"fail verify lobby: 1200 of 1200 delivered, 6 corrupt"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &fakeServer{delay: 5 * time.Millisecond, deliver: func(d delivery) []delivery {
					if d.n == 70 {
						d.body = tt.hurt(d.body)
					}
					return []delivery{d}
				}}
				wantBroken(t, bench(t, s, strings.Replace(crossPod, "{{marker}}", "{{marker 512}}", 1)), tt.broken...)
			})
		})
	}
}

// Encoders may escape what needs no escape, and put JSON into JSON strings.
func TestEscapedMarkersAreFound(t *testing.T) {
	t.Parallel()
	for name, spell := range map[string]func(string) string{
		"dots as \\u":      func(b string) string { return strings.ReplaceAll(b, ".", `\u002e`) },
		"all as \\u":       func(b string) string { return strings.ReplaceAll(b, "rtk1.", `\u0072\u0074\u006B\u0031\u002E`) },
		"in a JSON string": func(b string) string { return fmt.Sprintf(`{"text":%q}`, strings.ReplaceAll(b, ".", `\u002e`)) },
		"escaped dots":     func(b string) string { return strings.ReplaceAll(b, ".", `\.`) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &fakeServer{delay: 5 * time.Millisecond, deliver: func(d delivery) []delivery {
					d.body = spell(d.body)
					return []delivery{d}
				}}
				r := bench(t, s, strings.ReplaceAll(crossPod, "at: $.text, ", ""))
				wantBroken(t, r)
				if c := r.Verify[0].Counts; c.Delivered != crossPodExpected {
					t.Errorf("delivered %d, want %d", c.Delivered, crossPodExpected)
				}
			})
		})
	}
	if got := unescapeMarker([]byte(`{"a":"no marker\u002e here"}`)); got != nil {
		t.Errorf("unescapeMarker = %s, want nil", got)
	}
}

// TestGuaranteeOfAPhase loses messages in one phase and allows it there only.
func TestGuaranteeOfAPhase(t *testing.T) {
	t.Parallel()
	src := strings.Replace(crossPod, "groupBy: target }", "groupBy: target, inPhase: { trouble: atMostOnce } }", 1)
	src = strings.Replace(src, "clients:", "phases: [{ name: before, for: 4s }, { name: trouble, for: 3s }, { name: after, for: 4s }]\nclients:", 1)
	for _, tt := range []struct {
		name   string
		hurt   func(d delivery, at time.Duration) []delivery
		broken []string
		says   string
	}{
		{"nothing", func(d delivery, _ time.Duration) []delivery { return []delivery{d} }, nil, ""},
		{"a loss in the phase", func(d delivery, at time.Duration) []delivery {
			if at > 5*time.Second && at < 6*time.Second {
				return nil
			}
			return []delivery{d}
		}, nil, "lost in phase trouble, which atMostOnce allows"},
		{"a loss before it", func(d delivery, at time.Duration) []delivery {
			if at > 2*time.Second && at < 2100*time.Millisecond {
				return nil
			}
			return []delivery{d}
		}, []string{"fail verify lobby: 1188 of 1200 delivered, 12 lost"}, ""},
		{"a duplicate in it", func(d delivery, at time.Duration) []delivery {
			if at > 5*time.Second && at < 5100*time.Millisecond {
				return []delivery{d, d}
			}
			return []delivery{d}
		}, []string{"fail verify lobby: 1200 of 1200 delivered, 12 duplicated"}, ""},
		{"losses everywhere", func(d delivery, at time.Duration) []delivery {
			if at > 5*time.Second && at < 5100*time.Millisecond || at > 8*time.Second && at < 8100*time.Millisecond {
				return nil
			}
			return []delivery{d}
		}, []string{"fail verify lobby: 1176 of 1200 delivered, 12 lost"}, "12 of 360 lost in phase trouble, which atMostOnce allows"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				s := &fakeServer{delay: 5 * time.Millisecond}
				s.deliver = func(d delivery) []delivery {
					if d.room != "lobby" {
						return []delivery{d}
					}
					return tt.hurt(d, time.Since(start))
				}
				r := bench(t, s, src)
				wantBroken(t, r, tt.broken...)
				for _, c := range r.Checks {
					if c.Kind == "verify" && c.Name == "lobby" && !strings.Contains(c.Detail, tt.says) {
						t.Errorf("detail %q, want %q in it", c.Detail, tt.says)
					}
				}
			})
		})
	}
}

func TestDamageBelongsToItsPhase(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		s := &fakeServer{delay: 5 * time.Millisecond, deliver: func(d delivery) []delivery {
			if at := time.Since(start); d.room == "lobby" && at > 5*time.Second && at < 5100*time.Millisecond {
				d.body = d.body[:300] + "-" + d.body[301:]
			}
			return []delivery{d}
		}}
		src := strings.Replace(crossPod, "{{marker}}", "{{marker 512}}", 1)
		src = strings.Replace(src, "clients:", "phases: [{ name: before, for: 4s }, { name: trouble, for: 3s }, { name: later, for: 4s }]\nclients:", 1)
		r := bench(t, s, src+"  delivery_corrupt{phase=before}: count == 0\n  delivery_corrupt{phase=trouble}: count == 0\n")
		wantBroken(t, r, "fail verify lobby: 1200 of 1200 delivered, 12 corrupt", "fail threshold delivery_corrupt{phase=trouble}: count == 0: 12 of 360")
	})
}
