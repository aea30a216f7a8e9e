package auth

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestExtract(t *testing.T) {
	t.Parallel()
	type in struct {
		payload string
		header  []string // Authorization lines
		cookie  string   // Cookie line
		query   string
		places  Places
	}
	tests := []struct {
		name string
		in   in
		want string // "" for none
	}{
		{"nothing", in{}, ""},
		{"payload", in{payload: `{"token":"p"}`}, "p"},
		{"header", in{header: []string{"Bearer h"}}, "h"},
		{"cookie", in{cookie: "a=b; token=c"}, "c"},
		{"query", in{query: "EIO=4&token=q"}, "q"},

		{"payload first", in{`{"token":"p"}`, []string{"Bearer h"}, "token=c", "token=q", Places{}}, "p"},
		{"header second", in{"{}", []string{"Bearer h"}, "token=c", "token=q", Places{}}, "h"},
		{"cookie third", in{"", nil, "token=c", "token=q", Places{}}, "c"},
		{"other auth in the payload", in{payload: `{"user":"ana"}`, query: "token=q"}, "q"},

		{"payload switched off", in{payload: `{"token":"p"}`, header: []string{"Bearer h"}, places: Places{NoAuthPayload: true}}, "h"},
		{"header switched off", in{header: []string{"Bearer h"}, query: "token=q", places: Places{NoHeader: true}}, "q"},
		{"cookie switched off", in{cookie: "token=c", places: Places{Cookie: "-"}}, ""},
		{"query switched off", in{query: "token=q", places: Places{Query: "-"}}, ""},
		{"cookie of another name", in{cookie: "token=c; session=s", places: Places{Cookie: "session"}}, "s"},
		{"query of another name", in{query: "token=q&jwt=j", places: Places{Query: "jwt"}}, "j"},

		{"payload name in capitals", in{payload: `{"TOKEN":"p","Token":"q"}`}, ""},
		{"payload name escaped", in{payload: `{"\u0074oken":"p"}`}, "p"},
		{"payload token escaped", in{payload: `{"token":"\u0070"}`}, "p"},
		{"payload token nested", in{payload: `{"auth":{"token":"p"}}`}, ""},
		{"payload token is null", in{payload: `{"token":null}`, query: "token=q"}, "q"},
		{"payload token is empty", in{payload: `{"token":""}`, query: "token=q"}, "q"},
		{"payload token is a number", in{payload: `{"token":7}`, query: "token=q"}, ""},
		{"payload token is an object", in{payload: `{"token":{"token":"p"}}`, query: "token=q"}, ""},
		{"payload token twice", in{payload: `{"token":"p","token":"q"}`, header: []string{"Bearer h"}}, ""},
		{"payload token twice, once null", in{payload: `{"token":"p","token":null}`}, ""},
		{"payload token twice, once escaped", in{payload: `{"token":"p","tok\u0065n":"q"}`}, ""},
		{"payload is a list", in{payload: `["token"]`, query: "token=q"}, "q"},
		{"payload is text", in{payload: `"token"`}, ""},
		{"payload is broken", in{payload: `{"token":"p"`, query: "token=q"}, ""},

		{"scheme in small letters", in{header: []string{"bearer h"}}, "h"},
		{"spaces around", in{header: []string{"  Bearer   h  "}}, "h"},
		{"no token behind the scheme", in{header: []string{"Bearer "}, query: "token=q"}, "q"},
		{"other scheme", in{header: []string{"Basic dTpw"}, query: "token=q"}, "q"},
		{"scheme run together with the token", in{header: []string{"Bearerh"}}, ""},
		{"two header lines", in{header: []string{"Bearer h", "Bearer g"}, query: "token=q"}, ""},
		{"two equal header lines", in{header: []string{"Bearer h", "Bearer h"}}, ""},
		{"two header lines of two schemes", in{header: []string{"Basic dTpw", "Bearer h"}}, ""},

		{"two cookies", in{cookie: "token=c; token=d", query: "token=q"}, ""},
		{"quoted cookie", in{cookie: `token="c"`}, "c"},
		{"empty cookie", in{cookie: "token=", query: "token=q"}, "q"},
		{"cookie name in capitals", in{cookie: "TOKEN=c"}, ""},
		{"query twice", in{query: "token=q&token=r"}, ""},
		{"query escaped", in{query: "%74oken=%71"}, "q"},
		{"query empty", in{query: "token="}, ""},
		{"query name in capitals", in{query: "Token=q"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := &http.Request{URL: &url.URL{Path: "/ws", RawQuery: tt.in.query}, Header: http.Header{}}
			for _, line := range tt.in.header {
				r.Header.Add("Authorization", line)
			}
			if tt.in.cookie != "" {
				r.Header.Set("Cookie", tt.in.cookie)
			}
			got, ok := Extract(r, []byte(tt.in.payload), tt.in.places)
			if got != tt.want || ok != (tt.want != "") {
				t.Errorf("Extract = %q, %v, want %q", got, ok, tt.want)
			}
		})
	}
}

