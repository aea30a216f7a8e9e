package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// syncBuffer is a stream that a test reads while the command writes.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// served is `rtk serve` running in this process.
type served struct {
	t              *testing.T
	stdout, stderr *syncBuffer
	signals        chan os.Signal
	exited         chan int
	public, admin  string // URLs
}

var twoLines = regexp.MustCompile(`^rtk: listening on (https?://127\.0\.0\.1:\d+)  \(socket\.io, /ws, /events\)   stats on (http://127\.0\.0\.1:\d+)/stats\nrtk: try   (rtk watch \S+.*)      stop with ctrl\+c\n$`)

// runServeCmd starts the command on free ports and returns without waiting for
// it to listen.
func runServeCmd(t *testing.T, environ map[string]string, args ...string) *served {
	t.Helper()
	s := &served{t: t, stdout: &syncBuffer{}, stderr: &syncBuffer{}, signals: make(chan os.Signal, 2), exited: make(chan int, 1)}
	env := &Env{
		Stdin: strings.NewReader(""), Stdout: s.stdout, Stderr: s.stderr,
		LookupEnv: func(name string) (string, bool) { v, ok := environ[name]; return v, ok },
		Notify:    func() (<-chan os.Signal, func()) { return s.signals, func() {} },
	}
	ctx, cancel := context.WithCancel(context.Background())
	args = append([]string{"serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"}, args...)
	go func() {
		cmd := newServeCmd(env)
		cmd.SilenceErrors, cmd.SilenceUsage = true, true
		cmd.SetArgs(args[1:])
		err := cmd.ExecuteContext(ctx)
		if err != nil {
			printError(env.Stderr, err)
		}
		s.exited <- exitCode(err)
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case <-s.exited:
		case <-time.After(20 * time.Second):
			t.Error("rtk serve did not end")
		}
		if t.Failed() {
			t.Logf("stderr:\n%s", s.stderr)
		}
	})
	return s
}

// startServeCmd also waits until it listens.
func startServeCmd(t *testing.T, environ map[string]string, args ...string) *served {
	t.Helper()
	s := runServeCmd(t, environ, args...)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if m := twoLines.FindStringSubmatch(s.stdout.String()); m != nil {
			s.public, s.admin = m[1], m[2]
			return s
		}
		if time.Now().After(deadline) {
			t.Fatalf("no two lines on stdout: %q\nstderr: %s", s.stdout, s.stderr)
		}
	}
}

// wait returns the exit code and lets the cleanup find it again.
func (s *served) wait() int {
	s.t.Helper()
	select {
	case code := <-s.exited:
		s.exited <- code
		return code
	case <-time.After(20 * time.Second):
		s.t.Fatal("rtk serve did not end")
		return -1
	}
}

