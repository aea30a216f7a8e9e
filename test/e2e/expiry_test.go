package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/internal/rttest"
	"github.com/realtime-toolkit/rtk/pkg/client"
	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// expiring hears of the end of its token, and of its connection.
type expiring struct {
	warned chan string
	closed chan rt.CloseInfo
}

func (e *expiring) OnMessage(m *rt.Message) {
	if m.Event == "token_expiring" {
		e.warned <- string(m.Body)
	}
}

func (e *expiring) OnClose(i rt.CloseInfo) { e.closed <- i }

const (
	tokenLife   = 8 * time.Second
	tokenWarned = 5 * time.Second // before its end
)

// expiryGateway has a token that expires soon.
func expiryGateway(t *testing.T) (g *rttest.Gateway, token string) {
	t.Helper()
	binary := rttest.Binary(t, true)
	g = rttest.Serve(t, binary, []string{"RTK_JWT_SECRET=" + testSecret}, "--service", "chat,feed",
		"--expiry-warning", tokenWarned.String(), "--jwt-leeway", "0s", "--sse-retry", "1s")
	return g, mintToken(t, binary, "--expires", tokenLife.String())
}

// checkWarning holds a warning to the time that it tells, and when it came.
func checkWarning(t *testing.T, data string, came time.Time) (end time.Time) {
	t.Helper()
	var w struct{ ExpiresAt int64 }
	if err := json.Unmarshal([]byte(data), &w); err != nil || w.ExpiresAt == 0 {
		t.Fatalf("warned with %s: %v", data, err)
	}
	end = time.UnixMilli(w.ExpiresAt)
	if left := end.Sub(came); left < tokenWarned-3*time.Second || left > tokenWarned+time.Second {
		t.Errorf("warned %v before the end, want %v", left, tokenWarned)
	}
	return end
}

func TestTokenExpiresOnPlainWebSocket(t *testing.T) {
	t.Parallel()
	g, token := expiryGateway(t)
	target, err := rt.ParseTarget("ws" + strings.TrimPrefix(g.URL, "http") + "/ws?token=" + token)
	if err != nil {
		t.Fatal(err)
	}
	d := client.New(client.Options{})
	defer d.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	e := &expiring{make(chan string, 10), make(chan rt.CloseInfo, 1)}
	if _, err := d.Dial(ctx, &rt.DialRequest{Target: target}, e); err != nil {
		t.Fatal(err)
	}
	var end time.Time
	select {
	case data := <-e.warned:
		end = checkWarning(t, data, time.Now())
	case i := <-e.closed:
		t.Fatalf("closed without a warning: %+v", i)
	case <-time.After(20 * time.Second):
		t.Fatal("no warning")
	}
	select {
	case i := <-e.closed:
		if i.Code != 1008 || i.Reason != "token expired" {
			t.Errorf("closed with %d %q, want 1008", i.Code, i.Reason)
		}
		if late := time.Since(end); late < -100*time.Millisecond || late > 3*time.Second {
			t.Errorf("closed %v after the end of the token", late)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the connection outlives its token")
	}
}

func TestTokenExpiresOnEventStream(t *testing.T) {
	t.Parallel()
	g, token := expiryGateway(t)
	open := func() *http.Response {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.URL+"/events?topic=t", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	res := open()
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatal(res.Status)
	}
	var end time.Time
	event, warnings := "", 0
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		line := lines.Text()
		if name, ok := strings.CutPrefix(line, "event: "); ok {
			event = name
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok && event == "token_expiring" {
			warnings++
			end = checkWarning(t, data, time.Now())
		}
	}
	if warnings != 1 {
		t.Errorf("%d warnings, want one", warnings)
	}
	if late := time.Since(end); late < -100*time.Millisecond || late > 3*time.Second {
		t.Errorf("the stream ended %v after the token", late)
	}
	again := open()
	defer again.Body.Close()
	if again.StatusCode != http.StatusUnauthorized {
		t.Errorf("with the same token: %s, want 401", again.Status)
	}
}
