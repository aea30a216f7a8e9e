package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/internal/rttest"
)

// publish posts one event to a topic through the admin listener.
func publish(t *testing.T, admin, topic, event, data string) {
	t.Helper()
	body := fmt.Sprintf(`{"topic":%q,"event":%q,"data":%s}`, topic, event, data)
	res, err := http.Post(admin+"/api/publish", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if out, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusAccepted {
		t.Fatalf("publish: %s: %s", res.Status, out)
	}
}

func TestCurl(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Fatal("curl is missing: apt-get install curl")
	}
	g, token := secureGateway(t)
	for _, tc := range []struct{ name, flag string }{
		{"HTTP/1.1", "--http1.1"},
		{"HTTP/2 cleartext", "--http2-prior-knowledge"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			topic := "news" + strings.ToLower(tc.flag[2:7])
			p := rttest.Start(t, nil, curl, "-sN", tc.flag, "-H", "Authorization: Bearer "+token, "--max-time", "30", g.URL+"/events?topic="+topic)
			time.Sleep(300 * time.Millisecond) // curl tells nothing when the headers are here; the retry below covers slower starts
			deadline := time.Now().Add(20 * time.Second)
			for seen := ""; ; {
				publish(t, g.Admin, topic, "hello", `{"n":1,"text":"line"}`)
				line := p.Line(t, 20*time.Second)
				seen += line + "\n"
				if strings.Contains(seen, "event: hello\n") && strings.Contains(seen, `data: {"n":1,"text":"line"}`) {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("curl saw\n%s", seen)
				}
			}
		})
	}
	t.Run("no token", func(t *testing.T) {
		t.Parallel()
		p := rttest.Start(t, nil, curl, "-s", "-o", os.DevNull, "-w", "%{http_code}\n", g.URL+"/events?topic=news")
		if got := p.Line(t, 10*time.Second); got != "401" {
			t.Errorf("status %s, want 401", got)
		}
	})
}

// page opens EventSources and posts what they got to the test's own server.
const page = `<!doctype html><script>
const n = %d, got = new Set();
for (let i = 0; i < n; i++) {
  const es = new EventSource("%s/events?topic=browser&token=%s");
  es.addEventListener("tick", (e) => {
    got.add(i);
    if (got.size === n) fetch("/result", { method: "POST", body: JSON.stringify({ streams: n, data: JSON.parse(e.data) }) });
  });
  es.onerror = () => fetch("/error", { method: "POST", body: "readyState " + es.readyState });
}
</script>`

// TestChromiumEventSource opens one stream over HTTP/1.1, and more streams
// than HTTP/1.1 allows a domain over HTTP/2.
func TestChromiumEventSource(t *testing.T) {
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is missing: apt-get install chromium")
	}
	cert, key := selfSigned(t)
	for _, tc := range []struct {
		name    string
		streams int
		args    []string
	}{
		{"HTTP/1.1", 1, nil},
		{"HTTP/2, 20 streams", 20, []string{"--tls-cert", cert, "--tls-key", key}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			results, failures := make(chan string, 16), make(chan string, 64)
			mux := http.NewServeMux()
			post := func(c chan string) http.HandlerFunc {
				return func(_ http.ResponseWriter, r *http.Request) {
					b, _ := io.ReadAll(io.LimitReader(r.Body, 4096))
					select {
					case c <- string(b):
					default:
					}
				}
			}
			mux.HandleFunc("/result", post(results))
			mux.HandleFunc("/error", post(failures))
			site := httptest.NewServer(mux)
			defer site.Close()

			g, token := secureGateway(t, append([]string{"--origins", site.URL}, tc.args...)...)
			mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/html")
				fmt.Fprintf(w, page, tc.streams, g.URL, token)
			})
			rttest.Start(t, nil, chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
				"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
				"--ignore-certificate-errors", "--remote-debugging-port=0", "--user-data-dir="+t.TempDir(), site.URL)
			deadline := time.After(60 * time.Second)
			tick := time.NewTicker(500 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case got := <-results:
					if want := fmt.Sprintf(`{"streams":%d,"data":{"n":7}}`, tc.streams); got != want {
						t.Errorf("the page got %s, want %s", got, want)
					}
					return
				case <-tick.C:
					publish(t, g.Admin, "browser", "tick", `{"n":7}`)
				case <-deadline:
					t.Fatalf("no result from the page; errors: %d", len(failures))
				}
			}
		})
	}
}

// selfSigned writes a certificate for loopback and its key.
func selfSigned(t *testing.T) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	pk, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pk}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}
