package e2e

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/internal/rttest"
)

const testSecret = "0123456789abcdef0123456789abcdef" // for tests only

// mintToken asks the program itself for a token.
func mintToken(t *testing.T, binary string, args ...string) string {
	t.Helper()
	p := rttest.Start(t, []string{"RTK_JWT_SECRET=" + testSecret}, binary, append([]string{"token", "--sub", "ana"}, args...)...)
	token := p.Line(t, 10*time.Second)
	if code := p.Wait(t, 10*time.Second); code != 0 || strings.Count(token, ".") != 2 {
		t.Fatalf("rtk token: exit %d, %q", code, token)
	}
	return token
}

func secureGateway(t *testing.T, args ...string) (*rttest.Gateway, string) {
	t.Helper()
	binary := rttest.Binary(t, true)
	g := rttest.Serve(t, binary, []string{"RTK_JWT_SECRET=" + testSecret}, args...)
	return g, mintToken(t, binary)
}

// nodeScript runs a script of test/node and returns its lines, merged into
// one object in their order (a later line wins).
func nodeScript(t *testing.T, script string, args ...string) map[string]any {
	t.Helper()
	p := rttest.Node(t, filepath.Join(script), args...)
	merged := map[string]any{}
	for {
		line := p.Line(t, 30*time.Second)
		var o map[string]any
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatalf("%s said %q", script, line)
		}
		if why, failed := o["failed"]; failed {
			t.Fatalf("%s failed: %v\nbefore that: %v", script, why, merged)
		}
		for k, v := range o {
			merged[k] = v
		}
		if o["done"] == true {
			return merged
		}
	}
}

func TestSocketIOClient(t *testing.T) {
	g, token := secureGateway(t, "--service", "chat,feed,echo")
	for _, mode := range []string{"websocket", "polling", "upgrade"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			got := nodeScript(t, "sio-client.js", g.URL, token, mode)
			message, _ := got["message"].(map[string]any)
			if message["text"] != "héllo ✓" || message["from"] != "ana" || message["room"] != "lobby" {
				t.Errorf("message = %v", message)
			}
			for _, k := range []string{"id", "at"} {
				if message[k] == nil {
					t.Errorf("message without %s: %v", k, message)
				}
			}
			refused, _ := got["refused"].(map[string]any)
			if refused["ok"] != false || refused["error"] == nil {
				t.Errorf("a message to a room that it did not join: %v", refused)
			}
			want := map[string]any{
				"auth":             []any{"token"},
				"back":             []any{1.0, "2", map[string]any{"3": []any{true, nil}}},
				"acked":            "x",
				"disconnect":       "io client disconnect",
				"active":           false,
				"unknownNamespace": "Invalid namespace",
			}
			if mode == "upgrade" {
				want["upgraded"] = "websocket"
			}
			have := map[string]any{}
			for k := range want {
				have[k] = got[k]
			}
			if d := cmp.Diff(want, have); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
			if ok, _ := got["leave"].(map[string]any); ok["ok"] != true {
				t.Errorf("leave: %v", got["leave"])
			}
			if got["binary"] != "ff00" {
				t.Errorf("binary = %v", got["binary"])
			}
			if r, _ := got["rejected"].(string); r == "" {
				t.Error("a bad token was not refused with connect_error")
			}
		})
	}
}

func TestWSClient(t *testing.T) {
	g, token := secureGateway(t)
	got := nodeScript(t, "ws-client.js", "ws"+strings.TrimPrefix(g.URL, "http")+"/ws", token)
	if ack, _ := got["ack"].(map[string]any); ack["data"].(map[string]any)["ok"] != true {
		t.Errorf("ack = %v", got["ack"])
	}
	if m, _ := got["message"].(map[string]any); m["data"].(map[string]any)["text"] != "hi" {
		t.Errorf("message = %v", got["message"])
	}
	if got["rejected"] != 401.0 {
		t.Errorf("a bad token: %v, want 401 before the upgrade", got)
	}
	if got["closed"] != 1000.0 {
		t.Errorf("close code = %v", got["closed"])
	}
	if _, ok := got["accepted"]; ok {
		t.Error("a bad token was accepted")
	}
}
