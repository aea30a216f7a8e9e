package loadgen

import "time"

type (
	jsonCause struct {
		Cause       string     `json:"cause" doc:"unacked, nobody, backplane, local, alone, socket, away or late."`
		Text        string     `json:"text" doc:"What the evidence is, and where to look."`
		From        string     `json:"from" doc:"Target of the publishers."`
		To          string     `json:"to" doc:"Target of the subscribers."`
		Count       int64      `json:"count" doc:"Deliveries."`
		Publishers  int        `json:"publishers" doc:"Publishers whose messages they were."`
		Subscribers int        `json:"subscribers" doc:"Subscribers that did not get them."`
		Start       *time.Time `json:"start,omitempty" doc:"When the first was published."`
		End         *time.Time `json:"end,omitempty" doc:"When the last was published."`
	}
	jsonStuck struct {
		Target     string    `json:"target" doc:"Target of the subscriber."`
		Subscriber int       `json:"subscriber" doc:"Index of the subscriber in its group."`
		Since      time.Time `json:"since" doc:"When the newest message that it received was published, or when it joined."`
		Missed     int64     `json:"missed" doc:"Messages that others on its target received since."`
	}
	jsonFailed struct {
		Client int    `json:"client" doc:"Number in the run, for --only-client."`
		Group  string `json:"group" doc:"Its group."`
		Index  int    `json:"index" doc:"Index in its group."`
		Target string `json:"target" doc:"Its target."`
		Why    string `json:"why" doc:"What went wrong first."`
	}
	jsonPrice struct {
		SameCount  int64   `json:"same_pod_count" doc:"Deliveries within a target."`
		SameP50    float64 `json:"same_pod_p50_s" doc:"Their median latency."`
		SameP99    float64 `json:"same_pod_p99_s" doc:"Their 99th percentile."`
		CrossCount int64   `json:"cross_pod_count" doc:"Deliveries between targets."`
		CrossP50   float64 `json:"cross_pod_p50_s" doc:"Their median latency."`
		CrossP99   float64 `json:"cross_pod_p99_s" doc:"Their 99th percentile."`
		P50        float64 `json:"difference_p50_s" doc:"Difference of the medians."`
		P99        float64 `json:"difference_p99_s" doc:"Difference of the 99th percentiles."`
	}
)

// truth fills in what the account of a verify block found beyond counts.
func (out *jsonVerify) truth(v *VerifyReport) {
	out.Causes, out.Stuck, out.StuckCount = []jsonCause{}, []jsonStuck{}, v.StuckCount
	for i := range v.Causes {
		c := &v.Causes[i]
		x := jsonCause{c.Cause, c.Text(), c.From, c.To, c.Count, c.Publishers, c.Subscribers, nil, nil}
		if !c.Start.IsZero() {
			x.Start, x.End = &c.Start, &c.End
		}
		out.Causes = append(out.Causes, x)
	}
	for _, s := range v.Stuck {
		out.Stuck = append(out.Stuck, jsonStuck(s))
	}
	if p := v.Price; p != nil {
		out.Price = &jsonPrice{
			p.SameCount, finite(p.SameP50), finite(p.SameP99), p.CrossCount, finite(p.CrossP50), finite(p.CrossP99), finite(p.P50()), finite(p.P99()),
		}
	}
}
