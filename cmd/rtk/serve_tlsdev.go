package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Certificates for development, --tls dev: an authority that is made once for
// this user and signs a certificate for the names of this machine. Only loopback,
// private networks and the machine's own name are within what the authority may
// sign, so that a browser that trusts it trusts it with nothing else.

const (
	devCALife   = 5 * 365 * 24 * time.Hour
	devLeafLife = 90 * 24 * time.Hour
	devRenew    = 14 * 24 * time.Hour // before the end of the certificate
)

var devNetworks = []string{"127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fe80::/10"}

// devCertificate returns the files of a certificate for the hosts, made anew
// when the last one does not do, and the file of the authority.
func devCertificate(dir string, hosts []string, now time.Time) (cert, key, ca string, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", "", "", fmt.Errorf("make the folder of the development certificates: %w", err)
	}
	authority, err := devPair(dir, "ca", func(tls.Certificate) bool { return true }, now, func() ([]byte, *ecdsa.PrivateKey, error) {
		return devSign(devAuthority(hosts, now), nil)
	})
	if err != nil {
		return "", "", "", err
	}
	names, ips := devNames(hosts, authority.Leaf)
	leaf, err := devPair(dir, "server", func(c tls.Certificate) bool {
		return slices.Equal(c.Leaf.DNSNames, names) && slices.EqualFunc(c.Leaf.IPAddresses, ips, net.IP.Equal) &&
			c.Leaf.CheckSignatureFrom(authority.Leaf) == nil && now.Add(devRenew).Before(c.Leaf.NotAfter)
	}, now, func() ([]byte, *ecdsa.PrivateKey, error) {
		return devSign(&x509.Certificate{
			Subject:     pkix.Name{CommonName: "rtk serve --tls dev"},
			NotBefore:   now.Add(-time.Hour),
			NotAfter:    minTime(now.Add(devLeafLife), authority.Leaf.NotAfter),
			KeyUsage:    x509.KeyUsageDigitalSignature,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
			DNSNames:    names,
			IPAddresses: ips,
		}, &authority)
	})
	_ = leaf
	return filepath.Join(dir, "server.pem"), filepath.Join(dir, "server-key.pem"), filepath.Join(dir, "ca.pem"), err
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func devAuthority(hosts []string, now time.Time) *x509.Certificate {
	c := &x509.Certificate{
		Subject:                     pkix.Name{Organization: []string{"rtk development"}, CommonName: "rtk development CA " + now.UTC().Format("2006-01-02")},
		NotBefore:                   now.Add(-time.Hour),
		NotAfter:                    now.Add(devCALife),
		KeyUsage:                    x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid:       true,
		IsCA:                        true,
		MaxPathLenZero:              true,
		PermittedDNSDomainsCritical: true,
		PermittedDNSDomains:         []string{"localhost"},
	}
	for _, h := range hosts {
		if net.ParseIP(h) == nil && h != "localhost" {
			c.PermittedDNSDomains = append(c.PermittedDNSDomains, h)
		}
	}
	for _, n := range devNetworks {
		_, ipnet, err := net.ParseCIDR(n)
		if err != nil {
			panic(err) // a constant
		}
		c.PermittedIPRanges = append(c.PermittedIPRanges, ipnet)
	}
	return c
}

// devNames are the hosts that the authority may sign.
func devNames(hosts []string, ca *x509.Certificate) (names []string, ips []net.IP) {
	for _, h := range hosts {
		ip := net.ParseIP(h)
		switch {
		case ip == nil:
			if slices.ContainsFunc(ca.PermittedDNSDomains, func(d string) bool { return h == d || strings.HasSuffix(h, "."+d) }) {
				names = append(names, h)
			}
		case slices.ContainsFunc(ca.PermittedIPRanges, func(n *net.IPNet) bool { return n.Contains(ip) }):
			ips = append(ips, ip)
		}
	}
	return names, ips
}

