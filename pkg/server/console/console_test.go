package console

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func TestPage(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(Handler())
	defer srv.Close()
	res, err := srv.Client().Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("status %d, type %q", res.StatusCode, res.Header.Get("Content-Type"))
	}
	if strings.Contains(string(body), "{{") {
		t.Error("the page has an unfilled place")
	}

	// A policy that does not match its page would leave it dead.
	policy := res.Header.Get("Content-Security-Policy")
	for _, element := range []string{"style", "script"} {
		m := regexp.MustCompile(`(?s)<` + element + `>(.*?)</` + element + `>`).FindSubmatch(body)
		if m == nil {
			t.Fatalf("no <%s>", element)
		}
		if want := element + "-src " + source(string(m[1])); !strings.Contains(policy, want) {
			t.Errorf("policy %q lacks %q", policy, want)
		}
	}
	// Self-contained: nothing is loaded from anywhere.
	for _, m := range regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllSubmatch(body, -1) {
		if !strings.HasPrefix(string(m[1]), "data:") {
			t.Errorf("the page loads %q", m[1])
		}
	}
}

func TestMethodsAndCache(t *testing.T) {
	t.Parallel()
	get := func(method, etag string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "/", nil)
		r.Header.Set("If-None-Match", etag)
		w := httptest.NewRecorder()
		Handler().ServeHTTP(w, r)
		return w
	}
	etag := get("GET", "").Header().Get("ETag")
	tests := []struct {
		name, method, etag string
		status             int
		empty              bool
	}{
		{"get", "GET", "", 200, false},
		{"head", "HEAD", "", 200, true},
		{"unchanged", "GET", etag, 304, true},
		{"post", "POST", "", 405, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := get(tt.method, tt.etag)
			if w.Code != tt.status || (w.Body.Len() == 0) != tt.empty {
				t.Errorf("status %d with %d bytes, want %d, empty %v", w.Code, w.Body.Len(), tt.status, tt.empty)
			}
		})
	}
}
