package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// issuer is a certificate authority of a test.
type issuer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &issuer{cert, key}
}

// issue returns a certificate of that serial number and its key as PEM.
func (i *issuer) issue(t *testing.T, serial int64) (cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, i.cert, &k.PublicKey, i.key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
}

func (i *issuer) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.cert.Raw})
}

func (i *issuer) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(i.cert)
	return pool
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestServeClientCertificates(t *testing.T) {
	t.Parallel()
	ca, stranger := newIssuer(t), newIssuer(t)
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	cert, key := ca.issue(t, 7)
	write(t, at("cert"), cert)
	write(t, at("key"), key)
	write(t, at("ca"), ca.pem())
	good, goodKey := ca.issue(t, 8)
	bad, badKey := stranger.issue(t, 9)
	pair := func(cert, key []byte) []tls.Certificate {
		c, err := tls.X509KeyPair(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		return []tls.Certificate{c}
	}
	for _, tt := range []struct {
		mode, client string
		certs        []tls.Certificate
		want         bool
	}{
		{"require", "none", nil, false},
		{"require", "good", pair(good, goodKey), true},
		{"require", "of a stranger", pair(bad, badKey), false},
		{"request", "none", nil, true},
		{"request", "good", pair(good, goodKey), true},
		{"request", "of a stranger", pair(bad, badKey), false},
	} {
		t.Run(tt.mode+", "+tt.client, func(t *testing.T) {
			t.Parallel()
			s := startServeCmd(t, nil, "--tls-cert", at("cert"), "--tls-key", at("key"), "--tls-client-ca", at("ca"), "--tls-client-auth", tt.mode)
			// A client hides a certificate of an authority that the server does
			// not name, unless it is made to show it.
			config := &tls.Config{RootCAs: ca.pool(), GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				if len(tt.certs) == 0 {
					return &tls.Certificate{}, nil
				}
				return &tt.certs[0], nil
			}}
			tr := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
			defer tr.CloseIdleConnections()
			res, err := (&http.Client{Transport: tr, Timeout: 10 * time.Second}).Get(s.public + "/")
			if err == nil {
				res.Body.Close()
			}
			if got := err == nil; got != tt.want {
				t.Errorf("served %v (%v), want %v", got, err, tt.want)
			}
			if err == nil && res.ProtoMajor != 2 {
				t.Errorf("%s, want HTTP/2 by ALPN", res.Proto)
			}
		})
	}
}

func TestServeRefusesOldTLS(t *testing.T) {
	t.Parallel()
	cert, key := selfSigned(t)
	s := startServeCmd(t, nil, "--tls-cert", cert, "--tls-key", key)
	addr := strings.TrimPrefix(s.public, "https://")
	for version, want := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		c, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version})
		if (err == nil) != want {
			t.Errorf("%s: %v, want success %v", tls.VersionName(version), err, want)
		}
		if err == nil {
			c.Close()
		}
	}
}

