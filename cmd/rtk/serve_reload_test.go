package main

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/realtime-toolkit/rtk/internal/rttest"
)

// hup is a running program with a configuration file that a test rewrites.
type hup struct {
	*rttest.Gateway
	t       *testing.T
	file    string
	secret  string // file
	minting string // the secret itself
}

func (h *hup) write(yaml string) { write(h.t, h.file, []byte(yaml)) }

func (h *hup) rotate(secret string) {
	h.minting = secret
	write(h.t, h.secret, []byte(secret))
}

func (h *hup) token() string {
	h.t.Helper()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"sub": "ana", "exp": time.Now().Add(time.Hour).Unix()}).SignedString([]byte(h.minting))
	if err != nil {
		h.t.Fatal(err)
	}
	return token
}

// reload sends SIGHUP and waits for a log line that says want; it returns what
// was logged.
func (h *hup) reload(want string) string {
	h.t.Helper()
	before := len(h.Stderr())
	if err := h.Signal(syscall.SIGHUP); err != nil {
		h.t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if log := h.Stderr()[before:]; strings.Contains(log, want) && strings.HasSuffix(log, "\n") {
			return log
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("no %q after SIGHUP: %s", want, h.Stderr()[before:])
		}
	}
}

// stream asks for an event stream; the caller closes the body of a 200.
func (h *hup) stream(token, origin string) *http.Response {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), http.MethodGet, h.URL+"/events?topic=t", nil)
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if origin != "" {
		r.Header.Set("Origin", origin)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	return res
}

func (h *hup) status(token, origin string) int {
	h.t.Helper()
	res := h.stream(token, origin)
	res.Body.Close()
	return res.StatusCode
}

const reloadYAML = `serve:
  jwt-secret: "@%s"
  throttle: %s
  origins: [%s]
  max-rooms: %d
`

func startHup(t *testing.T) *hup {
	t.Helper()
	dir := t.TempDir()
	h := &hup{t: t, file: filepath.Join(dir, "rtk.yaml"), secret: filepath.Join(dir, "secret")}
	h.rotate("1" + goodSecret)
	h.write(fmt.Sprintf(reloadYAML, h.secret, "100/s", "https://a.example", 10))
	h.Gateway = rttest.Serve(t, rttest.Binary(t, true), nil, "--config", h.file)
	return h
}

func TestReload(t *testing.T) {
	t.Parallel()
	h := startHup(t)
	old := h.token()
	stream := h.stream(old, "https://a.example")
	defer stream.Body.Close()
	if stream.StatusCode != http.StatusOK || h.status(old, "https://b.example") != 403 {
		t.Fatalf("before: %d", stream.StatusCode)
	}

	h.rotate("2" + goodSecret)
	h.write(fmt.Sprintf(reloadYAML, h.secret, "200/s", "https://b.example", 20))
	log := h.reload("needs a restart")
	if !strings.Contains(log, `"changed":"origins, throttle, keys"`) || !strings.Contains(log, `"settings":"max-rooms"`) {
		t.Errorf("logged %s", log)
	}
	if strings.Contains(log, goodSecret) {
		t.Errorf("a secret is in the log: %s", log)
	}
	for _, tt := range []struct {
		name, token, origin string
		want                int
	}{
		{"the old key", old, "", 401},
		{"the new key", h.token(), "", 200},
		{"the old origin", h.token(), "https://a.example", 403},
		{"the new origin", h.token(), "https://b.example", 200},
	} {
		if got := h.status(tt.token, tt.origin); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}

	// What is wrong is refused whole, with its position.
	for _, tt := range []struct{ name, yaml, want string }{
		{"unknown key", "serve:\n  throttel: 1/s\n  jwt-secret: \"@" + h.secret + "\"\n", h.file + ":2:3: unknown key"},
		{"bad value", "serve:\n  throttle: fast\n  jwt-secret: \"@" + h.secret + "\"\n", "--throttle"},
		{"no YAML", "serve: [\n", h.file},
		{"no key left", "serve:\n  throttle: 1/s\n", "no key is left"},
		{"no secret file", "serve:\n  jwt-secret: \"@/no/such/file\"\n", "jwt-secret"},
	} {
		h.write(tt.yaml)
		if log := h.reload("reload refused"); !strings.Contains(log, tt.want) {
			t.Errorf("%s: logged %s, want %q", tt.name, log, tt.want)
		}
		if got := h.status(h.token(), "https://b.example"); got != 200 {
			t.Errorf("%s: then %d, want 200", tt.name, got)
		}
	}

	// The stream of the beginning is still there.
	res, err := http.Post(h.Admin+"/api/publish", "application/json", strings.NewReader(`{"topic":"t","event":"e","data":"still here"}`))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	for lines := bufio.NewScanner(stream.Body); ; {
		if !lines.Scan() {
			t.Fatalf("the stream has ended: %v", lines.Err())
		}
		if strings.Contains(lines.Text(), "still here") {
			break
		}
	}
}

// Reloads beside connecting clients, under the race detector. The verifier is
// replaced each time, and every client is let in all the same.
func TestReloadRaces(t *testing.T) {
	t.Parallel()
	h := startHup(t)
	token := h.token()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				r, err := http.NewRequest(http.MethodGet, h.URL+"/socket.io/?EIO=4&transport=polling&token="+token, nil)
				if err != nil {
					t.Error(err)
					return
				}
				r.Header.Set("Origin", "https://a.example")
				res, err := http.DefaultClient.Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				res.Body.Close()
				if res.StatusCode != http.StatusOK {
					t.Errorf("a client got %d", res.StatusCode)
					return
				}
			}
		})
	}
	for i := range 20 {
		h.write(fmt.Sprintf(reloadYAML, h.secret, fmt.Sprintf("%d/s", 100+i), "https://a.example,https://b.example", 10) + fmt.Sprintf("  jwt-leeway: %ds\n", 1+i))
		h.reload("configuration reloaded")
	}
	close(stop)
	wg.Wait()
	http.DefaultClient.CloseIdleConnections()
	if err := h.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := h.Wait(t, 40*time.Second); code != 0 || strings.Contains(h.Stderr(), "DATA RACE") {
		t.Errorf("exit code %d\n%s", code, h.Stderr())
	}
}

// A program whose terminal is gone ends instead of staying behind unseen.
func TestHangUpEndsWithTheTerminal(t *testing.T) {
	t.Parallel()
	script, err := exec.LookPath("script")
	if err != nil {
		rttest.Missing(t, "script is not installed: apt-get install util-linux")
	}
	out := filepath.Join(t.TempDir(), "out")
	pidFile := filepath.Join(t.TempDir(), "pid")
	cmd := exec.Command(script, "-qfc", fmt.Sprintf("echo $$ >%s; exec %s serve --listen 127.0.0.1:0 --admin-listen off --drain 1s", pidFile, rttest.Binary(t, true)), out)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	var pid int
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		b, _ := os.ReadFile(out)
		p, _ := os.ReadFile(pidFile)
		if _, err := fmt.Sscan(string(p), &pid); err == nil && strings.Contains(string(b), "listening on") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("does not start: %s", b)
		}
	}
	defer func() { _ = syscall.Kill(pid, syscall.SIGKILL) }()
	_ = cmd.Process.Kill() // closes the terminal
	for deadline := time.Now().Add(20 * time.Second); syscall.Kill(pid, 0) == nil; time.Sleep(20 * time.Millisecond) {
		if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil && strings.Contains(string(b), ") Z ") {
			break // ended; nobody reaps it here
		}
		if time.Now().After(deadline) {
			t.Fatal("still runs without its terminal")
		}
	}
}
