package peers

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var secret = []byte("0123456789abcdef")

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		o    Options
		want string
	}{
		{"no address", Options{Secret: secret}, "advertised address"},
		{"no scheme", Options{Advertise: "10.0.0.1:3000", Secret: secret}, "advertised address"},
		{"a path", Options{Advertise: "http://a:1/socket.io", Secret: secret}, "no path"},
		{"a password", Options{Advertise: "http://u:hunter2@a:1", Secret: secret}, "advertised address"},
		{"no secret", Options{Advertise: "http://a:1"}, "secret has 0 bytes"},
		{"a short secret", Options{Advertise: "http://a:1", Secret: secret[:15]}, "at least 16"},
		{"a bad peer", Options{Advertise: "http://a:1", Secret: secret, Static: []string{"b"}}, "static list"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := New(tc.o)
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func pod(t *testing.T, o Options) *Peers {
	t.Helper()
	if o.Secret == nil {
		o.Secret = secret
	}
	o.Logger = slog.New(slog.DiscardHandler)
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func TestHop(t *testing.T) {
	t.Parallel()
	a, b := pod(t, Options{Advertise: "http://a:1"}), pod(t, Options{Advertise: "http://b:1"})
	stranger := pod(t, Options{Advertise: "http://c:1", Secret: []byte("another secret 0")})
	const uri, client = "/socket.io/?sid=x", "192.0.2.1:99"
	request := func(method, uri, mark string) *http.Request {
		r := httptest.NewRequest(method, uri, nil)
		r.Header.Set(header, mark)
		return r
	}
	good := a.sign("GET", uri, client, time.Now())
	for _, tc := range []struct {
		name string
		r    *http.Request
		ok   bool
	}{
		{"signed", request("GET", uri, good), true},
		{"another method", request("POST", uri, good), false},
		{"another URI", request("GET", "/socket.io/?sid=y", good), false},
		{"another client", request("GET", uri, strings.Replace(good, "192.0.2.1", "192.0.2.2", 1)), false},
		{"too old", request("GET", uri, a.sign("GET", uri, client, time.Now().Add(-time.Minute))), false},
		{"of the future", request("GET", uri, a.sign("GET", uri, client, time.Now().Add(time.Minute))), false},
		{"another cluster", request("GET", uri, stranger.sign("GET", uri, client, time.Now())), false},
		{"another version", request("GET", uri, "2"+good[1:]), false},
		{"nonsense", request("GET", uri, "a b c d e f"), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, hop, err := b.Accept(tc.r)
			if !hop || (err == nil) != tc.ok || tc.ok && got != client {
				t.Errorf("got %q, %v, %v", got, hop, err)
			}
			if tc.r.Header.Get(header) != "" {
				t.Error("the mark stays on the request")
			}
		})
	}
	if _, hop, err := b.Accept(httptest.NewRequest(http.MethodGet, uri, nil)); hop || err != nil {
		t.Errorf("without a mark: %v, %v", hop, err)
	}
}

// phonebook is a Directory in memory.
type phonebook struct {
	mu    sync.Mutex
	pods  map[string]string
	calls int
	down  bool
}

func (b *phonebook) Announce(_ context.Context, tag, address string, _ time.Duration) (map[string]string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls++
	if b.down {
		return nil, errors.New("down")
	}
	if b.pods == nil {
		b.pods = map[string]string{}
	}
	if b.pods[tag] == "" {
		b.pods[tag] = address
	}
	out := map[string]string{}
	for k, v := range b.pods {
		out[k] = v
	}
	return out, nil
}

func (b *phonebook) Withdraw(_ context.Context, tag string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.pods, tag)
	return nil
}

func (b *phonebook) set(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
}

func TestDirectoryTable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		book := &phonebook{}
		p := pod(t, Options{Advertise: "http://a:1", Directory: book})
		done := make(chan struct{})
		go func() { defer close(done); p.Run() }()
		synctest.Wait()
		find := func(address string) string {
			if u := p.table.lookup(t.Context(), Tag(address)); u != nil {
				return u.String()
			}
			return ""
		}
		if got := find("http://a:1"); got != "http://a:1" {
			t.Errorf("itself: %q", got)
		}
		// A pod that comes up later is found without waiting for the next round.
		book.set(func() { book.pods[Tag("http://b:1")] = "http://b:1" })
		begin := time.Now()
		if got := find("http://b:1"); got != "http://b:1" || time.Since(begin) > missWait {
			t.Errorf("a new pod: %q after %v", got, time.Since(begin))
		}
		// Tags that clients make up cost no more than two calls a second.
		time.Sleep(missInterval)
		synctest.Wait()
		before := book.calls
		var wait sync.WaitGroup
		for range 100 {
			wait.Go(func() { find("http://nobody:1") })
		}
		wait.Wait()
		if n := book.calls - before; n > 3 {
			t.Errorf("%d calls for 100 unknown tags", n)
		}
		// What was known stays known while the directory is away.
		book.set(func() { book.down = true })
		time.Sleep(2 * DefaultTTL)
		if got := find("http://b:1"); got != "http://b:1" {
			t.Errorf("without the directory: %q", got)
		}
		book.set(func() { book.down = false })
		p.Close()
		<-done
		if _, there := book.pods[p.Tag()]; there {
			t.Error("still announced after the end")
		}
	})
}

func TestTableTakesNoStrangers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		book := &phonebook{pods: map[string]string{
			"ZZZZ":               "http://evil:1", // not the tag of that address
			Tag("ftp://c:1"):     "ftp://c:1",
			Tag("http://good:1"): "http://good:1",
		}}
		p := pod(t, Options{Advertise: "http://a:1", Directory: book})
		done := make(chan struct{})
		go func() { defer close(done); p.Run() }()
		synctest.Wait()
		for tag, want := range map[string]bool{"ZZZZ": false, Tag("ftp://c:1"): false, Tag("http://good:1"): true} {
			if got := p.table.lookup(t.Context(), tag) != nil; got != want {
				t.Errorf("%s: found %v, want %v", tag, got, want)
			}
		}
		p.Close()
		<-done
	})
}
