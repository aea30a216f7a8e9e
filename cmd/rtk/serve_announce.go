package main

import (
	"fmt"
	"net"
	"strings"
)

// announce prints the two lines of a successful start on stdout and the
// warnings that can't be missed on stderr.
func announce(env *Env, f *serveFlags, p *pod) {
	if f.faulty != "" {
		fmt.Fprintf(env.Stderr, "rtk: WARNING: this gateway is broken on purpose: %s\n", strings.Join(p.gateway.Stats().Faults, ", "))
	}
	if p.open {
		loudlyOpen(env, p.publicAddr.String())
	}
	if a, ok := p.adminAt.(*net.TCPAddr); ok && !a.IP.IsLoopback() && f.adminKey == "" {
		fmt.Fprintf(env.Stderr, "rtk: WARNING: ANYBODY who reaches the admin listener on %s may publish and take profiles. Set --admin-key\n", a)
	}
	scheme := "http"
	if p.secure {
		scheme = "https"
	}
	line := fmt.Sprintf("rtk: listening on %s://%s  (socket.io, /ws, /events)", scheme, p.publicAddr)
	if p.adminAt != nil {
		line += fmt.Sprintf("   stats on http://%s/stats", p.adminAt)
	}
	fmt.Fprintf(env.Stdout, "%s\nrtk: try   %s      stop with ctrl+c\n", line, f.tryLine(p))
}

// tryLine is a command that works against the pod.
func (f *serveFlags) tryLine(p *pod) string {
	target := p.publicAddr.String()
	if a, ok := p.publicAddr.(*net.TCPAddr); ok && (a.IP.IsUnspecified() || a.IP.IsLoopback()) {
		target = fmt.Sprintf(":%d", a.Port)
		if p.secure {
			target = "localhost" + target
		}
	}
	if p.secure {
		target = "https://" + target
	}
	switch {
	case f.serves("chat"):
		return "rtk watch " + target + " -n /chat"
	case f.serves("feed"):
		return "rtk watch '" + target + "/events?topic=ticker'"
	}
	return "rtk watch " + target
}
