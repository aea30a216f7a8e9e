package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/internal/rttest"
	"github.com/realtime-toolkit/rtk/pkg/rt"
	"github.com/realtime-toolkit/rtk/pkg/server/service"
	"github.com/realtime-toolkit/rtk/pkg/server/service/webhook"
)

// business is a webhook that acknowledges with its name, once it may, to who
// knows its secret.
func business(t *testing.T, name, secret string, may <-chan struct{}) *httptest.Server {
	t.Helper()
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if err := webhook.Verify(secret, r.Header, body, time.Now(), webhook.DefaultTolerance); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		if c, err := service.DecodeCloudEvent(body); err != nil || c.Data.Event == "slow" && may != nil {
			<-may
		}
		fmt.Fprintf(w, `{"ack":%q}`, name)
	}))
	t.Cleanup(h.Close)
	return h
}

func dialHup(t *testing.T, h *hup, namespace string) (rt.Conn, heard) {
	t.Helper()
	c, heard, err := dialServed(t, &served{public: h.URL}, namespace, "{}")
	if err != nil {
		t.Fatal(err)
	}
	return c, heard
}

// TestReloadServices: another address and secret hold for the next call, a call
// under way ends where it began, and what is wrong or can't be changed leaves
// everything as it was.
func TestReloadServices(t *testing.T) {
	t.Parallel()
	may := make(chan struct{})
	one, two := business(t, "one", "secret-number-one", may), business(t, "two", "secret-number-two", nil)
	h := &hup{t: t, file: filepath.Join(t.TempDir(), "rtk.yaml")}
	file := func(url, secret, more string) string {
		return fmt.Sprintf("services:\n  a: {kind: webhook, url: %s, secret: %s, timeout: 15s, deadline: 15s}\nroutes:\n  - {namespace: /a, events: \"*\", service: a}\n%s", url, secret, more)
	}
	h.write(file(one.URL, "secret-number-one", ""))
	h.Gateway = rttest.Serve(t, rttest.Binary(t, true), nil, "--config", h.file)
	c, got := dialHup(t, h, "/a")
	ack := int64(0)
	ask := func(want string) {
		t.Helper()
		ack++
		emit(t, c, ack, "x", "1")
		got.want(t, fmt.Sprintf("ack %d %q", ack, want))
	}
	ask("one")
	emit(t, c, 100, "slow", "1")
	h.write(file(two.URL, "secret-number-two", ""))
	if log := h.reload("configuration reloaded"); !strings.Contains(log, `"changed":"services"`) || strings.Contains(log, "secret-number") {
		t.Errorf("logged %s", log)
	}
	close(may)
	got.want(t, `ack 100 "one"`)
	ask("two")
	// The same again, at other places in the file.
	h.write("# \n" + file(two.URL, "secret-number-two", ""))
	if log := h.reload("configuration reloaded"); strings.Contains(log, "services") {
		t.Errorf("logged %s", log)
	}
	for _, tc := range []struct{ name, yaml, log, want string }{
		{"a new namespace", file(one.URL, "secret-number-one", "  - {namespace: /b, events: \"*\", service: a}\n"), "needs a restart", `"settings":"services (namespace /b is new)"`},
		{"none left", "serve:\n", "needs a restart", `"settings":"services (none is left)"`},
		{"a fault in the file", file(one.URL, "secret-number-one", "  - {namespace: /a}\n"), "reload refused", h.file + ":5:"},
		{"a bad address", file("ftp://x", "secret-number-one", ""), "reload refused", h.file + ":2:3: service"},
	} {
		h.write(tc.yaml)
		if log := h.reload(tc.log); !strings.Contains(log, tc.want) {
			t.Errorf("%s: logged %s, want %s", tc.name, log, tc.want)
		}
		ask("two")
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// TestReloadServicesRaces changes services beside a client, under the race
// detector: each event is acknowledged once, and well.
func TestReloadServicesRaces(t *testing.T) {
	t.Parallel()
	one, two := business(t, "one", "secret-number-one", nil), business(t, "two", "secret-number-two", nil)
	h := &hup{t: t, file: filepath.Join(t.TempDir(), "rtk.yaml")}
	file := func(i int) string {
		url, secret := one.URL, "secret-number-one"
		if i%2 == 1 {
			url, secret = two.URL, "secret-number-two"
		}
		return fmt.Sprintf("services:\n  a: {kind: webhook, url: %s, secret: %s}\nroutes:\n  - {namespace: /a, events: \"*\", hooks: [connect, join, disconnect], service: a}\n", url, secret)
	}
	h.write(file(0))
	h.Gateway = rttest.Serve(t, rttest.Binary(t, true), nil, "--config", h.file)
	c, got := dialHup(t, h, "/a")
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := int64(1); ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			emit(t, c, i, "x", "1")
			select {
			case m := <-got:
				if m != fmt.Sprintf(`ack %d "one"`, i) && m != fmt.Sprintf(`ack %d "two"`, i) {
					t.Errorf("got %s", m)
					return
				}
			case <-time.After(20 * time.Second):
				t.Error("an event is not acknowledged")
				return
			}
		}
	})
	for i := range 20 {
		h.write(file(i + 1))
		h.reload("configuration reloaded")
	}
	close(stop)
	wg.Wait()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if strings.Contains(h.Stderr(), "DATA RACE") {
		t.Error(h.Stderr())
	}
}

