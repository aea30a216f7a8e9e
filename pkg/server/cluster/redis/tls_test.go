package redis_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/internal/rttest"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster/redis"
)

// certificate writes a self-signed certificate for 127.0.0.1 and its key.
func certificate(t *testing.T) (certFile, keyFile string, roots *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: der},
		keyFile:  {Type: "EC PRIVATE KEY", Bytes: keyDER},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	roots = x509.NewCertPool()
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots.AddCert(cert)
	return certFile, keyFile, roots
}

func TestTLS(t *testing.T) {
	t.Parallel()
	certFile, keyFile, roots := certificate(t)
	// The plain port stays for the helper's PING; the TLS port is one of its own.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	rttest.NewRedisServer(
		t, "--tls-port", port, "--tls-cert-file", certFile, "--tls-key-file", keyFile,
		"--tls-ca-cert-file", certFile, "--tls-auth-clients", "no",
	)
	url := "rediss://127.0.0.1:" + port

	for _, adapter := range []redis.Adapter{redis.Classic, redis.Sharded} {
		o := redis.Options{URL: url, TLS: &tls.Config{RootCAs: roots}, Adapter: adapter, Prefix: string(adapter)}
		until(t, start(t, o, newSink(), "/"), "healthy", healthy)
	}

	b, err := redis.New(redis.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Start(t.Context(), newSink()); err == nil {
		t.Error("Start trusted a certificate of nobody")
	} else {
		t.Logf("Start: %v", err)
	}
}

// TestClusterTLS has the servers of a Cluster tell of ports that speak TLS.
func TestClusterTLS(t *testing.T) {
	t.Parallel()
	certFile, keyFile, roots := certificate(t)
	c := rttest.NewRedisCluster(t, 3, false, "--tls-port", "FREEPORT", "--tls-cluster", "yes", "--tls-cert-file", certFile, "--tls-key-file", keyFile,
		"--tls-ca-cert-file", certFile, "--tls-auth-clients", "no")
	_, port, _ := strings.Cut(c.Nodes[0].CLI("CONFIG", "GET", "tls-port"), "\n")
	url := "rediss+cluster://127.0.0.1:" + port
	for _, adapter := range []redis.Adapter{redis.Classic, redis.Sharded} {
		operations(t, redis.Options{URL: url, TLS: &tls.Config{RootCAs: roots}, Adapter: adapter, Prefix: string(adapter)}, adapter == redis.Classic)
	}
}
