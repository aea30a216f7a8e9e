package stats

import (
	"encoding/json"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestReadProcess(t *testing.T) {
	t.Parallel()
	p := ReadProcess()
	if p.Goroutines < 1 || p.HeapBytes == 0 || p.GOMAXPROCS < 1 {
		t.Errorf("ReadProcess() = %+v, want goroutines, heap and GOMAXPROCS set", p)
	}
	if runtime.GOOS == "linux" && (p.RSSBytes < 1<<20 || p.CPUSeconds <= 0) {
		t.Errorf("ReadProcess() = %+v, want resident set and CPU time on linux", p)
	}
}

// The JSON names are an interface: dashboards and the terminal UI read them.
func TestPodJSONRoundTrip(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	in := Pod{
		ID: "a", Time: at, Started: at, Ready: true,
		Connections: Connections{ClosedByReason: map[string]uint64{"ping timeout": 2}},
		Refusals:    Refusals{AuthByCode: map[string]uint64{"expired": 1}},
		Backplane:   &Backplane{Kind: "memory", Degraded: true},
	}
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"closedByReason":{"ping timeout":2}`, `"authByCode":{"expired":1}`, `"degraded":true`, `"plainWebsocket":0`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("JSON %s\nlacks %s", b, want)
		}
	}
	var out Pod
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	if out.Connections.ClosedByReason["ping timeout"] != 2 || !out.Backplane.Degraded {
		t.Errorf("after a round trip: %+v", out)
	}
}
