package main

import (
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/realtime-toolkit/rtk/pkg/loadgen"
)

// dryFiles is how many open files a run takes beside how many there may be.
type dryFiles struct {
	Need int    `json:"need"`
	Soft int    `json:"soft_limit,omitempty"`
	Hard int    `json:"hard_limit,omitempty"`
	OK   bool   `json:"ok"`
	Fix  string `json:"fix,omitempty"`
}

// dryPorts is how many connections go to one address, beside how many ports
// there are for them.
type dryPorts struct {
	Remote      string `json:"remote"`
	Connections int    `json:"connections"`
	PerSource   int    `json:"ports_of_a_source"`
	Sources     int    `json:"sources"`
	OK          bool   `json:"ok"`
	Fix         string `json:"fix,omitempty"`
}

const (
	portRangeFile = "proc/sys/net/ipv4/ip_local_port_range"
	widestRange   = `net.ipv4.ip_local_port_range="1024 65535"`
	widestPorts   = (65535 - 1024 + 1) / 10 * 7
	maxSources    = 250 * 250 // addresses of 127/8 that checkBudget uses
)

// sourcePorts is how many connections one source address carries to one
// target: seven tenths of the machine's ephemeral range, because connections in
// TIME_WAIT and other programs hold ports as well.
func sourcePorts(machine fs.FS) int {
	if machine == nil {
		return portsPerAddress
	}
	text, err := fs.ReadFile(machine, portRangeFile)
	f := strings.Fields(string(text))
	if err != nil || len(f) != 2 {
		return portsPerAddress
	}
	lo, err1 := strconv.Atoi(f[0])
	hi, err2 := strconv.Atoi(f[1])
	if err1 != nil || err2 != nil || hi < lo {
		return portsPerAddress
	}
	return max((hi-lo+1)*7/10, 1)
}

// portsFix is what gives need connections to one address their ports, where a
// source address has so many.
func portsFix(need, ports int) string {
	if need <= widestPorts && ports < widestPorts {
		return "widen the range of ports with   sysctl -w " + widestRange
	}
	return "spread the clients over more targets, or run from more machines"
}

// budget holds what the plan takes against what this machine has. It decides
// as checkBudget does, which a run calls, and changes nothing.
func (d *dryPlan) budget(env *Env, plan *loadgen.Plan) error {
	d.Fits = true
	soft, hard, err := descriptorLimits()
	if err != nil {
		return err
	}
	d.Files = dryFiles{Need: plan.Descriptors + spareDescriptors, Soft: soft, Hard: hard}
	// A run raises the soft limit itself.
	d.Files.OK = hard == 0 || d.Files.Need <= hard
	if !d.Files.OK {
		d.Files.Fix = fmt.Sprintf("raise it with   ulimit -n %d   in this shell", d.Files.Need)
		d.Fits = false
	}
	ports := sourcePorts(env.Machine)
	for remote, n := range plan.Ports {
		p := dryPorts{Remote: remote, Connections: n, PerSource: ports, Sources: max((n+ports-1)/ports, 1)}
		p.OK = p.Sources == 1 || isLoopback(remote) && p.Sources <= maxSources
		if !p.OK {
			d.Fits = false
			p.Fix = portsFix(n, ports)
		}
		d.Ports = append(d.Ports, p)
	}
	slices.SortFunc(d.Ports, func(a, b dryPorts) int { return strings.Compare(a.Remote, b.Remote) })
	return nil
}

// fixes are what makes the run fit, at most two.
func (d *dryPlan) fixes() []string {
	var out []string
	if d.Files.Fix != "" {
		out = append(out, "open files: "+d.Files.Fix)
	}
	for _, p := range d.Ports {
		if p.Fix != "" && len(out) < 2 {
			out = append(out, "ports to "+p.Remote+": "+p.Fix)
		}
	}
	return out
}
