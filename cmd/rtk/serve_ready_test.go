package main

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/internal/rttest"
)

// readiness is what /readyz says.
func (s *served) readiness() (ready bool, reason string) {
	s.t.Helper()
	status, body := s.get(s.admin + "/readyz")
	var a struct {
		Ready  bool
		Reason string
	}
	if err := json.Unmarshal([]byte(body), &a); err != nil {
		s.t.Fatalf("readyz: %d %s", status, body)
	}
	if a.Ready != (status == 200) || a.Ready != (a.Reason == "") {
		s.t.Errorf("readyz: %d %s", status, body)
	}
	return a.Ready, a.Reason
}

func (s *served) untilReady(want bool) (reason string) {
	s.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		ready, reason := s.readiness()
		if ready == want {
			return reason
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("ready %v (%s), want %v", ready, reason, want)
		}
	}
}

// Without Redis the pod says why it is not ready, and is ready again with it.
func TestReadyFollowsTheBackplane(t *testing.T) {
	t.Parallel()
	redis := rttest.NewRedisServer(t)
	s := startServeCmd(t, nil, "--redis", redis.URL())
	s.untilReady(true)
	redis.Stop()
	if reason := s.untilReady(false); !strings.HasPrefix(reason, "backplane: ") || strings.TrimPrefix(reason, "backplane: ") == "" {
		t.Errorf("reason %q, want what is wrong with the backplane", reason)
	}
	if status, _ := s.get(s.admin + "/healthz"); status != 200 {
		t.Errorf("healthz: %d, want 200: a restart would not mend it", status)
	}
	if _, body := s.get(s.admin + "/metrics"); !strings.Contains(body, "\nrtk_ready 0\n") || !strings.Contains(body, "\nrtk_cluster_degraded 1\n") {
		t.Error("the metrics don't say so")
	}
	redis.Start()
	s.untilReady(true)
}

// During --drain-delay only readiness is off; then the pod goes.
func TestReadyIsOffBeforeTheDrain(t *testing.T) {
	t.Parallel()
	s := startServeCmd(t, nil, "--drain-delay", "2s", "--drain", "10s")
	res, err := http.Get(s.public + "/events?topic=t")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	begin := time.Now()
	s.signals <- syscall.SIGTERM
	if reason := s.untilReady(false); reason != "draining" {
		t.Errorf("reason %q, want draining", reason)
	}
	if _, body := s.get(s.admin + "/metrics"); !strings.Contains(body, "\nrtk_draining 1\n") {
		t.Error("rtk_draining is not 1")
	}
	if status, _ := s.get(s.public + "/socket.io/?EIO=4&transport=polling"); status != 200 && time.Since(begin) < 2*time.Second {
		t.Errorf("a new client during the delay: %d, want 200", status)
	}
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Errorf("the stream broke off: %v", err)
	}
	if took := time.Since(begin); took < 2*time.Second {
		t.Errorf("the stream ended after %v, within the delay", took)
	}
	if code := s.wait(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}

func TestSecondSignalEndsTheDelay(t *testing.T) {
	t.Parallel()
	s := startServeCmd(t, nil, "--drain-delay", "1h")
	s.signals <- syscall.SIGTERM
	s.signals <- syscall.SIGTERM
	if code := s.wait(); code != exitInterrupted {
		t.Errorf("exit code %d, want %d", code, exitInterrupted)
	}
}

type brokenListener struct{ net.Listener }

func (brokenListener) Accept() (net.Conn, error) { return nil, errors.New("too many open files") }

func TestListenerTrouble(t *testing.T) {
	t.Parallel()
	l := &listener{Listener: brokenListener{}, name: "x"}
	now := time.Now()
	if _, bad := l.trouble(now); bad {
		t.Error("trouble before anything happened")
	}
	if _, err := l.Accept(); err == nil {
		t.Fatal("accepted")
	}
	if why, bad := l.trouble(now); !bad || why != "too many open files" {
		t.Errorf("trouble %v %q after a failure", bad, why)
	}
	if _, bad := l.trouble(now.Add(troubleWindow + time.Minute)); bad {
		t.Error("trouble long after the last failure")
	}
	if n := l.errors.Load(); n != 1 {
		t.Errorf("%d failures counted, want 1", n)
	}
}
