package admin

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPublishBatch(t *testing.T) {
	t.Parallel()
	g, srv := start(t, Options{})
	status, body := do(t, srv, "POST", "/api/publish", `{"items":[
		{"topic":"t","event":"a","data":"<é\u003c>"},
		{"topic":"t"},
		7,
		{"namespace":"/chat","room":"r","event":"b","key":"k1"},
		{"namespace":"/chat","room":"r","event":"b","key":"k1"},
		{"namespace":"/chat","room":"r","event":"c","key":"k1"}]}`)
	if status != http.StatusMultiStatus {
		t.Errorf("status %d, want 207", status)
	}
	want := `{"ok":false,"results":[{"ok":true},` +
		`{"ok":false,"error":{"code":"invalid_request","message":"\"event\" is missing"}},` +
		`{"ok":false,"error":{"code":"invalid_request","message":"the body must be a JSON object such as {\"namespace\":\"/chat\",\"room\":\"lobby\",\"event\":\"message\",\"data\":{}}"}},` +
		`{"ok":true},{"ok":true},` +
		`{"ok":false,"error":{"code":"key_reused","message":"the idempotency key has been used for something else"}}]}` + "\n"
	if d := cmp.Diff(want, body); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	if d := cmp.Diff([]published{{"/events", []string{"t"}, nil, "a", `"<é\u003c>"`}, {"/chat", []string{"r"}, nil, "b", ""}}, g.published); d != "" {
		t.Errorf("published (-want +got)\n%s", d)
	}
	if status, body = do(t, srv, "POST", "/api/publish", `{"items":[{"topic":"t","event":"a"}]}`); status != 202 || body != `{"ok":true,"results":[{"ok":true}]}`+"\n" {
		t.Errorf("%d %s", status, body)
	}
}

func keyedPost(t *testing.T, url, key, body string) (status int, replayed bool) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/api/publish", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Idempotency-Key", key)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode, res.Header.Get("Idempotency-Replayed") == "true"
}

// A request that is repeated under its key is published once, one that failed is
// tried again.
func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	g, srv := start(t, Options{})
	const body = `{"topic":"t","event":"e"}`
	refuse := func(err error) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.refuse = err
	}
	for _, tc := range []struct {
		name, key, body string
		refuse          error
		status          int
		replayed        bool
	}{
		{"failed", "a", body, errors.New("no"), 422, false},
		{"first", "a", body, nil, 202, false},
		{"again", "a", body, nil, 202, true},
		{"again while nothing works", "a", body, errors.New("no"), 202, true},
		{"other content", "a", `{"topic":"t","event":"f"}`, nil, 422, false},
		{"other key", "b", body, nil, 202, false},
		{"long key", strings.Repeat("x", maxKeyBytes+1), body, nil, 400, false},
	} {
		refuse(tc.refuse)
		status, replayed := keyedPost(t, srv.URL, tc.key, tc.body)
		if status != tc.status || replayed != tc.replayed {
			t.Errorf("%s: status %d, replayed %v; want %d, %v", tc.name, status, replayed, tc.status, tc.replayed)
		}
	}
	if n := len(g.published); n != 2 {
		t.Errorf("published %d times, want 2", n)
	}
}

func TestIdempotencyConcurrent(t *testing.T) {
	t.Parallel()
	m := newIdempotency()
	var runs atomic.Int64
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			out, _, err := m.once(context.Background(), "k", []byte("c"), func() outcome {
				time.Sleep(time.Millisecond)
				return outcome{202, []byte("x"), runs.Add(1) == 3} // the first two fail
			})
			if err != nil || out.status != 202 {
				t.Errorf("%v, %v", out, err)
			}
		})
	}
	group.Wait()
	if n := runs.Load(); n != 3 {
		t.Errorf("%d runs, want 3", n)
	}
}

func TestIdempotencyBounds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newIdempotency()
		put := func(key string, size int) (replayed bool) {
			_, replayed, err := m.once(context.Background(), key, nil, func() outcome { return outcome{202, make([]byte, size), true} })
			if err != nil {
				t.Fatal(err)
			}
			return replayed
		}
		put("a", 1)
		time.Sleep(keyLifetime - time.Second)
		if !put("a", 1) {
			t.Error("forgotten before its time")
		}
		time.Sleep(time.Second)
		if put("a", 1) {
			t.Error("kept beyond its time")
		}
		for i := range 2 * maxKeys {
			put("n"+strconv.Itoa(i), 1)
		}
		if n := len(m.byKey); n > maxKeys+1 {
			t.Errorf("%d keys are kept, the bound is %d", n, maxKeys)
		}
		for i := range 40 {
			put("big"+strconv.Itoa(i), 1<<20)
		}
		if m.bytes > maxKeptBytes+1<<20 {
			t.Errorf("%d bytes are kept, the bound is %d", m.bytes, maxKeptBytes)
		}
		time.Sleep(keyLifetime)
		put("last", 1)
		if len(m.byKey) != 1 || m.bytes != 1 || len(m.oldest) != 1 {
			t.Errorf("%d keys, %d bytes, %d in line; want 1 of each", len(m.byKey), m.bytes, len(m.oldest))
		}
	})
}

// TestPublishKey opens publishing and nothing else, and the admin key then
// everything else.
func TestPublishKey(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name             string
		admin, publish   string
		bearer           string
		wantPost, wantGo int // /api/publish, /debug/pprof/cmdline
	}{
		{"publish key", "adm", "pub", "pub", 202, 401},
		{"admin key", "adm", "pub", "adm", 401, 404},
		{"no key given", "adm", "pub", "", 401, 401},
		{"admin key alone guards both", "adm", "", "adm", 202, 404},
		{"publish key alone", "", "pub", "", 401, 404},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, srv := start(t, Options{Key: tc.admin, PublishKey: tc.publish})
			for _, req := range []struct {
				method, path string
				want         int
			}{{"POST", "/api/publish", tc.wantPost}, {"GET", "/debug/pprof/cmdline", tc.wantGo}} {
				r, err := http.NewRequestWithContext(t.Context(), req.method, srv.URL+req.path, strings.NewReader(`{"topic":"t","event":"e"}`))
				if err != nil {
					t.Fatal(err)
				}
				if tc.bearer != "" {
					r.Header.Set("Authorization", "Bearer "+tc.bearer)
				}
				res, err := http.DefaultClient.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				res.Body.Close()
				if res.StatusCode != req.want {
					t.Errorf("%s %s: status %d, want %d", req.method, req.path, res.StatusCode, req.want)
				}
			}
		})
	}
}
