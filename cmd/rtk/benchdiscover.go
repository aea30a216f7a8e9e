package main

import (
	"context"

	"github.com/realtime-toolkit/rtk/pkg/loadgen"
	"github.com/realtime-toolkit/rtk/pkg/loadgen/discover"
)

// discover looks up the pods of a target and says how many there are.
func (r *benchRun) discover(ctx context.Context, d *loadgen.Discovery) ([]loadgen.Endpoint, error) {
	var found []discover.Endpoint
	var err error
	if k := d.Kubernetes; k != nil {
		found, err = discover.Kubernetes(ctx, discover.Service{Name: k.Service, Namespace: k.Namespace, Port: k.Port},
			discover.Machine{Getenv: r.env.Getenv, ReadFile: readBounded})
	} else {
		found, err = discover.DNS(ctx, d.DNS, d.Server)
	}
	out := make([]loadgen.Endpoint, len(found))
	for i, e := range found {
		out[i] = loadgen.Endpoint{Name: e.Name, Addr: e.Addr}
	}
	return out, err
}
