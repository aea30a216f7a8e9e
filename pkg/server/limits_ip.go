package server

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// clientIP is the address that a request is counted for: that of the TCP
// connection or, when that is a trusted proxy's, the last one in
// X-Forwarded-For that is not. IPv6 counts by /64, of which a subscriber has at
// least one to itself.
func clientIP(r *http.Request, proxies []netip.Prefix) string {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr // a unix socket has no address
	}
	at := peer.Addr().Unmap()
	if !trusted(at, proxies) {
		return ipKey(at)
	}
	var hops []string
	for _, line := range r.Header["X-Forwarded-For"] {
		hops = append(hops, strings.Split(line, ",")...)
	}
	for _, hop := range slices.Backward(hops) {
		next, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			break // what is to the left of nonsense can't be relied on
		}
		at = next.Unmap()
		if !trusted(at, proxies) {
			break
		}
	}
	return ipKey(at)
}

func trusted(a netip.Addr, proxies []netip.Prefix) bool {
	return slices.ContainsFunc(proxies, func(p netip.Prefix) bool { return p.Contains(a) })
}

func ipKey(a netip.Addr) string {
	if a.Is6() {
		if p, err := a.WithZone("").Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}
