package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/loadgen"
)

func TestBudget(t *testing.T) {
	for _, tc := range []struct {
		name    string
		plan    loadgen.Plan
		sources []string
		err     string
	}{
		{"small", loadgen.Plan{Clients: 10, Descriptors: 10, Ports: map[string]int{"127.0.0.1:3000": 10}}, nil, ""},
		{"two source addresses on loopback", loadgen.Plan{Ports: map[string]int{"127.0.0.1:3000": 30_000}}, []string{"127.0.0.1", "127.0.0.2"}, ""},
		{"each address counts for itself", loadgen.Plan{Ports: map[string]int{"127.0.0.1:3000": 15_000, "127.0.0.1:3001": 15_000}}, nil, ""},
		{"too many for one machine", loadgen.Plan{Ports: map[string]int{"10.0.0.1:443": 30_000}}, nil, "need 2 source addresses"},
		{"too many files", loadgen.Plan{Clients: 1 << 28, Descriptors: 1 << 28}, nil, "open files limit"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			sources, err := checkBudget(&tc.plan, portsPerAddress)
			switch {
			case tc.err == "" && err != nil:
				t.Fatal(err)
			case tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)):
				t.Fatalf("error %v, want %q", err, tc.err)
			case tc.err != "" && exitCode(err) != exitInconclusive:
				t.Errorf("exit code %d, want %d", exitCode(err), exitInconclusive)
			}
			if d := cmp.Diff(tc.sources, sources); d != "" {
				t.Errorf("sources (-want +got)\n%s", d)
			}
		})
	}
}
