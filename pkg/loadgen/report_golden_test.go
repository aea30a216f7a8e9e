package loadgen

import "time"

var day = time.Date(2026, 1, 4, 12, 3, 0, 0, time.UTC)

func at(d time.Duration) time.Time { return day.Add(d) }

// passedReport is a small report in which everything held.
func passedReport() *Report {
	return &Report{
		Scenario: "message limit", File: "scenarios/throttle.yaml", Seed: 42, RunID: "k3f", Started: day, Duration: 8200 * time.Millisecond, Verdict: Pass,
		Targets: []TargetReport{{"api", "http://127.0.0.1:3000/", "socketio"}},
		Groups:  []GroupReport{{Name: "flooders", Planned: 25, Connected: 25, Finished: 25, Sent: 6000, Received: 120}},
		Checks: []Check{
			{Kind: "threshold", Name: "accepted_rate{clients=flooders} within 10% of 20/s", Status: CheckPass, Got: "19.8/s to 20.2/s", Pos: Pos{"throttle.yaml", 94, 3}},
			{Kind: "threshold", Name: "throttled{clients=bystanders} count == 0", Status: CheckPass, Got: "0"},
		},
		Metrics: []Metric{
			{Name: Throttled, Kind: "ratio", Count: 1998, Total: 6000, Rate: 0.333},
			{Name: AcceptedRate, Kind: "rate", Unit: "/s", Count: 25, Min: 19.8, Mean: 20, P50: 20, P90: 20.1, P99: 20.2, P999: 20.2, Max: 20.2},
			{Name: TimeToThrottle, Kind: "latency", Unit: "s", Count: 25, Min: 1.98, P50: 2, Max: 2.1},
			{Name: AckLatency, Kind: "latency", Unit: "s", Count: 6000, Min: 0.0002, Mean: 0.001, P50: 0.0008, P90: 0.0021, P99: 0.0123, P999: 0.0997, Max: 1.25, Labels: map[string]string{}},
		},
		Generator: Generator{OK: true, SchedulerLagP99: 0.0009, SchedulerLagMax: 0.004, CPUShare: 0.31, CPUSeconds: 5.1, PeakRSS: 41 << 20, Descriptors: 40, Goroutines: 77},
	}
}

