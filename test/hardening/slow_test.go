package hardening

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// Clients that send their request a byte at a time, or its body, or nothing
// after the handshake, are let go when their time is over.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	v := attack(t, "--ping-interval", "1s", "--ping-timeout", "1s")
	sid := v.polling(t)
	var wg sync.WaitGroup
	for range 30 {
		wg.Go(func() { // headers
			c := v.raw(t, "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n")
			go func() {
				for range 60 {
					time.Sleep(300 * time.Millisecond)
					if _, err := io.WriteString(c, "X"); err != nil {
						return
					}
				}
			}()
			closedWithin(t, c, 15*time.Second)
		})
		wg.Go(func() { // half-open: it never answers a ping
			c := v.raw(t, "GET "+sioTarget+" HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
				"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
			if got := closedWithin(t, c, 10*time.Second); !strings.HasPrefix(got, "HTTP/1.1 101") {
				t.Errorf("half-open: got %q", clip([]byte(got)))
			}
		})
	}
	for _, to := range []string{
		"POST /socket.io/?EIO=4&transport=polling&sid=" + sid,
		"POST /socket.io/?EIO=4&transport=polling&sid=unknown",
		"POST /nowhere",
		"GET /ws",
	} {
		wg.Go(func() { // a body
			c := v.raw(t, to+" HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n4")
			go func() {
				for range 60 {
					time.Sleep(300 * time.Millisecond)
					if _, err := io.WriteString(c, "4"); err != nil {
						return
					}
				}
			}()
			if got := closedWithin(t, c, 15*time.Second); !strings.HasPrefix(got, "HTTP/1.1 4") {
				t.Errorf("slow body of %s: got %q", to, clip([]byte(got)))
			}
		})
	}
	wg.Wait()
	v.unharmed(t)
}

// polling opens a polling session and returns its sid.
func (v *victim) polling(t testing.TB) string {
	t.Helper()
	res, err := http.Get(v.URL + "/socket.io/?EIO=4&transport=polling")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	_, rest, _ := strings.Cut(string(b), `"sid":"`)
	sid, _, _ := strings.Cut(rest, `"`)
	if sid == "" {
		t.Fatalf("no sid in %q", b)
	}
	return sid
}

// Beyond the limit of an address, connects are refused before anything is done
// for them.
func TestFloodOfConnects(t *testing.T) {
	t.Parallel()
	v := attack(t, "--throttle-limit", "ip.connects=20/s:50")
	var wg sync.WaitGroup
	var mu sync.Mutex
	codes := map[int]int{}
	client := &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 32}}
	defer client.CloseIdleConnections()
	start := time.Now()
	for range 32 {
		wg.Go(func() {
			for range 60 {
				res, err := client.Get(v.URL + "/socket.io/?EIO=4&transport=polling")
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
				if res.StatusCode == http.StatusTooManyRequests && res.Header.Get("Retry-After") == "" {
					t.Error("429 without Retry-After")
				}
				mu.Lock()
				codes[res.StatusCode]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	most := 50 + int(20*time.Since(start).Seconds()) + 1
	if codes[200] == 0 || codes[200] > most || codes[200]+codes[429] != 32*60 {
		t.Errorf("answers %v, want at most %d let in and the rest 429", codes, most)
	}
	v.unharmed(t)
}

// One socket can't be in 100,000 rooms, whatever it asks for.
func TestManyRooms(t *testing.T) {
	t.Parallel()
	v := attack(t)
	ws := v.join(t, "/chat")
	const rooms = 100_000
	window := make(chan struct{}, 256) // a client that reads what it asked for
	go func() {
		for i := range rooms {
			window <- struct{}{}
			if ws.WriteMessage(1, fmt.Appendf(nil, `42/chat,%d["join",{"room":"r%d"}]`, i, i)) != nil {
				return
			}
		}
	}()
	joined, refused := 0, 0
	for joined+refused < rooms {
		_ = ws.SetReadDeadline(time.Now().Add(patience))
		_, b, err := ws.ReadMessage()
		if err != nil {
			t.Fatalf("after %d joins and %d refusals: %v", joined, refused, err)
		}
		switch s := string(b); {
		case strings.Contains(s, `"ok":true`):
			joined++
			<-window
		case strings.Contains(s, `"code":"too_many_rooms"`):
			refused++
			<-window
		case s == "2":
			write(t, ws, "3")
		default:
			t.Fatalf("got %q", s)
		}
	}
	if joined > 1024 {
		t.Errorf("%d rooms joined, want at most 1024", joined)
	}
	v.unharmed(t)
}
