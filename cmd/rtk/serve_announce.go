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
		loudlyOpen(env, p.addresses())
	}
	for _, l := range p.adminListeners {
		if a, ok := l.Addr().(*net.TCPAddr); ok && !a.IP.IsLoopback() && f.adminKey == "" {
			fmt.Fprintf(env.Stderr, "rtk: WARNING: ANYBODY who reaches the admin listener on %s may publish and take profiles. Set --admin-key\n", a)
		}
	}
	urls := make([]string, len(p.listeners))
	for i, l := range p.listeners {
		urls[i] = l.url(p.secure)
	}
	line := fmt.Sprintf("rtk: listening on %s  (socket.io, /ws, /events)", strings.Join(urls, ", "))
	if len(p.adminListeners) > 0 {
		line += fmt.Sprintf("   stats on %s/stats", p.adminListeners[0].url(false))
	}
	fmt.Fprintf(env.Stdout, "%s\nrtk: try   %s      stop with ctrl+c\n", line, f.tryLine(p))
}

// addresses are those of the public listeners.
func (p *pod) addresses() string {
	names := make([]string, len(p.listeners))
	for i, l := range p.listeners {
		names[i] = l.name
	}
	return strings.Join(names, ", ")
}

// tryLine is a command that works against the pod.
func (f *serveFlags) tryLine(p *pod) string {
	first := p.listeners[0]
	target := first.name
	if path, unix := strings.CutPrefix(target, "unix:"); unix {
		return "curl -N --unix-socket " + path + " 'http://localhost/events?topic=ticker'"
	}
	if a, ok := first.Addr().(*net.TCPAddr); ok && (a.IP.IsUnspecified() || a.IP.IsLoopback()) {
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