// Changed files are used for new handshakes within one look; a broken or half
// written pair leaves the old one in force and is told once.
func TestCertificatesFollowTheirFiles(t *testing.T) {
	t.Parallel()
	ca := newIssuer(t)
	dir := t.TempDir()
	f := tlsFlags{cert: filepath.Join(dir, "cert"), key: filepath.Join(dir, "key")}
	put := func(serial int64) {
		cert, key := ca.issue(t, serial)
		write(t, f.cert, cert)
		write(t, f.key, key)
	}
	put(1)
	synctest.Test(t, func(t *testing.T) {
		log := &bytes.Buffer{}
		c, err := loadCertificates(f, slog.New(slog.NewTextHandler(log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel() // the bubble waits for the goroutine
		go c.watch(ctx, tlsWatch)
		serial := func() int64 {
			time.Sleep(tlsWatch + time.Second)
			synctest.Wait()
			config, err := c.server().GetConfigForClient(nil)
			if err != nil {
				t.Fatal(err)
			}
			return config.Certificates[0].Leaf.SerialNumber.Int64()
		}
		if got := serial(); got != 1 {
			t.Errorf("serial %d, want 1", got)
		}
		put(22)
		if got := serial(); got != 22 {
			t.Errorf("after a change: serial %d, want 22", got)
		}
		cert, key := ca.issue(t, 333)
		write(t, f.cert, append(cert, '\n')) // the key is to come
		if got := serial(); got != 22 {
			t.Errorf("half written: serial %d, want 22", got)
		}
		if got := serial(); got != 22 {
			t.Errorf("half written: serial %d, want 22", got)
		}
		if n := strings.Count(log.String(), "stays in force"); n != 1 {
			t.Errorf("told %d times of the broken pair, want once: %s", n, log)
		}
		write(t, f.key, key)
		if got := serial(); got != 333 {
			t.Errorf("whole again: serial %d, want 333", got)
		}
		if err := os.Remove(f.key); err != nil {
			t.Fatal(err)
		}
		if got := serial(); got != 333 {
			t.Errorf("key removed: serial %d, want 333", got)
		}
	})
}

// --tls dev makes what curl and Go's own client accept with the authority that
// it names, keeps the keys to the user, and makes nothing the second time.
func TestServeDevCertificate(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	environ := map[string]string{"HOME": home}
	s := startServeCmd(t, environ, "--tls", "dev")
	dir := filepath.Join(home, ".config", "rtk", "dev-tls")
	caFile := filepath.Join(dir, "ca.pem")
	if !strings.Contains(s.stderr.String(), "curl --cacert "+caFile) {
		t.Errorf("does not say how to trust it: %s", s.stderr)
	}
	ca, err := os.ReadFile(caFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	port := s.public[strings.LastIndex(s.public, ":"):]
	for _, url := range []string{s.public + "/", "https://localhost" + port + "/"} {
		tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
		res, err := (&http.Client{Transport: tr, Timeout: 10 * time.Second}).Get(url)
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		_, _ = io.Copy(io.Discard, res.Body)
		res.Body.Close()
		tr.CloseIdleConnections()
	}
	if curl, err := exec.LookPath("curl"); err == nil {
		if out, err := exec.Command(curl, "-sS", "--max-time", "10", "--cacert", caFile, "-o", os.DevNull, "-w", "%{http_version}", "https://localhost"+port+"/").CombinedOutput(); err != nil || string(out) != "2" {
			t.Errorf("curl: %v %s, want HTTP/2", err, out)
		}
	}
	files := map[string][]byte{}
	for _, name := range []string{"ca.pem", "ca-key.pem", "server.pem", "server-key.pem"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "-key.pem") && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, want 0600", name, info.Mode())
		}
		files[name], _ = os.ReadFile(filepath.Join(dir, name))
	}
	startServeCmd(t, environ, "--tls", "dev")
	for name, before := range files {
		if after, _ := os.ReadFile(filepath.Join(dir, name)); !bytes.Equal(before, after) {
			t.Errorf("%s was made anew", name)
		}
	}
}

func TestDevCertificateIsRenewed(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "tls")
	hosts := []string{"localhost", "127.0.0.1", "box.example", "8.8.8.8"}
	load := func(now time.Time) *x509.Certificate {
		cert, key, _, err := devCertificate(dir, hosts, now)
		if err != nil {
			t.Fatal(err)
		}
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		return pair.Leaf
	}
	now := time.Now()
	first := load(now)
	if len(first.IPAddresses) != 1 || len(first.DNSNames) != 2 {
		t.Errorf("for %v %v, want no address outside of private networks", first.DNSNames, first.IPAddresses)
	}
	if again := load(now.Add(time.Hour)); again.SerialNumber.Cmp(first.SerialNumber) != 0 {
		t.Error("made anew without need")
	}
	if later := load(now.Add(devLeafLife)); later.SerialNumber.Cmp(first.SerialNumber) == 0 {
		t.Error("not renewed at its end")
	}
	if err := os.Chmod(filepath.Join(dir, "ca-key.pem"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := devCertificate(dir, hosts, now); err == nil || !strings.Contains(err.Error(), "can be read by others") {
		t.Errorf("a key that all can read: %v", err)
	}
}

func TestServeBadTLSFlags(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"--tls", "on"}, "the only value is dev"},
		{[]string{"--tls", "dev", "--tls-cert", "x", "--tls-key", "y"}, "makes its own"},
		{[]string{"--tls-cert", "x"}, "needs --tls-key"},
		{[]string{"--tls-client-ca", "x"}, "needs a certificate"},
		{[]string{"--tls-client-auth", "maybe"}, "want require or request"},
		{[]string{"--tls", "dev"}, "neither HOME"},
	} {
		s := runServeCmd(t, nil, tt.args...)
		if code := s.wait(); code != exitUsage || !strings.Contains(s.stderr.String(), tt.want) {
			t.Errorf("%v: exit code %d, %q; want 2 with %q", tt.args, code, s.stderr, tt.want)
		}
	}
}
