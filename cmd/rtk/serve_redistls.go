package main

import (
	"crypto/tls"
	"crypto/x509"
	"strings"

	"github.com/spf13/pflag"
)

// redisTLSFlags are for a Redis behind TLS whose certificate no public authority
// has signed, or that asks for one of ours.
type redisTLSFlags struct{ ca, cert, key, serverName string }

var redisTLSNames = []string{"redis-tls-ca", "redis-tls-cert", "redis-tls-key", "redis-tls-server-name"}

func (r *redisTLSFlags) register(fl *pflag.FlagSet) {
	fl.StringVar(&r.ca, "redis-tls-ca", "", "`FILE` with PEM certificates of the authorities that Redis is trusted by (default the system's)")
	fl.StringVar(&r.cert, "redis-tls-cert", "", "`FILE` with the PEM certificate that the pod shows to Redis; read again for each connection")
	fl.StringVar(&r.key, "redis-tls-key", "", "`FILE` with its PEM private key")
	fl.StringVar(&r.serverName, "redis-tls-server-name", "", "name in the certificate of Redis (default the host of the URL)")
}

// config checks the flags; nil when none is given.
func (r *redisTLSFlags) config(url string) (*tls.Config, error) {
	switch {
	case *r == redisTLSFlags{}:
		return nil, nil
	case !strings.HasPrefix(url, "rediss") && !strings.HasPrefix(url, "valkeys"):
		return nil, hint(usagef("--redis-tls-… does nothing: the scheme of --redis is not one with TLS"), "write rediss:// for redis:// in --redis")
	case r.cert == "" && r.key != "":
		return nil, usagef("--redis-tls-key needs --redis-tls-cert")
	case r.cert != "" && r.key == "":
		return nil, usagef("--redis-tls-cert needs --redis-tls-key")
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: r.serverName}
	if r.ca != "" {
		pem, err := readFileUpTo(r.ca, maxPEM)
		if err != nil {
			return nil, usagef("--redis-tls-ca: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, usagef("--redis-tls-ca: %s holds no PEM certificate", r.ca)
		}
	}
	if r.cert != "" {
		if _, err := tls.LoadX509KeyPair(r.cert, r.key); err != nil {
			return nil, usagef("--redis-tls-cert and --redis-tls-key: %w", err)
		}
		// For each connection anew: short-lived certificates are renewed in place.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			cert, err := tls.LoadX509KeyPair(r.cert, r.key)
			return &cert, err
		}
	}
	return config, nil
}