// devPair reads NAME.pem and NAME-key.pem, or makes them when there are none or
// they have expired or do not do.
func devPair(dir, name string, does func(tls.Certificate) bool, now time.Time, mint func() ([]byte, *ecdsa.PrivateKey, error)) (tls.Certificate, error) {
	certFile, keyFile := filepath.Join(dir, name+".pem"), filepath.Join(dir, name+"-key.pem")
	if info, err := os.Stat(keyFile); err == nil && info.Mode().Perm()&0o077 != 0 {
		return tls.Certificate{}, hint(usagef("--tls dev: %s can be read by others (mode %04o)", keyFile, info.Mode().Perm()),
			"somebody may have the key: remove the folder "+dir+" and trust the new authority")
	}
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	switch {
	case err == nil && now.Before(pair.Leaf.NotAfter) && does(pair):
		return pair, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return pair, hint(usagef("--tls dev: %s: %w", certFile, err), "remove the folder "+dir+" to begin anew")
	}
	der, key, err := mint()
	if err != nil {
		return pair, fmt.Errorf("make a development certificate: %w", err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return pair, fmt.Errorf("make a development certificate: %w", err)
	}
	for _, f := range []struct {
		path, kind string
		der        []byte
		mode       fs.FileMode
	}{{keyFile, "PRIVATE KEY", keyDER, 0o600}, {certFile, "CERTIFICATE", der, 0o644}} {
		if err := writeWhole(f.path, pem.EncodeToMemory(&pem.Block{Type: f.kind, Bytes: f.der}), f.mode); err != nil {
			return pair, fmt.Errorf("write a development certificate: %w", err)
		}
	}
	return tls.LoadX509KeyPair(certFile, keyFile)
}

// writeWhole writes a file that is never seen half written or with other
// permissions.
func writeWhole(path string, b []byte, mode fs.FileMode) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = tmp.Write(b)
	err = errors.Join(err, tmp.Chmod(mode), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(tmp.Name())
	}
	return err
}

// devSign makes a key and a certificate for it, signed by ca, or by itself.
func devSign(template *x509.Certificate, ca *tls.Certificate) (der []byte, key *ecdsa.PrivateKey, err error) {
	if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, nil, err
	}
	parent, signer := template, any(key)
	if ca != nil {
		parent, signer = ca.Leaf, ca.PrivateKey
	}
	der, err = x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer) // makes the serial number
	return der, key, err
}

// devDir is where the development certificates of a user are.
func devDir(env *Env) (string, error) {
	if dir := env.Getenv("XDG_CONFIG_HOME"); dir != "" {
		return filepath.Join(dir, "rtk", "dev-tls"), nil
	}
	if home := env.Getenv("HOME"); home != "" {
		return filepath.Join(home, ".config", "rtk", "dev-tls"), nil
	}
	return "", usagef("--tls dev: neither HOME nor XDG_CONFIG_HOME is set, so there is no place for the certificates")
}

// devHosts are the names that a development certificate is for.
func devHosts(listen []string) []string {
	hosts := []string{"localhost", "127.0.0.1", "::1"}
	if name, err := os.Hostname(); err == nil && name != "" {
		hosts = append(hosts, strings.ToLower(name))
	}
	for _, addr := range listen {
		host, _, err := net.SplitHostPort(addr)
		if ip := net.ParseIP(host); err != nil || host == "" || ip != nil && ip.IsUnspecified() || slices.Contains(hosts, host) {
			continue
		}
		hosts = append(hosts, strings.ToLower(host))
	}
	return hosts
}

// prepareDev turns --tls dev into files.
func (f *serveFlags) prepareDev(env *Env) error {
	if f.tls.mode != "dev" {
		return nil
	}
	dir, err := devDir(env)
	if err != nil {
		return err
	}
	hosts := devHosts(f.listen)
	cert, key, ca, err := devCertificate(dir, hosts, time.Now())
	if err != nil {
		return err
	}
	f.tls.cert, f.tls.key = cert, key
	fmt.Fprintf(env.Stderr, `rtk: development certificate for %s, signed by your own authority %s
rtk: trust it in   curl --cacert %[2]s …   NODE_EXTRA_CA_CERTS=%[2]s node …
rtk: in browsers: import the file under "authorities"; on Debian: sudo cp %[2]s /usr/local/share/ca-certificates/rtk-dev.crt && sudo update-ca-certificates
`, strings.Join(hosts, ", "), ca)
	return nil
}
