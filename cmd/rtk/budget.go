package main

import (
	"fmt"
	"net"
	"strconv"

	"github.com/realtime-toolkit/rtk/pkg/loadgen"
)

const (
	// spareDescriptors are kept for files, pipes and the runtime's own.
	spareDescriptors = 64
	// portsPerAddress is how many connections one source address carries to
	// one target with the default ephemeral range of Linux, see sourcePorts.
	portsPerAddress = 20_000
)

// checkBudget finds out before any load whether this machine can carry the
// plan: open files, and ports for each source address and target. It returns
// the source addresses to spread over, nil for the system's choice; loopback
// targets are spread over 127/8. ports is how many connections one source
// address carries to one target.
func checkBudget(plan *loadgen.Plan, ports int) ([]string, error) {
	need := plan.Descriptors + spareDescriptors
	limit, err := raiseDescriptors(need)
	if err != nil {
		return nil, err
	}
	if limit > 0 && need > limit {
		return nil, hint(&exitError{exitInconclusive, fmt.Errorf("open files limit is %s but %s clients need about %s",
			thousands(int64(limit)), thousands(int64(plan.Clients)), thousands(int64(need)))},
			"raise it with   ulimit -n "+strconv.Itoa(need)+"   in this shell, or lower the number of clients")
	}
	most, loopback := 0, true
	for addr, n := range plan.Ports {
		most = max(most, n)
		loopback = loopback && isLoopback(addr)
	}
	if most <= ports {
		return nil, nil
	}
	addresses := (most + ports - 1) / ports
	if !loopback {
		return nil, hint(&exitError{exitInconclusive, fmt.Errorf("%s connections to one address need %d source addresses, this machine would use one",
			thousands(int64(most)), addresses)},
			portsFix(most, ports))
	}
	sources := make([]string, addresses)
	for i := range sources {
		sources[i] = fmt.Sprintf("127.0.%d.%d", i/250, 1+i%250)
	}
	return sources, nil
}

func isLoopback(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.To4() != nil && ip.IsLoopback()
}
