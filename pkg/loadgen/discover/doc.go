// Package discover finds the addresses of the pods behind a name: in DNS, or
// among the endpoints of a Kubernetes service. It looks once and watches
// nothing, and it connects to no pod.
//
//	list, err := discover.DNS(ctx, "chat-headless:3000", "")
//	list, err := discover.Kubernetes(ctx, discover.Service{Name: "chat", Port: "3000"}, discover.Machine{…})
package discover

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// Endpoint is one pod.
type Endpoint struct {
	Name string // of the pod, "" if that is not known
	Addr string // host:port
}

const (
	lookTime = 10 * time.Second
	maxFound = 256
)

// finish sorts what was found. Finding nothing is an error: a run against no
// pods would show nothing.
func finish(what string, list []Endpoint) ([]Endpoint, error) {
	slices.SortFunc(list, func(a, b Endpoint) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Addr, b.Addr)) })
	list = slices.CompactFunc(list, func(a, b Endpoint) bool { return a.Addr == b.Addr })
	switch {
	case len(list) == 0:
		return nil, unreachable(what, errors.New("no pods"))
	case len(list) > maxFound:
		return nil, failed(what, fmt.Errorf("%d pods, want at most %d", len(list), maxFound))
	}
	return list, nil
}

func unreachable(what string, err error) error {
	kind := rt.KindUnreachable
	if errors.Is(err, context.DeadlineExceeded) {
		kind = rt.KindTimeout
	}
	return &rt.Error{Op: "discover", Target: what, Kind: kind, Err: err}
}

func failed(what string, err error) error {
	return &rt.Error{Op: "discover", Target: what, Kind: rt.KindUsage, Err: err}
}
