package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/internal/rttest"
)

// corsPage asks the gateway of another origin for everything that a page can ask
// for, with its cookie, and posts what it was allowed to read.
const corsPage = `<!doctype html><script>
const gateway = %q;
document.cookie = "token=%s; path=/";
const outcome = {};
const ask = async (name, path, init) => {
  try {
    const res = await fetch(gateway + path, init);
    outcome[name] = res.status + (name === "handshake" ? " " + (await res.text())[0] : "");
  } catch (e) { outcome[name] = e.name; }
};
const stream = (name, init) => new Promise((done) => {
  const es = new EventSource(gateway + "/events?topic=t", init);
  es.onopen = () => { outcome[name] = "open"; es.close(); done(); };
  es.onerror = () => { outcome[name] = "refused"; es.close(); done(); };
});
const socket = () => new Promise((done) => {
  const ws = new WebSocket(gateway.replace("http", "ws") + "/ws");
  ws.onopen = () => { outcome.socket = "open"; ws.close(); done(); };
  ws.onerror = () => { outcome.socket ??= "refused"; done(); };
});
(async () => {
  await ask("handshake", "/socket.io/?EIO=4&transport=polling", { credentials: "include" });
  await ask("poll", "/poll?topic=t&wait=0", { credentials: "include" });
  await ask("poll without cookie", "/poll?topic=t&wait=0", { credentials: "omit" });
  await ask("preflight", "/poll?topic=t&wait=0", { credentials: "include", headers: { "X-Custom": "1" } });
  await stream("stream", { withCredentials: true });
  await stream("stream without cookie", {});
  await socket();
  await fetch("/result", { method: "POST", body: JSON.stringify(outcome) });
})();
</script>`

// TestChromiumCORS: pages of origins on the list may read, with credentials;
// pages of others read nothing, whatever cookie they bring along.
func TestChromiumCORS(t *testing.T) {
	t.Parallel()
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is missing: apt-get install chromium")
	}
	site := func() (*httptest.Server, *http.ServeMux, chan []byte) {
		mux, results := http.NewServeMux(), make(chan []byte, 1)
		mux.HandleFunc("/result", func(_ http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(io.LimitReader(r.Body, 1<<16))
			select {
			case results <- b:
			default:
			}
		})
		s := httptest.NewServer(mux)
		t.Cleanup(s.Close)
		return s, mux, results
	}
	friend, friendMux, friendResults := site()
	stranger, strangerMux, strangerResults := site()
	g, token := secureGateway(t, "--origins", friend.URL, "--service", "chat,feed", "--history", "t")
	for _, mux := range []*http.ServeMux{friendMux, strangerMux} {
		mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprintf(w, corsPage, g.URL, token)
		})
	}
	for _, tc := range []struct {
		name    string
		site    *httptest.Server
		results chan []byte
		want    map[string]string
	}{
		{"on the list", friend, friendResults, map[string]string{
			"handshake": "200 0", "poll": "200", "poll without cookie": "401", "preflight": "200",
			"stream": "open", "stream without cookie": "refused", "socket": "open",
		}},
		{"not on the list", stranger, strangerResults, map[string]string{
			"handshake": "TypeError", "poll": "TypeError", "poll without cookie": "TypeError", "preflight": "TypeError",
			"stream": "refused", "stream without cookie": "refused", "socket": "refused",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rttest.Start(t, nil, chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
				"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
				"--remote-debugging-port=0", "--user-data-dir="+t.TempDir(), tc.site.URL)
			select {
			case b := <-tc.results:
				var got map[string]string
				if err := json.Unmarshal(b, &got); err != nil {
					t.Fatalf("%s: %v", b, err)
				}
				if diff := cmp.Diff(tc.want, got); diff != "" {
					t.Errorf("(-want +got)\n%s", diff)
				}
			case <-time.After(60 * time.Second):
				t.Fatal("no result from the page")
			}
		})
	}
}
