package interop_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/realtime-toolkit/rtk/internal/rttest"
)

// secrets are what a client shows at its handshake and what must not leave the
// server that it showed it to.
var secrets = credentials{
	header: http.Header{"Cookie": {"sid=secret-cookie"}, "Authorization": {"Bearer secret-header"}, "X-Api-Key": {"secret-key"}},
	query:  [][2]string{{"token", "secret-query"}, {"access_token", "secret-access"}, {"%61piKey", "secret-key"}, {"room", "lobby"}},
	auth:   `{"token":"secret-auth","user":"secret-user"}`,
}

// TestSecrets has a Node server and a pod fetch each other's sockets: what a pod
// tells holds no credential. Node tells all, and the pod keeps it out of its log.
func TestSecrets(t *testing.T) {
	t.Parallel()
	for _, a := range adapters {
		if a.nest || a.cluster {
			continue
		}
		t.Run(a.id(), func(t *testing.T) {
			t.Parallel()
			redisURL := rttest.Redis(t)
			process := nodeServer(t, a, redisURL, "node-a")
			log := &logged{}
			there := pod(t, a, redisURL, "rtk-a", slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})))
			here := process.Line(t, patience)
			guest := dialWith(t, there.url, "/", "guest of rtk", secrets)
			dialWith(t, here, "/", "guest of Node", secrets)

			asking := dial(t, here, "/", "asking")
			var handshake json.RawMessage
			await(t, "Node sees the pod's client", func() bool { // once it has subscribed
				handshake = handshakes(t, asking)[guest.id()]
				return handshake != nil
			})
			if strings.Contains(string(handshake), "secret") {
				t.Errorf("Node sees of a client of the pod: %s", handshake)
			}
			var got struct {
				Headers map[string]string
				Query   map[string]string
				Time    string
			}
			if err := json.Unmarshal(handshake, &got); err != nil || got.Headers["host"] == "" || got.Query["room"] != "lobby" || got.Time == "" {
				t.Errorf("Node sees of a client of the pod %s (%v), want what is no secret", handshake, err)
			}

			asking = dial(t, there.url, "/", "asking")
			await(t, "the pod sees Node's clients", func() bool { return len(handshakes(t, asking)) == 4 })
			if text := log.String(); strings.Contains(text, "secret") {
				t.Errorf("the pod logs: %s", text)
			}
		})
	}
}

// handshakes are what the server of p knows of all clients, by their ids.
func handshakes(t *testing.T, p *peer) map[string]json.RawMessage {
	t.Helper()
	r := p.do(t, command{Op: "fetchSockets"}, "")
	if r.Error != "" {
		t.Fatalf("%s: %s", p.label, r.Error)
	}
	var list []struct {
		ID        string
		Handshake json.RawMessage
	}
	if err := json.Unmarshal(r.Value, &list); err != nil {
		t.Fatal(err)
	}
	all := map[string]json.RawMessage{}
	for _, s := range list {
		all[s.ID] = s.Handshake
	}
	return all
}

// logged is the text of a log.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
