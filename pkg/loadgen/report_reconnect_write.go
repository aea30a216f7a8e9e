package loadgen

import (
	"fmt"
	"strings"
)

// jsonReconnect is one group's comebacks in the JSON report.
type jsonReconnect struct {
	Group     string   `json:"group" doc:"Name of the group."`
	Policy    string   `json:"policy" doc:"socketio, eventsource, immediate or fixed."`
	Lost      int64    `json:"lost" doc:"Connections that were lost."`
	Broken    int64    `json:"broken" doc:"Of those, the ones that a fault of the scenario broke."`
	Returned  int64    `json:"returned" doc:"Comebacks."`
	Recovered int64    `json:"recovered" doc:"Comebacks with which the server gave the session back."`
	Still     int      `json:"still_disconnected" doc:"Clients that were not back at the end."`
	Attempts  int64    `json:"attempts" doc:"Handshakes that were tried."`
	Failed    int64    `json:"failed" doc:"Handshakes that failed."`
	P50       float64  `json:"p50_s" doc:"Median time from the loss to the new connection."`
	P99       float64  `json:"p99_s" doc:"99th percentile of that time."`
	Max       float64  `json:"max_s" doc:"Longest such time."`
	Peak      float64  `json:"peak_per_s" doc:"Greatest rate of handshakes, measured over 100 ms."`
	PeakAt    float64  `json:"peak_at_s" doc:"When that was, since the beginning of the run."`
	HerdAt    float64  `json:"herd_at_s" doc:"When herd begins, since the beginning of the run."`
	Herd      []uint64 `json:"herd" doc:"Handshakes begun in each 100 ms from the first loss on, at most 300."`
	Advice    string   `json:"advice" doc:"What would have spread the herd, empty if nothing."`
}

func newJSONReconnects(r *Report, m *masker) []jsonReconnect {
	out := []jsonReconnect{}
	for _, x := range r.Reconnects {
		j := jsonReconnect{
			Group: m.mask(x.Group), Policy: string(x.Policy), Lost: x.Lost, Broken: x.Broken, Returned: x.Returned, Recovered: x.Recovered,
			Still: x.Still, Attempts: x.Attempts, Failed: x.Failed, P50: finite(x.P50), P99: finite(x.P99), Max: finite(x.Max),
			Peak: finite(x.Peak), PeakAt: x.PeakAt.Seconds(), HerdAt: x.HerdAt.Seconds(), Herd: []uint64{}, Advice: x.Advice,
		}
		for _, n := range x.Herd {
			j.Herd = append(j.Herd, uint64(n))
		}
		out = append(out, j)
	}
	return out
}

// reconnects writes a row for each group whose clients came back.
func (t *textWriter) reconnects(r *Report) {
	for i := range r.Reconnects {
		for n, line := range t.reconnectLines(&r.Reconnects[i]) {
			label := ""
			if n == 0 {
				label = "reconnect"
			}
			t.row(label, line)
		}
	}
}

func (t *textWriter) reconnectLines(x *ReconnectReport) []string {
	s := fmt.Sprintf("%s: %s lost   %s back", clip(t.clean(x.Group), 20), grouped(x.Lost), grouped(x.Returned))
	if x.Recovered > 0 {
		s += fmt.Sprintf("   %s recovered", grouped(x.Recovered))
	}
	if x.Still > 0 {
		s += "   " + t.paint(red, grouped(int64(x.Still))+" still disconnected")
	}
	if x.Returned > 0 {
		s += fmt.Sprintf("   p50 %s   p99 %s   max %s", shortDuration(x.P50), shortDuration(x.P99), shortDuration(x.Max))
	}
	if x.Peak > 0 {
		s += fmt.Sprintf("   peak %s/s", grouped(int64(x.Peak+0.5)))
	}
	out := []string{s}
	if shape := herdShape(x.Herd); shape != "" {
		out = append(out, shape+"    "+t.paint(dim, "handshakes from the first loss on, "+herdSpan(x.Herd)))
	}
	if x.Advice != "" {
		out = append(out, t.paint(yellow, "! ")+t.clean(x.Advice))
	}
	return out
}

// herdColumns is how wide a herd's shape is at most.
const herdColumns = 40

// herdShape draws the handshakes over time in one line.
func herdShape(herd []uint32) string {
	herd = trimHerd(herd)
	if len(herd) < 2 {
		return ""
	}
	per := (len(herd) + herdColumns - 1) / herdColumns
	var sums []uint32
	var most uint32
	for i := 0; i < len(herd); i += per {
		var sum uint32
		for _, n := range herd[i:min(i+per, len(herd))] {
			sum += n
		}
		sums = append(sums, sum)
		most = max(most, sum)
	}
	levels := []rune("▁▂▃▄▅▆▇█")
	var b strings.Builder
	for _, n := range sums {
		if n == 0 {
			b.WriteByte(' ')
			continue
		}
		b.WriteRune(levels[int(uint64(n)*uint64(len(levels)-1)/uint64(most))])
	}
	return b.String()
}

// trimHerd cuts the quiet end off.
func trimHerd(herd []uint32) []uint32 {
	for len(herd) > 0 && herd[len(herd)-1] == 0 {
		herd = herd[:len(herd)-1]
	}
	return herd
}

func herdSpan(herd []uint32) string {
	return shortDuration(float64(len(trimHerd(herd))) * herdBucket.Seconds())
}