// TestReloadPolicyAndLimits: the policy file and the rules hold at once for a
// client that is there; a bad file changes nothing.
func TestReloadPolicyAndLimits(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := &hup{t: t, file: filepath.Join(dir, "rtk.yaml")}
	rules := filepath.Join(dir, "rooms.policy")
	config := func(limits string) string {
		return "serve:\n  policy: " + rules + "\n  service: chat\n" + limits
	}
	write(t, rules, []byte("room \"a\" allow join, emit\n"))
	h.write(config(""))
	h.Gateway = rttest.Serve(t, rttest.Binary(t, true), nil, "--config", h.file)
	c, got := dialHup(t, h, "/chat")
	ack := int64(0)
	join := func(room, want string) {
		t.Helper()
		ack++
		emit(t, c, ack, "join", fmt.Sprintf(`{"room":%q}`, room))
		for {
			select {
			case m := <-got:
				if strings.HasPrefix(m, fmt.Sprintf("ack %d ", ack)) {
					if !strings.Contains(m, want) {
						t.Errorf("join %s: got %s, want %s", room, m, want)
					}
					return
				}
			case <-time.After(20 * time.Second):
				t.Fatal("no acknowledgement")
			}
		}
	}
	join("a", `"ok":true`)
	join("b", "forbidden")

	write(t, rules, []byte("room \"b\" allow join, emit\n"))
	if log := h.reload("configuration reloaded"); !strings.Contains(log, `"changed":"policy"`) {
		t.Errorf("logged %s", log)
	}
	join("b", `"ok":true`)
	join("a", "forbidden")

	write(t, rules, []byte("room \"a\" alow join\n"))
	if log := h.reload("reload refused"); !strings.Contains(log, rules+":1:10: want allow") {
		t.Errorf("logged %s", log)
	}
	h.write("serve:\n  service: chat\n")
	if log := h.reload("reload refused"); !strings.Contains(log, "the policy is gone") {
		t.Errorf("logged %s", log)
	}
	write(t, rules, []byte("room \"b\" allow join, emit\n"))
	h.write(config("  throttle-limit: conn.joins=0.001/s:1\n"))
	if log := h.reload("configuration reloaded"); !strings.Contains(log, `"changed":"throttle-limit"`) {
		t.Errorf("logged %s", log)
	}
	join("b", `"ok":true`) // it is in that room
	emit(t, c, rt.NoAck, "leave", `{"room":"b"}`)
	join("b", `"ok":true`)
	emit(t, c, rt.NoAck, "leave", `{"room":"b"}`)
	join("b", "rate_limited")
	h.write(config("  throttle-limit: conn.joins=fast\n"))
	if log := h.reload("reload refused"); !strings.Contains(log, "--throttle-limit") {
		t.Errorf("logged %s", log)
	}
	join("b", "rate_limited")
	h.write(config("  throttle-limit: conn.joins=0.001/s:1\n  throttle-dry-run: true\n"))
	h.reload("configuration reloaded")
	join("b", `"ok":true`)
}
