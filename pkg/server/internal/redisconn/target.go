package redisconn

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/redis/rueidis"
)

// Form is how a URL is written, for messages.
const Form = "redis://[user:password@]host[:port][/db], redis+sentinel://[user:password@]host[:port],…/MASTER[/db] or redis+cluster://[user:password@]host[:port],…, with rediss for TLS"

// ErrURL is returned for a URL that can't be used. No text of the URL is in an
// error: the password may be anywhere in what can't be read.
var ErrURL = errors.New("URL")

// Kind says what is behind a URL.
type Kind uint8

// The kinds.
const (
	Single Kind = iota
	Sentinel
	Cluster
)

// Target is what a URL means.
type Target struct {
	Kind               Kind
	Addrs              []string // host:port: the server, the Sentinels, or nodes of the Cluster
	Master             string   // its name, with Sentinel
	DB                 int
	Username, Password string // of the servers
	// SentinelUsername and SentinelPassword are for the Sentinels themselves,
	// ?sentinel-user=…&sentinel-password=… in the URL.
	SentinelUsername, SentinelPassword string
	// TLS is nil without TLS. Its ServerName is empty when it is the name that
	// is dialled.
	TLS *tls.Config
}

// Parse reads a URL; config is what TLS uses, nil for the system's roots.
func Parse(raw string, config *tls.Config) (*Target, error) {
	bad := func(what string) (*Target, error) { return nil, fmt.Errorf("%w %s: want %s", ErrURL, what, Form) }
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		return bad("has no scheme")
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	authority, path := rest[:end], rest[end:]
	user, hosts := "", authority
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		user, hosts = authority[:i+1], authority[i+1:]
	}
	// net/url takes one host; the list of them is read here.
	u, err := url.Parse("redis://" + user + "host" + path)
	if err != nil || u.Fragment != "" {
		return bad("can't be parsed, special characters of the password are written %XX")
	}
	t := &Target{Username: u.User.Username()}
	t.Password, _ = u.User.Password()
	base, kind, _ := strings.Cut(scheme, "+")
	port := "6379"
	switch kind {
	case "":
	case "sentinel":
		t.Kind, port = Sentinel, "26379"
	case "cluster":
		t.Kind = Cluster
	default:
		return bad("scheme is unknown")
	}
	switch base {
	case "redis", "valkey":
	case "rediss", "valkeys":
		t.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
		if config != nil {
			t.TLS = config.Clone()
		}
	default:
		return bad("scheme is unknown")
	}
	for _, h := range strings.Split(hosts, ",") {
		addr, ok := hostPort(h, port)
		if !ok {
			return bad("has no host, or a port that is not a number")
		}
		t.Addrs = append(t.Addrs, addr)
	}
	if t.Kind == Single && len(t.Addrs) > 1 {
		return bad("has several hosts, which are for redis+sentinel and redis+cluster")
	}
	return t, t.parsePath(u)
}

// parsePath reads what follows the hosts.
func (t *Target) parsePath(u *url.URL) error {
	bad := func(what string) error { return fmt.Errorf("%w %s: want %s", ErrURL, what, Form) }
	db := strings.Trim(u.Path, "/")
	if t.Kind == Sentinel {
		if t.Master, db, _ = strings.Cut(db, "/"); t.Master == "" {
			return bad("lacks the name of the master")
		}
	}
	if db != "" {
		var err error
		if t.DB, err = strconv.Atoi(db); err != nil || t.DB < 0 {
			return bad("path is not a database number")
		}
	}
	if t.Kind == Cluster && t.DB != 0 {
		return bad("has a database, a Cluster knows but 0")
	}
	for key, values := range u.Query() {
		switch {
		case key == "sentinel-user" && t.Kind == Sentinel:
			t.SentinelUsername = values[0]
		case key == "sentinel-password" && t.Kind == Sentinel:
			t.SentinelPassword = values[0]
		default:
			return bad("has an unknown parameter after the question mark")
		}
	}
	return nil
}

// hostPort reads host, host:port or [v6]:port.
func hostPort(s, port string) (string, bool) {
	host := s
	if h, p, err := net.SplitHostPort(s); err == nil {
		host, port = h, p
	} else {
		host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
		if strings.Contains(host, ":") && !strings.HasPrefix(s, "[") {
			return "", false
		}
	}
	n, err := strconv.Atoi(port)
	if host == "" || err != nil || n < 1 || n > 65535 || strings.ContainsAny(host, " \t[]%") {
		return "", false
	}
	return net.JoinHostPort(host, port), true
}

// AnyNode is what Option gives as the address: Dialer puts the server that is
// meant in its place.
const AnyNode = "redis:0"

// Option returns rueidis's options for one connected server: the one of the URL,
// the master that the Sentinels name, or any node of the Cluster. They dial
// through d. TLS and everything else that doesn't follow from the URL is left to
// the caller.
func (t *Target) Option(d *Dialer) rueidis.ClientOption {
	return rueidis.ClientOption{
		InitAddress:       []string{AnyNode},
		Username:          t.Username,
		Password:          t.Password,
		SelectDB:          t.DB,
		ForceSingleClient: true,
		DialCtxFn:         d.Dial,
	}
}

// RoutedOption is Option for a client that sends each command to the server of
// its key: it differs for a Cluster only.
func (t *Target) RoutedOption(d *Dialer) rueidis.ClientOption {
	o := t.Option(d)
	if t.Kind == Cluster {
		o.InitAddress = t.Addrs
		o.ForceSingleClient = false
	}
	return o
}

// tlsFor returns the configuration for a server, nil without TLS.
func (t *Target) tlsFor(addr string) *tls.Config {
	if t.TLS == nil {
		return nil
	}
	c := t.TLS.Clone()
	if c.ServerName == "" {
		c.ServerName, _, _ = net.SplitHostPort(addr)
	}
	return c
}
