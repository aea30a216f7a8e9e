package client

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// openPacket is the Engine.IO handshake of the scripted servers.
func openPacket(interval, timeout time.Duration) string {
	return fmt.Sprintf(`0{"sid":"eioeioeioeioeioeioei","upgrades":["websocket"],"pingInterval":%d,"pingTimeout":%d,"maxPayload":1000000}`,
		interval.Milliseconds(), timeout.Milliseconds())
}

var upgrader = websocket.Upgrader{ReadBufferSize: 512, WriteBufferSize: 512, WriteBufferPool: &sync.Pool{}, EnableCompression: true}

// wsScript serves one WebSocket for each request with a script.
func wsScript(script func(*websocket.Conn)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer c.Close()
		script(c)
	})
}

// sioScript is wsScript for a Socket.IO server: it does the handshake for the
// root namespace, runs the script, and reads on until the client leaves.
func sioScript(script func(*websocket.Conn)) http.Handler {
	return sioScriptWith(25*time.Second, 20*time.Second, script)
}

func sioScriptWith(interval, timeout time.Duration, script func(*websocket.Conn)) http.Handler {
	return wsScript(func(c *websocket.Conn) {
		say(c, openPacket(interval, timeout))
		hear(c)
		say(c, `40{"sid":"sidsidsidsidsidsidsi"}`)
		script(c)
		drain(c)
	})
}

func say(c *websocket.Conn, s string) { _ = c.WriteMessage(websocket.TextMessage, []byte(s)) }

func hear(c *websocket.Conn) string {
	_, b, err := c.ReadMessage()
	if err != nil {
		return "error: " + err.Error()
	}
	return string(b)
}

func drain(c *websocket.Conn) {
	for {
		if _, _, err := c.NextReader(); err != nil {
			return
		}
	}
}

func serve(t testing.TB, h http.Handler) *url.URL {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.Config.Protocols = new(http.Protocols)
	srv.Config.Protocols.SetHTTP1(true)
	srv.Config.Protocols.SetUnencryptedHTTP2(true)
	srv.Start()
	t.Cleanup(srv.Close)
	u, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func mustURL(s string) *url.URL {
	u, err := url.Parse(s)
	if err != nil {
		panic(err)
	}
	return u
}

// serveUntilStdinEnds is the server in a process of its own. Its connections are
// quiet, unless TICK is set.
func serveUntilStdinEnds() error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	done := make(chan struct{})
	var ticks ticker
	if os.Getenv("TICK") != "" {
		go ticks.run(done)
	}
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", sioScript(ticks.add))
	mux.Handle("/ws", wsScript(drain))
	mux.HandleFunc("/events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, ": hello\n\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	srv := &http.Server{Handler: mux}
	fmt.Println(ln.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(done)
		_ = srv.Close()
	}()
	if err := srv.Serve(ln); err != http.ErrServerClosed {
		return err
	}
	return nil
}

// ticker is the server's side of TestReceiveCost: it sends each connection ten
// messages a second, evenly spread.
type ticker struct {
	mu    sync.Mutex
	slots [10][]*websocket.Conn
	n     int
}

func (k *ticker) add(c *websocket.Conn) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.slots[k.n%10] = append(k.slots[k.n%10], c)
	k.n++
}

func (k *ticker) run(done <-chan struct{}) {
	text := `42["message",{"text":"` + strings.Repeat("x", 150) + `"}]`
	frame := append([]byte{0x81, 126, 0, byte(len(text))}, text...)
	t := time.NewTicker(10 * time.Millisecond)
	defer t.Stop()
	for i := 0; ; i++ {
		select {
		case <-done:
			return
		case <-t.C:
		}
		k.mu.Lock()
		conns := k.slots[i%10]
		k.mu.Unlock()
		for _, c := range conns {
			_, _ = c.NetConn().Write(frame)
		}
	}
}

// note is what a recorder keeps of a message.
type note struct {
	Kind  rt.Kind
	Event string
	Body  string
	Ack   int64
}

// recorder is a handler that remembers.
type recorder struct {
	mu     sync.Mutex
	msgs   []rt.Message
	closed []rt.CloseInfo
	change chan struct{}
}

func newRecorder() *recorder { return &recorder{change: make(chan struct{}, 1)} }

func (r *recorder) OnMessage(m *rt.Message) {
	c := *m
	c.Body = append([]byte(nil), m.Body...)
	c.Attachments = nil
	for _, a := range m.Attachments {
		c.Attachments = append(c.Attachments, append([]byte(nil), a...))
	}
	r.mu.Lock()
	r.msgs = append(r.msgs, c)
	r.mu.Unlock()
	r.poke()
}

func (r *recorder) OnClose(i rt.CloseInfo) {
	r.mu.Lock()
	r.closed = append(r.closed, i)
	r.mu.Unlock()
	r.poke()
}

func (r *recorder) poke() {
	select {
	case r.change <- struct{}{}:
	default:
	}
}

// wait waits until cond holds for what was recorded.
func (r *recorder) wait(t testing.TB, what string, cond func() bool) {
	t.Helper()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	for {
		r.mu.Lock()
		ok := cond()
		r.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-r.change:
		case <-deadline.C:
			t.Fatalf("waited in vain for %s; have %+v, closed %+v", what, r.notes(), r.closed)
		}
	}
}

// notes returns the messages of the given kinds, all without kinds.
func (r *recorder) notes(kinds ...rt.Kind) []note {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []note
	for _, m := range r.msgs {
		want := len(kinds) == 0
		for _, k := range kinds {
			want = want || k == m.Kind
		}
		if want {
			out = append(out, note{m.Kind, m.Event, string(m.Body), m.AckID})
		}
	}
	return out
}

func (r *recorder) waitKind(t testing.TB, n int, kinds ...rt.Kind) []note {
	t.Helper()
	r.wait(t, fmt.Sprintf("%d messages of kinds %v", n, kinds), func() bool {
		have := 0
		for _, m := range r.msgs {
			for _, k := range kinds {
				if m.Kind == k {
					have++
				}
			}
		}
		return have >= n
	})
	return r.notes(kinds...)
}

// closes returns what OnClose was called with.
func (r *recorder) closes() []rt.CloseInfo {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]rt.CloseInfo(nil), r.closed...)
}

func (r *recorder) waitClose(t testing.TB) rt.CloseInfo {
	t.Helper()
	r.wait(t, "the close", func() bool { return len(r.closed) > 0 })
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed[0]
}

// find returns the first message of an event. The caller is wait's cond, or
// knows that nothing is being received.
func (r *recorder) find(event string) *rt.Message {
	for i := range r.msgs {
		if r.msgs[i].Event == event {
			return &r.msgs[i]
		}
	}
	return nil
}
