package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// tlsWatch is the time between two looks at the certificate files.
	tlsWatch = 10 * time.Second
	// maxPEM bounds a file with certificates.
	maxPEM = 4 << 20
)

// tlsFlags are the flags of TLS.
type tlsFlags struct {
	mode       string // "" or "dev"
	cert, key  string
	clientCA   string
	clientAuth string
}

func (f *tlsFlags) check() error {
	switch {
	case f.mode != "" && f.mode != "dev":
		return usagef("--tls %q: the only value is dev, for certificates of rtk's own; give others with --tls-cert and --tls-key", f.mode)
	case f.mode == "dev" && (f.cert != "" || f.key != ""):
		return usagef("--tls dev makes its own certificate: leave --tls-cert and --tls-key out")
	case f.cert != "" && f.key == "":
		return usagef("--tls-cert needs --tls-key")
	case f.key != "" && f.cert == "":
		return usagef("--tls-key needs --tls-cert")
	case f.clientCA != "" && f.mode == "" && f.cert == "":
		return usagef("--tls-client-ca needs a certificate of the server: --tls-cert and --tls-key, or --tls dev")
	}
	if f.clientAuth != "require" && f.clientAuth != "request" {
		return usagef("--tls-client-auth %q: want require or request", f.clientAuth)
	}
	return nil
}

// certificates are the files of a TLS listener. They are read again when they
// change: a new handshake uses what is there, connections go on.
type certificates struct {
	flags tlsFlags
	log   *slog.Logger

	mu     sync.Mutex // one reload at a time
	stamps string     // what the files looked like at the last look
	config atomic.Pointer[tls.Config]
}

// loadCertificates reads the files that the flags name.
func loadCertificates(f tlsFlags, log *slog.Logger) (*certificates, error) {
	c := &certificates{flags: f, log: log}
	c.stamps = c.look()
	config, err := c.read()
	if err != nil {
		return nil, err
	}
	c.config.Store(config)
	return c, nil
}

// server is the configuration of the listener.
func (c *certificates) server() *tls.Config {
	config := c.config.Load().Clone()
	config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.config.Load(), nil }
	return config
}

// read makes a configuration of what the files hold now.
func (c *certificates) read() (*tls.Config, error) {
	cert, err := tls.LoadX509KeyPair(c.flags.cert, c.flags.key)
	if err != nil {
		return nil, usagef("--tls-cert and --tls-key: %w", err)
	}
	config := &tls.Config{
		Certificates: []tls.Certificate{cert},
		MinVersion:   tls.VersionTLS12,
		NextProtos:   []string{"h2", "http/1.1"}, // net/http adds them to the listener's only
	}
	if c.flags.clientCA == "" {
		return config, nil
	}
	pem, err := readFileUpTo(c.flags.clientCA, maxPEM)
	if err != nil {
		return nil, usagef("--tls-client-ca: %w", err)
	}
	config.ClientCAs = x509.NewCertPool()
	if !config.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, usagef("--tls-client-ca: %s holds no PEM certificate", c.flags.clientCA)
	}
	config.ClientAuth = tls.RequireAndVerifyClientCert
	if c.flags.clientAuth == "request" {
		config.ClientAuth = tls.VerifyClientCertIfGiven
	}
	return config, nil
}

// reload reads the files again. On an error those in force stay.
func (c *certificates) reload() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reloadLocked(c.look())
}

func (c *certificates) reloadLocked(stamps string) error {
	config, err := c.read()
	c.stamps = stamps // one line a change, not one a look
	if err != nil {
		return err
	}
	c.config.Store(config)
	leaf := config.Certificates[0].Leaf
	c.log.Info("certificate loaded", "names", strings.Join(leaf.DNSNames, ","), "until", leaf.NotAfter.Format(time.RFC3339), "serial", leaf.SerialNumber.Text(16))
	return nil
}

// look tells whether the files have changed since another look: by name, size,
// time and identity, through symbolic links, which is how Kubernetes swaps them.
func (c *certificates) look() string {
	var b strings.Builder
	for _, name := range []string{c.flags.cert, c.flags.key, c.flags.clientCA} {
		if info, err := os.Stat(name); err == nil {
			fmt.Fprintf(&b, "%s %d %d\n", name, info.Size(), info.ModTime().UnixNano())
		}
	}
	return b.String()
}

// watch reloads the files when they have changed, until ctx ends. A pair that
// does not fit yet, half written, is read again at the next look.
func (c *certificates) watch(ctx context.Context, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	failed := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		c.mu.Lock()
		if stamps := c.look(); failed || stamps != c.stamps {
			changed := stamps != c.stamps
			err := c.reloadLocked(stamps)
			if failed = err != nil; failed && changed {
				c.log.Error("the changed certificate can't be used, the old one stays in force", "error", err)
			}
		}
		c.mu.Unlock()
	}
}

// readFileUpTo reads a file of at most limit bytes.
func readFileUpTo(path string, limit int) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	buf := make([]byte, limit+1)
	n, err := readFull(file, buf)
	switch {
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", path, err)
	case n > limit:
		return nil, fmt.Errorf("%s is larger than %d bytes", path, limit)
	}
	return buf[:n], nil
}
