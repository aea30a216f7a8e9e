package e2e

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/internal/rttest"
)

// TestRandomBytes throws rubbish at every port, while a client of good
// behaviour goes on and notices nothing.
func TestRandomBytes(t *testing.T) {
	g := rttest.Serve(t, rttest.Binary(t, true), nil, "--service", "chat,feed,echo")
	stop, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- steadyReader(g, stop) }()

	prefixes := []string{
		"",
		"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
		"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
		"GET /events?topic=ticker HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /socket.io/?EIO=4&transport=polling&sid=aaaaaaaaaaaaaaaaaaaa HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n",
		"POST /api/publish HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 300\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"GET /" + strings.Repeat("a", 100_000) + " HTTP/1.1\r\n",
	}
	var wg sync.WaitGroup
	limit := make(chan struct{}, 16)
	for i := range 400 {
		addr := g.URL
		if i%3 == 0 {
			addr = g.Admin
		}
		wg.Go(func() {
			limit <- struct{}{}
			defer func() { <-limit }()
			throw(strings.TrimPrefix(addr, "http://"), prefixes[i%len(prefixes)])
		})
	}
	wg.Wait()
	close(stop)
	if err := <-done; err != nil {
		t.Errorf("the client of good behaviour: %v", err)
	}
	if log := g.Stderr(); strings.Contains(log, "panic") || strings.Contains(log, "DATA RACE") {
		t.Errorf("the gateway's log:\n%s", log)
	}
	res, err := http.Get(g.Admin + "/readyz")
	if err != nil {
		t.Fatalf("after the rubbish: %v", err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("readyz after the rubbish: %s", res.Status)
	}
}

// throw writes a prefix and random bytes to addr and reads what comes back.
func throw(addr, prefix string) {
	c, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(2 * time.Second))
	_, _ = io.WriteString(c, prefix)
	junk := make([]byte, mathrand.IntN(4096))
	_, _ = rand.Read(junk)
	_, _ = c.Write(junk)
	_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	_, _ = io.Copy(io.Discard, io.LimitReader(c, 1<<20))
}

// steadyReader reads an event stream to which the admin listener publishes,
// and fails when one event is late or missing.
func steadyReader(g *rttest.Gateway, stop <-chan struct{}) error {
	res, err := http.Get(g.URL + "/events?topic=steady")
	if err != nil {
		return err
	}
	defer res.Body.Close()
	buf := make([]byte, 4096)
	var seen []byte
	for n := 0; ; n++ {
		select {
		case <-stop:
			if n == 0 {
				return fmt.Errorf("nothing was published")
			}
			return nil
		default:
		}
		body := fmt.Sprintf(`{"topic":"steady","event":"n","data":{"n":%d}}`, n)
		post, err := http.Post(g.Admin+"/api/publish", "application/json", strings.NewReader(body))
		if err != nil {
			return err
		}
		post.Body.Close()
		want := fmt.Appendf(nil, `data: {"n":%d}`, n)
		for deadline := time.Now().Add(5 * time.Second); !bytes.Contains(seen, want); {
			if time.Now().After(deadline) {
				return fmt.Errorf("event %d did not come", n)
			}
			k, err := res.Body.Read(buf)
			if err != nil {
				return fmt.Errorf("event %d: %w", n, err)
			}
			seen = append(seen, buf[:k]...)
		}
		seen = seen[:0]
		time.Sleep(20 * time.Millisecond)
	}
}

// TestInterrupted stops a run with ctrl-c: what is known is reported, as
// partial, and the gateways are gone.
func TestInterrupted(t *testing.T) {
	out := filepath.Join(t.TempDir(), "result.json")
	p := rttest.Start(t, nil, rttest.Binary(t, false), "bench", "cross-pod", "--grace", "1s", "--progress", "none",
		"--report", out, "--set", "SUBSCRIBERS=20", "--set", "DURATION=60s")
	time.Sleep(5 * time.Second) // it is sending by now; the report says so below
	children := childrenOf(t, p.Pid())
	if len(children) != 3 {
		t.Errorf("%d child processes, want a redis and two gateways", len(children))
	}
	if err := p.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if code := p.Wait(t, 30*time.Second); code != 130 {
		t.Errorf("exit code %d, want 130", code)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatalf("no partial report: %v", err)
	}
	var res rttest.BenchResult
	if err := json.Unmarshal(b, &res); err != nil {
		t.Fatal(err)
	}
	if len(res.Runs) != 1 || !res.Runs[0].Partial || res.Runs[0].Verdict != "interrupted" {
		t.Errorf("report = %+v", res)
	}
	gone(t, children)
}

// TestKilled kills the generator outright: its gateways follow.
func TestKilled(t *testing.T) {
	p := rttest.Start(t, nil, rttest.Binary(t, false), "bench", "cross-pod", "--progress", "none", "--set", "SUBSCRIBERS=20", "--set", "DURATION=60s")
	time.Sleep(3 * time.Second)
	children := childrenOf(t, p.Pid())
	if len(children) == 0 {
		t.Fatal("no child processes")
	}
	if err := p.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	p.Wait(t, 10*time.Second)
	gone(t, children)
}

// childrenOf lists the child processes of a process.
func childrenOf(t *testing.T, pid int) (children []int) {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range tasks {
		b, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		for _, s := range strings.Fields(string(b)) {
			var child int
			if _, err := fmt.Sscan(s, &child); err == nil {
				children = append(children, child)
			}
		}
	}
	return children
}

// gone waits until none of the processes runs.
func gone(t *testing.T, pids []int) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		var alive []int
		for _, pid := range pids {
			stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
			if err == nil && !strings.Contains(string(stat), ") Z ") {
				alive = append(alive, pid)
			}
		}
		if len(alive) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still alive: %v", alive)
		}
	}
}

// TestNoSecretsInOutput runs a check that fails and looks for the secret and
// for tokens in everything that is written.
func TestNoSecretsInOutput(t *testing.T) {
	dir := t.TempDir()
	secret := "ffffffffeeeeeeeeddddddddcccccccc"
	args := []string{
		"bench", "auth", "--progress", "plain", "--jwt-secret", secret, "--set", "PROBES=1",
		"--serve-flag=--faulty=auth=off", "--serve-flag=--i-know-this-breaks-delivery",
		"--report", filepath.Join(dir, "r.json"), "--report", filepath.Join(dir, "r.xml"), "--report", filepath.Join(dir, "r.txt"),
	}
	p := rttest.Start(t, nil, rttest.Binary(t, false), args...)
	if code := p.Wait(t, time.Minute); code != 99 {
		t.Errorf("exit code %d, want 99", code)
	}
	outputs := map[string]string{"stderr": p.Stderr()}
	for _, f := range []string{"r.json", "r.xml", "r.txt"} {
		b, err := os.ReadFile(filepath.Join(dir, f))
		if err != nil {
			t.Fatal(err)
		}
		outputs[f] = string(b)
	}
	for name, text := range outputs {
		for _, bad := range []string{secret, "eyJ"} {
			if strings.Contains(text, bad) {
				t.Errorf("%s holds %q", name, bad)
			}
		}
	}
}
