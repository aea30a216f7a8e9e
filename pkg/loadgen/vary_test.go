package loadgen

import (
	"strings"
	"testing"
	"time"
)

func varied(t *testing.T) *Scenario {
	t.Helper()
	s, diags := Parse("x.yaml", []byte(`version: 1
targets: { a: { url: "http://a", protocol: socketio } }
clients:
  chatters: { count: 3, flow: [{ emit: join }, { emit: say, rate: 2/s, for: 10s, ack: {} }, { emit: tell, rate: 6/s, for: 5s }] }
  quiet: { flow: [{ on: say, until: end }] }
`), nil)
	if diags != nil {
		t.Fatal(diags.Format())
	}
	return s
}

func TestVary(t *testing.T) {
	t.Parallel()
	s := varied(t)
	check, err := s.AddThreshold("ack_latency{event=say}", "p99 <= 200ms")
	if err != nil || check != "ack_latency{event=say}: p99 <= 200ms" || len(s.Thresholds) != 1 {
		t.Errorf("threshold %q: %v", check, err)
	}
	for _, bad := range [][2]string{
		{"ack_latncy", "p99 <= 200ms"}, {"ack_latency{event=nope}", "p99 <= 1s"}, {"ack_latency", "p99 <= 200"}, {"ack_latency", ""}, {"delivery_lost", "count == 0"},
	} {
		if _, err := s.AddThreshold(bad[0], bad[1]); err == nil || len(s.Thresholds) != 1 {
			t.Errorf("%v was taken: %v", bad, err)
		}
	}
	if err := s.SetCount("chatters", 50); err != nil || s.Groups[0].Count != 50 {
		t.Errorf("count: %v", err)
	}
	if err := s.SetRate("chatters", 10); err != nil {
		t.Error(err)
	}
	if a, b := s.Groups[0].Flow[1].Emit.Schedule.Rate, s.Groups[0].Flow[2].Emit.Schedule.Rate; a != 10 || b != 30 {
		t.Errorf("rates %g and %g, want 10 and 30", a, b)
	}
	if err := s.SetFor(time.Second); err != nil || s.Groups[0].Flow[1].Emit.Schedule.For != time.Second {
		t.Errorf("for: %v", err)
	}
	if _, err := s.Rate("quiet"); err == nil {
		t.Error("clients that send nothing have a rate")
	}
	if _, err := s.Count("chaters"); err == nil || !strings.Contains(err.Error(), `did you mean "chatters"?`) {
		t.Errorf("%v", err)
	}
}

func TestSplitMetric(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]string{
		"ack_latency.p99":               {"ack_latency", "p99"},
		"ack_latency{event=a.b}.p99.9":  {"ack_latency{event=a.b}", "p99.9"},
		"server.resident_memory.max":    {"server.resident_memory", "max"},
		"delivery_lost{from!=to}.count": {"delivery_lost{from!=to}", "count"},
	} {
		if m, agg, err := SplitMetric(text); err != nil || m != want[0] || agg != want[1] {
			t.Errorf("%s: %s, %s, %v", text, m, agg, err)
		}
	}
	for _, bad := range []string{"", "ack_latency", "ack_latency.", "ack_latency{event=a.b}"} {
		if _, _, err := SplitMetric(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