func TestExtractWithoutRequest(t *testing.T) {
	t.Parallel()
	if got, ok := Extract(nil, nil, Places{}); got != "" || ok {
		t.Errorf("Extract of nothing = %q, %v", got, ok)
	}
	if got, ok := Extract(nil, []byte(`{"token":"p"}`), Places{}); got != "p" || !ok {
		t.Errorf("Extract of a payload alone = %q, %v, want p", got, ok)
	}
}

func FuzzExtract(f *testing.F) {
	f.Add("Bearer h", "token=c", "token=q", []byte(`{"token":"p"}`))
	f.Add("Basic x", `token="`, "token=%zz&;token", []byte(`{"token":"p","token":1}`))
	f.Add("", "", "token=q", []byte(`{"\u0074oken":"\ud800"}`))
	f.Fuzz(func(t *testing.T, header, cookie, query string, payload []byte) {
		r := &http.Request{URL: &url.URL{RawQuery: query}, Header: http.Header{"Authorization": {header}, "Cookie": {cookie}}}
		token, ok := Extract(r, payload, Places{})
		if ok != (token != "") {
			t.Errorf("Extract = %q, %v", token, ok)
		}
		token, ok = Extract(r, payload, Places{NoAuthPayload: true, NoHeader: true, Cookie: "-", Query: "-"})
		if ok || token != "" {
			t.Errorf("Extract from no place = %q, %v", token, ok)
		}
		// Whatever a query is read to hold must not survive in a log.
		token, ok = Extract(r, nil, Places{NoHeader: true, Cookie: "-"})
		if clean := RedactQuery("/ws?"+query, "token"); ok && len(token) > 8 {
			if left, err := url.Parse(clean); err == nil && strings.Contains(left.RawQuery, "token="+token) {
				t.Errorf("RedactQuery(%q) = %q, which holds %q", query, clean, token)
			}
		}
	})
}

func TestRedactQuery(t *testing.T) {
	t.Parallel()
	const jwt = "eyJhbGciOiJub25lIn0.e30."
	tests := []struct {
		name  string
		u     string
		names []string
		want  string
	}{
		{"no query", "/ws", nil, "/ws"},
		{"nothing secret", "/ws?EIO=4&t=x", nil, "/ws?EIO=4&t=x"},
		{"token", "/ws?EIO=4&token=s3cret&t=x", nil, "/ws?EIO=4&token=REDACTED&t=x"},
		{"whole URL", "wss://h.test/ws?token=s3cret#frag", nil, "wss://h.test/ws?token=REDACTED#REDACTED"},
		{"own names", "/ws?jwt=s3cret&key=s3cret&token=open", []string{"jwt", "key"}, "/ws?jwt=REDACTED&key=REDACTED&token=open"},
		{"capitals", "/ws?Token=s3cret", nil, "/ws?Token=REDACTED"},
		{"escaped name", "/ws?%74oken=s3cret", nil, "/ws?%74oken=REDACTED"},
		{"undecodable name", "/ws?%zz=s3cret", nil, "/ws?%zz=REDACTED"},
		{"twice", "/ws?token=a&token=b", nil, "/ws?token=REDACTED&token=REDACTED"},
		{"semicolons", "/ws?a=1;token=s3cret", nil, "/ws?a=1;token=REDACTED"},
		{"equals signs in the value", "/ws?token=s3=cret=", nil, "/ws?token=REDACTED"},
		{"no value", "/ws?token&token=&a", nil, "/ws?token&token=&a"},
		{"JWT under any name", "/ws?x=" + jwt, nil, "/ws?x=REDACTED"},
		{"no URL at all", "::?token=s3cret\x00", nil, "::?token=REDACTED"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := RedactQuery(tt.u, tt.names...); got != tt.want {
				t.Errorf("RedactQuery(%q) = %q, want %q", tt.u, got, tt.want)
			}
		})
	}
}

func BenchmarkExtract(b *testing.B) {
	b.ReportAllocs()
	r := &http.Request{URL: &url.URL{RawQuery: "EIO=4&transport=websocket"}, Header: http.Header{}}
	payload := []byte(`{"user":"ana","token":"` + strings.Repeat("x", 300) + `"}`)
	for b.Loop() {
		if _, ok := Extract(r, payload, Places{}); !ok {
			b.Fatal("no token")
		}
	}
}