func (s *served) get(url string) (int, string) {
	s.t.Helper()
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get(url)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func TestServe(t *testing.T) {
	t.Parallel()
	s := startServeCmd(t, nil)
	for _, tt := range []struct {
		url, want string
		status    int
	}{
		{s.public + "/", "<title>rtk gateway</title>", 200},
		{s.public + "/nope", "", 404},
		{s.public + "/socket.io/?EIO=4&transport=polling", `0{"sid":"`, 200},
		{s.public + "/events", "missing_topic", 400},
		{s.public + "/stats", "", 404},
		{s.admin + "/healthz", `"ok":true`, 200},
		{s.admin + "/readyz", `"ready":true`, 200},
		{s.admin + "/stats", `"version":"` + version(), 200},
		{s.admin + "/metrics", "rtk_accept_errors_total 0", 200},
		{s.admin + "/events", "", 404},
	} {
		if status, body := s.get(tt.url); status != tt.status || !strings.Contains(body, tt.want) {
			t.Errorf("GET %s: %d %.200s, want %d with %s", tt.url, status, body, tt.status, tt.want)
		}
	}
	if !strings.Contains(s.stderr.String(), "rtk: WARNING: no key is configured: ANYBODY") {
		t.Errorf("no loud line about being open: %s", s.stderr)
	}
	s.signals <- syscall.SIGTERM
	if code := s.wait(); code != 0 {
		t.Errorf("exit code %d after SIGTERM, want 0", code)
	}
	if s.stdout.String() != twoLines.FindString(s.stdout.String()) {
		t.Errorf("stdout has more than the two lines: %q", s.stdout)
	}
}

func TestServeWithKeyIsQuietAndKeepsTheSecret(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(goodSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, run := range map[string]func() *served{
		"flag":        func() *served { return startServeCmd(t, nil, "--jwt-secret", goodSecret, "--log-level", "debug") },
		"file":        func() *served { return startServeCmd(t, nil, "--jwt-secret", "@"+file, "--log-level", "debug") },
		"environment": func() *served { return startServeCmd(t, map[string]string{"RTK_JWT_SECRET": goodSecret}) },
	} {
		s := run()
		if status, body := s.get(s.public + "/events?topic=a&token=abc"); status != 401 || !strings.Contains(body, "token_malformed") {
			t.Errorf("%s: a bad token: %d %s", name, status, body)
		}
		s.signals <- syscall.SIGINT
		if code := s.wait(); code != 0 {
			t.Errorf("%s: exit code %d", name, code)
		}
		out := s.stdout.String() + s.stderr.String()
		if strings.Contains(out, "WARNING") || strings.Contains(out, goodSecret) {
			t.Errorf("%s: output %s", name, out)
		}
	}
}

// The stream of a client ends, and readiness goes off, before the process ends.
func TestServeTellsItsClients(t *testing.T) {
	t.Parallel()
	s := startServeCmd(t, nil)
	res, err := http.Get(s.public + "/events?topic=ticker")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, res.Body)
		ended <- err
	}()
	s.signals <- syscall.SIGTERM
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("the stream broke off: %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the stream goes on")
	}
	if code := s.wait(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

// A client that does not read holds up the drain; a second signal does not wait
// for it.
func TestServeSecondSignal(t *testing.T) {
	t.Parallel()
	s := startServeCmd(t, nil, "--drain", "1h")
	nc, err := net.Dial("tcp", strings.TrimPrefix(s.public, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_ = nc.(*net.TCPConn).SetReadBuffer(4096)
	fmt.Fprint(nc, "GET /events?topic=t HTTP/1.1\r\nHost: x\r\n\r\n")
	body := `{"topic":"t","event":"e","data":"` + strings.Repeat("x", 500<<10) + `"}`
	for range 12 { // beyond what the kernel takes
		res, err := http.Post(s.admin+"/api/publish", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
	}
	s.signals <- syscall.SIGTERM
	s.signals <- syscall.SIGTERM
	if code := s.wait(); code != exitInterrupted {
		t.Errorf("exit code %d, want %d", code, exitInterrupted)
	}
}

func TestServeAddressInUse(t *testing.T) {
	t.Parallel()
	first := startServeCmd(t, nil)
	second := runServeCmd(t, nil, "--listen", strings.TrimPrefix(first.public, "http://"))
	if code := second.wait(); code != exitInternal {
		t.Errorf("exit code %d, want %d", code, exitInternal)
	}
	if out := second.stderr.String(); !strings.Contains(out, "the address is in use") || !strings.Contains(out, "rtk: hint: ") {
		t.Errorf("stderr %q", out)
	}
	if status, _ := first.get(first.public + "/"); status != 200 {
		t.Errorf("the first one: status %d", status)
	}
}

func TestServeNonsenseAddress(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{"nonsense", "127.0.0.1:99999", "127.0.0.1", "256.0.0.1:1"} {
		s := runServeCmd(t, nil, "--listen", addr)
		if code := s.wait(); code != exitUsage {
			t.Errorf("--listen %s: exit code %d, want %d; %s", addr, code, exitUsage, s.stderr)
		}
	}
}

func TestServeWarnsOfAnOpenAdminListener(t *testing.T) {
	t.Parallel()
	const warning = "ANYBODY who reaches the admin listener"
	for _, tt := range []struct {
		name string
		args []string
		want bool
	}{
		{"loopback", nil, false},
		{"all addresses", []string{"--admin-listen", "0.0.0.0:0"}, true},
		{"all addresses, key", []string{"--admin-listen", "0.0.0.0:0", "--admin-key", "k"}, false},
	} {
		s := runServeCmd(t, nil, tt.args...)
		for deadline := time.Now().Add(10 * time.Second); s.stdout.String() == "" && time.Now().Before(deadline); {
			time.Sleep(5 * time.Millisecond)
		}
		if got := strings.Contains(s.stderr.String(), warning); got != tt.want {
			t.Errorf("%s: warned %v, want %v; stderr %s", tt.name, got, tt.want, s.stderr)
		}
	}
}

func TestServeFaulty(t *testing.T) {
	t.Parallel()
	s := startServeCmd(t, nil, "--faulty", "dup=1%,crosspod=off", "--i-know-this-breaks-delivery")
	if !strings.Contains(s.stderr.String(), "rtk: WARNING: this gateway is broken on purpose: dup=0.01, crosspod=off") {
		t.Errorf("stderr %s", s.stderr)
	}
	if _, body := s.get(s.admin + "/stats"); !strings.Contains(body, `"faults":["dup=0.01","crosspod=off"]`) {
		t.Errorf("statistics don't say so: %s", body)
	}
}

func TestServeTLS(t *testing.T) {
	t.Parallel()
	cert, key := selfSigned(t)
	s := startServeCmd(t, nil, "--tls-cert", cert, "--tls-key", key)
	for proto, protocols := range map[string]func(*http.Protocols){
		"HTTP/1.1": func(p *http.Protocols) { p.SetHTTP1(true) },
		"HTTP/2.0": func(p *http.Protocols) { p.SetHTTP2(true) },
	} {
		var p http.Protocols
		protocols(&p)
		transport := &http.Transport{Protocols: &p, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
		res, err := (&http.Client{Transport: transport, Timeout: 5 * time.Second}).Get(s.public + "/")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		transport.CloseIdleConnections()
		if res.Proto != proto || res.StatusCode != http.StatusOK {
			t.Errorf("%s %d, want %s", res.Proto, res.StatusCode, proto)
		}
	}
	if !strings.HasPrefix(s.public, "https://") || !strings.Contains(s.stdout.String(), "rtk watch https://localhost:") {
		t.Errorf("stdout %q", s.stdout)
	}
}

func TestServeBadCertificate(t *testing.T) {
	t.Parallel()
	s := runServeCmd(t, nil, "--tls-cert", "/no/such/cert", "--tls-key", "/no/such/key")
	if code := s.wait(); code != exitUsage || !strings.Contains(s.stderr.String(), "no such file") {
		t.Errorf("exit code %d, stderr %q", code, s.stderr)
	}
}

// Random bytes to both ports disturb nobody else.
func TestServeRandomBytes(t *testing.T) {
	t.Parallel()
	s := startServeCmd(t, nil)
	res, err := http.Get(s.public + "/events?topic=ticker")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	for _, url := range []string{s.public, s.admin} {
		for range 50 {
			nc, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			junk := make([]byte, 512)
			_, _ = rand.Read(junk)
			_, _ = nc.Write(junk)
			nc.Close()
		}
	}
	line := make([]byte, 5)
	if _, err := io.ReadFull(res.Body, line); err != nil || string(line) != "retry" {
		t.Errorf("the stream: %q, %v", line, err)
	}
	if status, _ := s.get(s.admin + "/readyz"); status != 200 {
		t.Errorf("readyz: %d", status)
	}
	if strings.Contains(s.stderr.String(), "panic") {
		t.Errorf("stderr: %s", s.stderr)
	}
}

// selfSigned writes a certificate for 127.0.0.1 and its key.
func selfSigned(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", keyDER)
}
