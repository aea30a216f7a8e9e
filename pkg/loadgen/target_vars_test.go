package loadgen

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

type requesterFunc func(*rt.Request) (*rt.Response, error)

func (f requesterFunc) Request(_ context.Context, r *rt.Request) (*rt.Response, error) { return f(r) }

// A client's row reaches the handshake (query, path, header, token) and its
// requests, and nothing in it can become another header or parameter.
func TestRowsInHandshakesAndRequests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		src := `version: 1
data: { u: { file: u.csv } }
targets:
  api: { url: "http://h/base/{{data.u.name}}?user={{data.u.name}}&x=1", protocol: socketio, headers: { X-Name: "{{data.u.name}}", X-Same: s } }
  hook: { url: "http://h/p?u={{data.u.name}}", protocol: http, headers: { X-Name: "n{{client.index}}" } }
auth:
  row: { raw: "{{data.u.token}}" }
  minted: { jwt: { alg: HS256, secret: s, claims: { sub: "{{data.u.name}}" } } }
clients:
  a: { count: 2, target: api, auth: row, flow: [{ emit: echo, args: ["{{data.u.name}}"] }] }
  b: { count: 2, target: hook, auth: minted, flow: [{ publish: POST, path: "/{{data.u.name}}?q={{data.u.name}}", json: { n: "{{data.u.name}}" } }] }
`
		sc, diags := Parse("x.yaml", []byte(src), nil)
		if diags != nil {
			t.Fatal(diags.Format())
		}
		if err := sc.LoadFiles(filesOf(map[string]string{"u.csv": "name,token\nann,t1\n\"b&c=/d\r\nX-Evil: 1\",t2\n"})); err != nil {
			t.Fatal(err)
		}
		p, err := Compile(sc, CompileOptions{Seed: 1, RunID: "r"})
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var dialed, requested []string
		s := &fakeServer{dial: func(r *rt.DialRequest, _ *fakeConn) error {
			mu.Lock()
			defer mu.Unlock()
			dialed = append(dialed, r.Target.URL.String()+" "+r.Header.Get("X-Name")+" "+r.Header.Get("X-Same")+r.Header.Get("X-Evil")+" "+string(r.Auth))
			return nil
		}}
		req := requesterFunc(func(r *rt.Request) (*rt.Response, error) {
			mu.Lock()
			defer mu.Unlock()
			requested = append(requested, r.URL+" "+r.Header.Get("X-Name")+" "+string(r.Body))
			if len(r.Header.Get("Authorization")) < 50 {
				t.Error("no token")
			}
			return &rt.Response{Status: 200}, nil
		})
		r, err := Run(t.Context(), p, Options{Dialer: s, Requester: req})
		if err != nil {
			t.Fatal(err)
		}
		wantBroken(t, r)
		slices.Sort(dialed)
		slices.Sort(requested)
		if diff := cmp.Diff([]string{
			`http://h/base/ann?user=ann&x=1 ann s {"token":"t1"}`,
			"http://h/base/b&c=%2Fd%0AX-Evil:%201?user=b%26c%3D%2Fd%0AX-Evil%3A%201&x=1 b&c=/dX-Evil: 1 s {\"token\":\"t2\"}",
		}, dialed); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{
			`http://h/p/ann?u=ann&q=ann n0 {"n":"ann"}`,
			`http://h/p/b%26c%3D%2Fd%0AX-Evil%3A%201?u=b%26c%3D%2Fd%0AX-Evil%3A%201&q=b%26c%3D%2Fd%0AX-Evil%3A%201 n1 {"n":"b&c=/d\nX-Evil: 1"}`,
		}, requested); diff != "" {
			t.Error(diff)
		}
	})
}
