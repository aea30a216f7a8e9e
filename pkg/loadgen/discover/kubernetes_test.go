package discover_test

import (
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/discover"
	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// The endpoint slices of some services, as an API server of Kubernetes 1.33
// has them (shortened).
var slicesOf = map[string]string{
	"default/chat": `{"kind":"EndpointSliceList","metadata":{},"items":[
		{"addressType":"IPv6","ports":[{"name":"http","port":3000},{"name":"admin","port":3001}],"endpoints":[
			{"addresses":["fd00::1"],"conditions":{"ready":true},"targetRef":{"kind":"Pod","name":"chat-0"}}]},
		{"addressType":"IPv4","ports":[{"name":"http","port":3000},{"name":"admin","port":3001}],"endpoints":[
			{"addresses":["10.0.0.2"],"conditions":{"ready":true},"targetRef":{"kind":"Pod","name":"chat-1"}},
			{"addresses":["10.0.0.3"],"conditions":{"ready":false},"targetRef":{"kind":"Pod","name":"chat-2"}},
			{"addresses":["10.0.0.1"],"conditions":{},"targetRef":{"kind":"Pod","name":"chat-0"}}]}]}`,
	"staging/single":   `{"items":[{"addressType":"IPv4","ports":[{"name":"","port":8080}],"endpoints":[{"addresses":["10.0.1.1"],"conditions":{"ready":true}}]}]}`,
	"default/notready": `{"items":[{"addressType":"IPv4","ports":[{"name":"","port":80}],"endpoints":[{"addresses":["10.0.1.1"],"conditions":{"ready":false}}]}]}`,
	"default/none":     `{"items":[]}`,
}

// apiServer is the part of an API server that lists endpoint slices, a page
// for each slice. It wants a token.
func apiServer(t *testing.T) (url, ca string) {
	t.Helper()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer sesame" {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"kind":"Status","message":"Unauthorized"}`)
			return
		}
		parts := strings.Split(r.URL.Path, "/")
		if len(parts) != 7 || parts[1] != "apis" || parts[6] != "endpointslices" {
			http.NotFound(w, r)
			return
		}
		service, _ := strings.CutPrefix(r.URL.Query().Get("labelSelector"), "kubernetes.io/service-name=")
		if service == "secret" {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"message":"endpointslices is forbidden"}`)
			return
		}
		if service == "paged" {
			page := r.URL.Query().Get("continue")
			next := map[string]string{"": "b", "b": "c"}[page]
			ip := map[string]string{"": "10.1.0.5", "b": "10.1.0.7", "c": "10.1.0.6"}[page]
			fmt.Fprintf(w, `{"metadata":{"continue":%q},"items":[{"addressType":"IPv4","ports":[{"port":80}],"endpoints":[{"addresses":[%q]}]}]}`, next, ip)
			return
		}
		fmt.Fprint(w, slicesOf[parts[5]+"/"+service])
	}))
	t.Cleanup(s.Close)
	return s.URL, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
}

// machine is a machine with some variables and files.
func machine(env, files map[string]string) discover.Machine {
	return discover.Machine{
		Getenv: func(n string) string { return env[n] },
		ReadFile: func(path string) ([]byte, error) {
			if s, ok := files[path]; ok {
				return []byte(s), nil
			}
			return nil, &os.PathError{Op: "open", Path: path, Err: os.ErrNotExist}
		},
	}
}

const account = "/var/run/secrets/kubernetes.io/serviceaccount/"

func TestKubernetesFromInside(t *testing.T) {
	t.Parallel()
	url, ca := apiServer(t)
	hostport := strings.TrimPrefix(url, "https://")
	host, port, _ := strings.Cut(hostport, ":")
	env := map[string]string{"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
	files := map[string]string{account + "token": "sesame\n", account + "ca.crt": ca, account + "namespace": "default\n"}
	for _, tt := range []struct {
		name string
		s    discover.Service
		want []discover.Endpoint
		kind rt.ErrKind
		text string
	}{
		{name: "ready pods, once each", s: discover.Service{Name: "chat", Port: "http"}, want: []discover.Endpoint{{Name: "chat-0", Addr: "10.0.0.1:3000"}, {Name: "chat-1", Addr: "10.0.0.2:3000"}}},
		{name: "a port of the pods", s: discover.Service{Name: "chat", Port: "9000"}, want: []discover.Endpoint{{Name: "chat-0", Addr: "10.0.0.1:9000"}, {Name: "chat-1", Addr: "10.0.0.2:9000"}}},
		{name: "another namespace, the only port", s: discover.Service{Name: "single", Namespace: "staging"}, want: []discover.Endpoint{{Addr: "10.0.1.1:8080"}}},
		{name: "pages", s: discover.Service{Name: "paged"}, want: []discover.Endpoint{{Addr: "10.1.0.5:80"}, {Addr: "10.1.0.6:80"}, {Addr: "10.1.0.7:80"}}},
		{name: "which port", s: discover.Service{Name: "chat"}, kind: rt.KindUsage, text: "discover service default/chat: several ports, say which: http (3000), admin (3001)"},
		{name: "no such port", s: discover.Service{Name: "chat", Port: "web"}, kind: rt.KindUsage, text: `discover service default/chat: no port is called "web", there is http (3000), admin (3001)`},
		{name: "none ready", s: discover.Service{Name: "notready"}, kind: rt.KindUnreachable, text: "discover service default/notready: no pods"},
		{name: "no such service", s: discover.Service{Name: "none"}, kind: rt.KindUnreachable, text: "discover service default/none: it does not exist, or selects nothing"},
		{name: "forbidden", s: discover.Service{Name: "secret"}, kind: rt.KindUnreachable, text: "discover service default/secret: 403 Forbidden: endpointslices is forbidden (it needs a role that may list endpointslices of discovery.k8s.io)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := discover.Kubernetes(t.Context(), tt.s, machine(env, files))
			check(t, got, err, tt.want, tt.kind, tt.text)
		})
	}
	t.Run("no token", func(t *testing.T) {
		t.Parallel()
		_, err := discover.Kubernetes(t.Context(), discover.Service{Name: "chat"}, machine(env, map[string]string{account + "ca.crt": ca}))
		check(t, nil, err, nil, rt.KindUsage, "discover service chat: service account: open "+account+"token: file does not exist")
	})
	t.Run("nowhere", func(t *testing.T) {
		t.Parallel()
		_, err := discover.Kubernetes(t.Context(), discover.Service{Name: "chat"}, machine(nil, nil))
		check(t, nil, err, nil, rt.KindUsage, "discover service chat: no cluster: neither KUBECONFIG nor a service account")
	})
}

const kubeconfig = `apiVersion: v1
kind: Config
current-context: dev
contexts:
  - { name: other, context: { cluster: x, user: y } }
  - { name: dev, context: { cluster: c1, user: u1, namespace: staging } }
clusters:
  - { name: c1, cluster: { server: "URL", CA } }
users:
  - { name: u1, user: { USER } }
`

func TestKubernetesFromKubeconfig(t *testing.T) {
	t.Parallel()
	url, ca := apiServer(t)
	inline := "certificate-authority-data: " + base64.StdEncoding.EncodeToString([]byte(ca))
	for _, tt := range []struct{ name, ca, user, text string }{
		{name: "inline", ca: inline, user: "token: sesame"},
		{name: "files", ca: "certificate-authority: ca.pem", user: "tokenFile: token"},
		{name: "insecure", ca: "insecure-skip-tls-verify: true", user: "token: sesame"},
		{name: "wrong token", ca: inline, user: "token: nope", text: "discover service staging/single: 401 Unauthorized: Unauthorized"},
		{name: "a plugin", ca: inline, user: "exec: { command: aws }", text: `discover service single: k/config: user "u1" gets its credentials from a plugin, which is not supported: give it a token (kubectl create token) or a client certificate`},
		{name: "no file", ca: inline, user: "tokenFile: none", text: "discover service single: k/config: open k/none: file does not exist"},
		{name: "bad base64", ca: `certificate-authority-data: "%"`, user: "token: sesame", text: "discover service single: k/config: a -data field is not valid base64"},
		{name: "bad certificate", ca: "certificate-authority: token", user: "token: sesame", text: "discover service single: k/config: the certificate authority is no PEM certificate"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := machine(map[string]string{"KUBECONFIG": "k/config:k/second"}, map[string]string{
				"k/config": strings.NewReplacer("URL", url, "CA }", tt.ca+" }", "USER", tt.user).Replace(kubeconfig),
				"k/ca.pem": ca, "k/token": "sesame\n",
			})
			got, err := discover.Kubernetes(t.Context(), discover.Service{Name: "single"}, m)
			want := []discover.Endpoint{{Addr: "10.0.1.1:8080"}}
			if tt.text != "" {
				want = nil
			}
			kind := rt.KindUsage
			if strings.Contains(tt.text, "401") {
				kind = rt.KindUnreachable
			}
			check(t, got, err, want, kind, tt.text)
			if err != nil && strings.Contains(err.Error(), "sesame") {
				t.Error("a secret got out")
			}
		})
	}
	t.Run("an unknown authority", func(t *testing.T) {
		t.Parallel()
		_, err := discover.Kubernetes(t.Context(), discover.Service{Name: "single"}, machine(map[string]string{"KUBECONFIG": "c"}, map[string]string{
			"c": strings.NewReplacer("URL", url, ", CA", "", "USER", "token: sesame").Replace(kubeconfig),
		}))
		if rt.KindOf(err) != rt.KindUnreachable || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("got %v", err)
		}
	})
}
