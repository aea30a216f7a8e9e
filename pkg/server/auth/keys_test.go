package auth

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"math/big"
	"strings"
	"testing"
	"time"
)

func certificate(t *testing.T, name string) []byte {
	t.Helper()
	key := testKeys()[name]
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(-time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return pemOf(t, "CERTIFICATE", der, err)
}

func TestPublicKeyFiles(t *testing.T) {
	t.Parallel()
	rsaKey := testKeys()["rsa"].(*rsa.PrivateKey)
	exp := time.Now().Add(time.Minute)
	tests := []struct {
		name string
		keys []byte
	}{
		{"PKIX", publicPEM(t, "rsa")},
		{"PKCS #1", pemOf(t, "RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&rsaKey.PublicKey), nil)},
		{"certificate, though expired", certificate(t, "rsa")},
		{"text around it", append([]byte("Subject: issuer\n"), append(publicPEM(t, "rsa"), "\n# end\n"...)...)},
		{"second in the file", append(publicPEM(t, "p256"), publicPEM(t, "rsa")...)},
		{"Windows line ends", []byte(strings.ReplaceAll(string(publicPEM(t, "rsa")), "\n", "\r\n"))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := mustNew(t, Options{Keys: tt.keys})
			if got := verdict(t, v, signed(t, "PS256", rsaKey, exp)); got != "" {
				t.Errorf("Verify refused with %q", got)
			}
		})
	}
}

func TestBadKeyFiles(t *testing.T) {
	t.Parallel()
	rsaKey := testKeys()["rsa"].(*rsa.PrivateKey)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(rsaKey)
	if err != nil {
		t.Fatal(err)
	}
	ec, err := x509.MarshalECPrivateKey(testKeys()["p256"].(*ecdsa.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	x25519, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	x25519DER, err := x509.MarshalPKIXPublicKey(x25519.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	const private = "it is a private key"
	tests := []struct {
		name string
		keys []byte
		want string
	}{
		{"empty", []byte{}, "the file is empty"},
		{"private PKCS #8", pemOf(t, "PRIVATE KEY", pkcs8, nil), private},
		{"private PKCS #1", pemOf(t, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey), nil), private},
		{"private EC", pemOf(t, "EC PRIVATE KEY", ec, nil), private},
		{"private, encrypted", pemOf(t, "ENCRYPTED PRIVATE KEY", []byte("x"), nil), private},
		{"private, OpenSSH", pemOf(t, "OPENSSH PRIVATE KEY", []byte("x"), nil), private},
		{"private behind a public one", append(publicPEM(t, "rsa"), pemOf(t, "PRIVATE KEY", pkcs8, nil)...), "PEM block 2: it is a private key"},
		{"weak RSA", publicPEM(t, "rsa1024"), "the RSA key has 1024 bits, need 2048"},
		{"weak certificate", certificate(t, "rsa1024"), "the RSA key has 1024 bits"},
		{"P-224", publicPEM(t, "p224"), "curve P-224, need P-256, P-384 or P-521"},
		{"key for agreement, not for signatures", pemOf(t, "PUBLIC KEY", x25519DER, nil), "can't verify tokens"},
		{"broken", pemOf(t, "PUBLIC KEY", []byte("nonsense"), nil), "unreadable public key"},
		{"broken certificate", pemOf(t, "CERTIFICATE", []byte("nonsense"), nil), "unreadable certificate"},
		{"request", pemOf(t, "CERTIFICATE REQUEST", []byte("x"), nil), `"CERTIFICATE REQUEST" is not a public key`},
		{"JSON", []byte(`{"keys":[]}`), "this is JSON; give a key set by its URL"},
		{"SSH", []byte("ssh-rsa AAAA me@host"), "this is an SSH key"},
		{"DER", x25519DER, "this looks like DER"},
		{"a secret", testSecret, "must begin with"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v, err := New(Options{Keys: tt.keys})
			if err == nil {
				v.Close()
				t.Fatal("New succeeded")
			}
			if !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), string(testSecret)) {
				t.Errorf("New error = %q, want it with %q", err, tt.want)
			}
		})
	}
}
