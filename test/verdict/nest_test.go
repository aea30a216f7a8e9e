package verdict

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/internal/rttest"
)

const (
	secret   = "0123456789abcdef0123456789abcdef"
	audience = "chat"
	issuer   = "team"
	origin   = "https://app.example.com"
)

// nest is one Node process that runs the application, as often as it is asked
// to and with other rules broken each time.
type nest struct{ control string }

// pods are two pods of the application that share a cluster.
type pods struct {
	ID    string
	Pods  []string // http URLs
	Edges []string // https URLs of what stands before them
	Error string
}

func startNest(t *testing.T) *nest {
	t.Helper()
	cert, key := certificate(t)
	p := rttest.NodeEnv(t, []string{
		"REDIS=" + rttest.Redis(t), "JWT_SECRET=" + secret, "JWT_AUD=" + audience, "JWT_ISS=" + issuer,
		"LIMIT=20", "BURST=10", "ORIGINS=" + origin, "CERT=" + cert, "KEY=" + key, "PODS=0",
	}, "nest/main.js")
	var said struct{ Control string }
	if line := p.Line(t, time.Minute); json.Unmarshal([]byte(line), &said) != nil || said.Control == "" {
		t.Fatalf("main.js said %q", line)
	}
	return &nest{control: said.Control}
}

// start starts pods with a rule broken, "" for none, and ends them with the
// test.
func (n *nest) start(t *testing.T, broken, authStyle string) *pods {
	t.Helper()
	order, err := json.Marshal(map[string]any{"break": broken, "authStyle": authStyle, "pods": 2})
	if err != nil {
		t.Fatal(err)
	}
	p := &pods{}
	if err := json.Unmarshal(n.ask(t, http.MethodPost, "/", order), p); err != nil {
		t.Fatal(err)
	}
	if p.Error != "" || len(p.Pods) != 2 || len(p.Edges) != 2 {
		t.Fatalf("start: %+v", p)
	}
	t.Cleanup(func() { n.ask(t, http.MethodDelete, "/"+p.ID, nil) })
	return p
}

func (n *nest) ask(t *testing.T, method, path string, body []byte) []byte {
	t.Helper()
	req, err := http.NewRequest(method, n.control+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Timeout: time.Minute}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// certificate writes a certificate for 127.0.0.1 and its key into files.
func certificate(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, der []byte) string {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	return write("cert.pem", "CERTIFICATE", cert), write("key.pem", "PRIVATE KEY", private)
}
