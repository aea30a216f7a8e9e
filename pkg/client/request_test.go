package client

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

func TestRequest(t *testing.T) {
	t.Parallel()
	u := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Method", r.Method)
		if r.URL.Path == "/big" {
			_, _ = io.WriteString(w, strings.Repeat("x", maxResponse+5))
			return
		}
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, r.Header.Get("Authorization")+" "+string(body))
	}))
	d := New(Options{})
	defer d.Close()
	r, err := d.Request(context.Background(), &rt.Request{
		Method: "POST", URL: u.String() + "/api", Header: http.Header{"Authorization": {"Bearer t"}}, Body: []byte("hi"), LocalAddr: "127.0.9.9",
	})
	if err != nil {
		t.Fatal(err)
	}
	got := []any{r.Status, r.Header.Get("X-Method"), string(r.Body), r.Proto}
	if d := cmp.Diff([]any{418, "POST", "Bearer t hi", "HTTP/1.1"}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	r, err = d.Request(context.Background(), &rt.Request{URL: u.String() + "/big"})
	if err != nil || len(r.Body) != maxResponse || r.Header.Get("X-Method") != "GET" {
		t.Errorf("big answer: %d bytes, %v", len(r.Body), err)
	}
}

func TestRequestErrors(t *testing.T) {
	t.Parallel()
	slow := serve(t, http.HandlerFunc(silent))
	cases := []struct {
		name string
		r    rt.Request
		kind rt.ErrKind
	}{
		{"no URL", rt.Request{}, rt.KindUsage},
		{"other scheme", rt.Request{URL: "ftp://x/?token=" + secret}, rt.KindUsage},
		{"bad URL", rt.Request{URL: "http://x:y/?token=" + secret}, rt.KindUsage},
		{"bad source", rt.Request{URL: "http://127.0.0.1:1/?token=" + secret, LocalAddr: "x"}, rt.KindUsage},
		{"closed port", rt.Request{URL: "http://127.0.0.1:1/?token=" + secret}, rt.KindUnreachable},
		{"no answer", rt.Request{URL: slow.String() + "/?token=" + secret}, rt.KindTimeout},
		{"bad method", rt.Request{Method: "GET IT", URL: slow.String()}, rt.KindUsage},
	}
	d := New(Options{HandshakeTimeout: 1e8})
	defer d.Close()
	for _, tc := range cases {
		_, err := d.Request(context.Background(), &tc.r)
		if rt.KindOf(err) != tc.kind {
			t.Errorf("%s: got %v of kind %v, want %v", tc.name, err, rt.KindOf(err), tc.kind)
		}
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error gives the token away: %v", tc.name, err)
		}
	}
}
