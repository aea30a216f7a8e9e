package discover

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// DNS looks up host:port, whose addresses are the pods, or _service._proto.name,
// whose SRV records have ports of their own. server is the host:port of the
// name server to ask, "" for the system's.
//
// Of a host with IPv4 and IPv6 addresses only the IPv4 ones count: pods of a
// dual-stack cluster have one of each.
func DNS(ctx context.Context, name, server string) ([]Endpoint, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	r := resolver(server)
	if strings.HasPrefix(name, "_") {
		return lookUpSRV(ctx, r, name)
	}
	host, port, err := net.SplitHostPort(name)
	if err != nil || host == "" {
		return nil, failed(name, errors.New("want host:port, or _service._proto.name for SRV records"))
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return nil, failed(name, fmt.Errorf("port %q, want 1 to 65535", port))
	}
	addrs, err := lookUpHost(ctx, r, host)
	if err != nil {
		return nil, unreachable(name, plain(err))
	}
	var out []Endpoint
	for _, a := range addrs {
		out = append(out, Endpoint{Addr: net.JoinHostPort(a, port)})
	}
	return finish(name, out)
}

func lookUpSRV(ctx context.Context, r *net.Resolver, name string) ([]Endpoint, error) {
	_, records, err := r.LookupSRV(ctx, "", "", name)
	if err != nil {
		return nil, unreachable(name, plain(err))
	}
	if len(records) > maxFound {
		return nil, failed(name, fmt.Errorf("%d records, want at most %d", len(records), maxFound))
	}
	var out []Endpoint
	for _, rec := range records {
		addrs, err := lookUpHost(ctx, r, rec.Target)
		if err != nil {
			return nil, unreachable(name, plain(err))
		}
		pod, _, _ := strings.Cut(rec.Target, ".")
		if len(addrs) > 1 {
			pod = "" // the host is no pod
		}
		for _, a := range addrs {
			out = append(out, Endpoint{Name: pod, Addr: net.JoinHostPort(a, strconv.Itoa(int(rec.Port)))})
		}
	}
	return finish(name, out)
}

func lookUpHost(ctx context.Context, r *net.Resolver, host string) ([]string, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []string{a.String()}, nil
	}
	addrs, err := r.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	var v4, v6 []string
	for _, a := range addrs {
		if a = a.Unmap(); a.Is4() {
			v4 = append(v4, a.String())
		} else {
			v6 = append(v6, a.String())
		}
	}
	if v4 != nil {
		return v4, nil
	}
	return v6, nil
}

func resolver(server string) *net.Resolver {
	if server == "" {
		return net.DefaultResolver
	}
	if _, _, err := net.SplitHostPort(server); err != nil {
		server = net.JoinHostPort(server, "53")
	}
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, server)
	}}
}

// plain leaves out what a DNS error says about the server that was asked.
func plain(err error) error {
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		switch {
		case e.IsNotFound:
			return errors.New("no such host")
		case e.IsTimeout:
			return fmt.Errorf("the name server does not answer: %w", context.DeadlineExceeded)
		}
		return errors.New(e.Err)
	}
	return err
}