// failedReport has one of everything, with hostile text in it.
func failedReport() *Report {
	secret := "correct horse battery"
	jwt := "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl"
	counts := Counts{Published: 960, Expected: 36000, Delivered: 35912, Lost: 88, Late: 3, Indeterminate: 5}
	return &Report{
		Scenario: "every pod to every pod", File: "bench/cross-pod.rtk.yaml", Seed: 32570, RunID: "7f3a", PlanHash: "5d41402abc4b2a76b9719d911017c592", Started: day, Duration: 63200 * time.Millisecond,
		Verdict: Fail, Reason: "delivery_lost count == 0 was 88", Secrets: []string{secret, "ab"}, Partial: true,
		Targets: []TargetReport{{"pod-a", "http://10.0.0.11:3000/", "socketio"}, {"pod-b", "http://10.0.0.12:3000/", "socketio"}},
		Groups: []GroupReport{
			{Name: "subscribers", Planned: 2000, Connected: 1999, Failed: 1, Disconnected: 2, NeverReached: 3, Received: 35912},
			{Name: "publishers", Planned: 6, Connected: 6, Finished: 6, Sent: 960},
		},
		Checks: []Check{
			{Kind: "threshold", Name: "delivery_lost count == 0", Status: CheckFail, Got: "88", Want: "count == 0", Detail: "pod-a → pod-b: 88 lost", Pos: Pos{"bench/cross-pod.rtk.yaml", 41, 3}},
			{Kind: "threshold", Name: "delivery_latency p99 < 250ms", Status: CheckPass, Got: "61ms", Want: "p99 < 250ms"},
			{Kind: "verify", Name: "lobby pod-a → pod-b", Status: CheckFail, Got: "88 of 18000 lost", Want: "exactlyOnce", Detail: "::error::not a command\n##[warning]nor this\nserver said \x1b[31mred\x1b[0m\x00 with " + secret + " and " + jwt},
			{Kind: "verify", Name: "lobby pod-a → pod-b", Status: CheckPass},
			{Kind: "auth", Name: "websocket · auth.token · expired", Status: CheckFail, Got: "2 of 20 accepted", Want: "rejected"},
			{Kind: "auth", Name: "websocket · auth.token · valid", Status: CheckPass},
			{Kind: "auth", Name: "polling · query.token · expired", Status: CheckSkipped, Detail: "browsers can't set it"},
			{Kind: "threshold", Name: "cross_pod p99 <= same_pod_p99 + 50ms", Status: CheckWarn, Got: "70ms", Want: "p99 <= same_pod_p99 + 50ms"},
			{Kind: "generator", Name: "scheduler lag", Status: CheckInconclusive, Got: "p99 31ms", Want: "below 10ms"},
		},
		Verify: []VerifyReport{
			{
				Name: "lobby", From: "publishers", To: "subscribers", Guarantee: ExactlyOnce, Publishers: 6, Subscribers: 2000, Pairs: 12000, Counts: counts,
				Cells: []Cell{
					{From: "pod-a", To: "pod-a", Counts: Counts{Expected: 9000, Delivered: 9000}, P50: 0.002, P99: 0.011, Max: 0.05},
					{From: "pod-a", To: "pod-b", Counts: Counts{Expected: 9000, Delivered: 8912, Lost: 88}, P50: 0.003, P99: 0.061, Max: 0.2},
					{From: "pod-b", To: "pod-a", Counts: Counts{Expected: 9000, Delivered: 9000}, P50: 0.003, P99: 0.041, Max: 0.1},
					{From: "pod-b", To: "pod-b", Counts: Counts{Expected: 9000, Delivered: 9000}, P50: 0.002, P99: 0.012, Max: 0.06},
				},
				Losses: []Loss{
					{From: "pod-a", To: "pod-b", Publisher: 3, Subscriber: 17, Subscribers: 1, Cause: "socket", Count: 87, First: 411, Last: 497, Start: at(7100 * time.Millisecond), End: at(11500 * time.Millisecond)},
					{From: "pod-a", To: "pod-b", Publisher: 1, Subscriber: 4, Subscribers: 60, Cause: "backplane", Count: 1, First: 9, Last: 9, Start: at(8 * time.Second), End: at(8 * time.Second)},
				},
				Causes: []LossCause{
					{Cause: causeSocket, From: "pod-a", To: "pod-b", Count: 87, Publishers: 1, Subscribers: 1, Start: at(7100 * time.Millisecond), End: at(11500 * time.Millisecond)},
					{Cause: causeBackplane, From: "pod-a", To: "pod-b", Count: 60, Publishers: 1, Subscribers: 60, Start: at(8 * time.Second), End: at(8 * time.Second)},
					{Cause: causeUnacked, From: "pod-b", To: "pod-a", Count: 5, Publishers: 1, Subscribers: 5},
				},
				Stuck:      []StuckClient{{Target: "pod-b", Subscriber: 17, Since: at(7 * time.Second), Missed: 87}},
				StuckCount: 3,
				Price:      &Price{SameCount: 18000, SameP50: 0.002, SameP99: 0.012, CrossCount: 17912, CrossP50: 0.003, CrossP99: 0.055},
			},
			{Name: "isolation", From: "publishers", To: "outsiders", Publishers: 6, Subscribers: 40, Pairs: 240, Counts: Counts{Unexpected: 2}, Leaks: []Loss{{From: "pod-b", To: "pod-a", Publisher: 2, Subscriber: 1, First: 5, Last: 6}}},
		},
		Metrics: []Metric{
			{Name: DeliveryLatency, Kind: "latency", Unit: "s", Count: 35912, Min: 0.0005, Mean: 0.004, P50: 0.0034, P90: 0.0102, P99: 0.0297, P999: 0.0961, Max: 0.54, HDR: "HISTFAAA", Blocks: []Block{{18000, 0.0033, 0.0101, 0.0213}, {17912, 0.0035, 0.0103, 0.0301}}},
			{Name: AckLatency, Labels: map[string]string{LabelEvent: "join"}, Kind: "latency", Unit: "s", Count: 6, Min: 0.002, Mean: 0.004, P50: 0.003, P90: 0.005, P99: 0.006, P999: 0.006, Max: 0.006},
		},
		Generator:      Generator{Problems: []string{"scheduler lag p99 31ms is above 10ms"}, SchedulerLagP99: 0.031, CPUShare: 0.97, PeakRSS: 123456789, BytesPerConn: 7100, SelfDropped: 4},
		Environment:    Environment{Version: "1.2.3", Go: "go1.26.0", OS: "linux/amd64", CPU: "Example CPU", Cores: 4, CPULimit: 2, Memory: 8 << 30, OpenFiles: 20000, Host: "0badcafe", CI: "github"},
		TimelineMetric: DeliveryLatency,
		Timeline: []TimelinePoint{
			{Elapsed: time.Second, Phase: "connecting", Open: 1200, Sent: 0, Received: 0},
			{Elapsed: 2 * time.Second, Phase: "running", Open: 2005, Sent: 16, Received: 598, SentRate: 16, RecvRate: 598, Errors: 1204, P99: 0.0213},
			{Elapsed: 3 * time.Second, Phase: "running", Open: 2003, Sent: 32, Received: 1108, SentRate: 16, RecvRate: 510, Errors: 1206, Lost: 88, Missed: 88, P99: 0.54},
			{Elapsed: 63200 * time.Millisecond, Phase: "settling", Sent: 960, Received: 35912, SentRate: 15.4, RecvRate: 578, Errors: 1206, Lost: 88, P99: 0.0297},
		},
		Windows: []WindowReport{
			{Kind: "phase", Name: "ramp", From: 0, To: 20 * time.Second},
			{Kind: "phase", Name: "hold", From: 20 * time.Second, To: 60 * time.Second, Metrics: []Metric{{Name: DeliveryLost, Labels: map[string]string{LabelVerify: "lobby"}, Kind: "ratio", Count: 88, Total: 20000, Rate: 0.0044}}},
			{Kind: "fault", Name: "kill <b>", From: 30 * time.Second, To: 40 * time.Second},
			{Kind: "fault", Name: "drop", From: 50 * time.Second, To: 50 * time.Second},
			{Kind: "phase", Name: "drain", From: 60 * time.Second, To: 63 * time.Second},
		},
		Scrapes: []ScrapeReport{{
			Name: "pod-a", URL: "http://10.0.0.11:9090/metrics", Tried: 12, Failed: 1, LastError: "status 500",
			Series: []ScrapedSeries{{Name: "process_resident_memory_bytes", At: []float64{0, 30, 60}, V: []float64{1e8, 1.2e8, 1.1e8}}},
		}},
		Failed: []FailedClient{
			{17, "subscribers", 17, "pod-b", "lobby: lost 87 messages (socket)"},
			{2003, "publishers", 3, "pod-a", "emit say: no ack within 1s, said " + secret},
		},
		Repeat: "rtk bench bench/cross-pod.rtk.yaml --seed 32570",
		Faults: []FaultReport{
			{
				Name: "flap", Kind: "dropConnections", What: "reset 25% of subscribers", Counts: true, Times: 9, Hit: 4480, Of: 18000,
				Events: []FaultEvent{
					{Start: 2 * time.Second, End: 2 * time.Second, Hit: 500, Of: 2000},
					{Start: 7 * time.Second, End: 7 * time.Second, Hit: 500, Of: 2000},
					{Start: 12 * time.Second, End: 12 * time.Second, Hit: 500, Of: 2000},
					{Start: 17 * time.Second, End: 17 * time.Second, Hit: 500, Of: 2000},
					{Start: 22 * time.Second, End: 22 * time.Second, Hit: 500, Of: 2000},
					{Start: 27 * time.Second, End: 27 * time.Second, Hit: 480, Of: 2000},
					{Start: 32 * time.Second, End: 32 * time.Second, Hit: 500, Of: 2000},
				},
			},
			{
				Name: "redis", Kind: "exec", What: "exec docker compose stop redis", Times: 1,
				Events: []FaultEvent{{
					Start: 20 * time.Second, End: 50 * time.Second, Undo: "exit status 1: ::error::no such <b>service</b>",
					Error: "exit status 17: with " + secret, Output: "stopping " + jwt,
				}},
			},
			{
				Name: "lag", Kind: "proxy", What: "proxy pod-b: latency 200ms ± 50ms", Counts: true, Times: 1, Hit: 12, Of: 1000,
				Events: []FaultEvent{{Start: 30 * time.Second, End: 50 * time.Second, Hit: 12, Of: 1000, Undo: UndoDone}},
			},
			{Name: "boom", Kind: "kill", What: "KILL pod-a", Counts: true},
		},
		Errors: []ErrorCount{{"dial ws://10.0.0.12:3000: refused\n::error::x", 1204}, {"token " + jwt + " refused", 2}},
	}
}
