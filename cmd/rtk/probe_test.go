package main

import (
	"bytes"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

func TestProbe(t *testing.T) {
	t.Parallel()
	closed := make(chan string, 8)
	engineIO := func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			closed <- r.URL.Query().Get("sid")
			_, _ = w.Write([]byte("ok"))
			return
		}
		if r.URL.Query().Get("EIO") != "4" || r.URL.Query().Get("transport") != "polling" {
			http.Error(w, "bad request", http.StatusBadRequest)
			return
		}
		_, _ = w.Write([]byte(`0{"sid":"abc","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}` + "\x1e2"))
	}
	upgrade := func(w http.ResponseWriter, r *http.Request) {
		if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
			http.Error(w, "upgrade required", http.StatusUpgradeRequired)
			return
		}
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Connection", "Upgrade")
		w.WriteHeader(http.StatusSwitchingProtocols)
	}
	stream := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		<-r.Context().Done() // a stream does not end by itself
	}
	noPolling := func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"code":0,"message":"Transport unknown"}`))
	}
	hangUp := func(w http.ResponseWriter, _ *http.Request) {
		if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
			conn.Close()
		}
	}
	silent := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	tests := []struct {
		name      string
		routes    map[string]http.HandlerFunc
		path      string
		want      rt.Protocol
		namespace string
		url       string // path that is left
		said      string
	}{
		{"Socket.IO", map[string]http.HandlerFunc{"/socket.io/": engineIO}, "", rt.SocketIO, "", "", "speaks socketio"},
		{"Socket.IO namespace", map[string]http.HandlerFunc{"/socket.io/": engineIO}, "/chat", rt.SocketIO, "/chat", "/socket.io/", "namespace /chat"},
		{"Socket.IO without polling", map[string]http.HandlerFunc{"/socket.io/": noPolling}, "/", rt.SocketIO, "", "/", "speaks socketio"},
		{"Socket.IO that hangs up on unknown upgrades", map[string]http.HandlerFunc{"/": hangUp, "/socket.io/": noPolling}, "/chat", rt.SocketIO, "/chat", "/socket.io/", "namespace /chat"},
		{"Socket.IO that leaves unknown requests open", map[string]http.HandlerFunc{"/": silent, "/socket.io/": noPolling}, "/chat", rt.SocketIO, "/chat", "/socket.io/", "namespace /chat"},
		{"SSE", map[string]http.HandlerFunc{"/socket.io/": engineIO, "/events": stream}, "/events", rt.SSE, "", "/events", "speaks sse"},
		{"SSE at the root", map[string]http.HandlerFunc{"/": stream, "/socket.io/": http.NotFound}, "", rt.SSE, "", "", "speaks sse"},
		{"WebSocket", map[string]http.HandlerFunc{"/socket.io/": engineIO, "/ws": upgrade}, "/ws", rt.WebSocket, "", "/ws", "speaks websocket"},
		{"nothing known", map[string]http.HandlerFunc{}, "/x", rt.WebSocket, "", "/x", "trying websocket"},
		{"nonsense at /socket.io/", map[string]http.HandlerFunc{"/socket.io/": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`0{"sid":`)) }}, "", rt.WebSocket, "", "", "trying websocket"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			mux := http.NewServeMux()
			for path, h := range tt.routes {
				mux.HandleFunc(path, h)
			}
			srv := httptest.NewServer(mux)
			t.Cleanup(srv.Close)
			target, err := rt.ParseTarget(srv.URL + tt.path)
			if err != nil {
				t.Fatal(err)
			}
			r := &rt.DialRequest{Target: target, Header: http.Header{}}
			var said bytes.Buffer
			if err := probe(t.Context(), &Env{Stderr: &said}, &watchFlags{connectTimeout: 2 * time.Second}, r); err != nil {
				t.Fatal(err)
			}
			if r.Target.Protocol != tt.want || r.Target.Namespace != tt.namespace || r.Target.URL.Path != tt.url {
				t.Errorf("%q, namespace %q, path %q", r.Target.Protocol, r.Target.Namespace, r.Target.URL.Path)
			}
			if !strings.Contains(said.String(), tt.said) {
				t.Errorf("said %q, want %q", said.String(), tt.said)
			}
		})
	}
	t.Cleanup(func() {
		close(closed)
		n := 0
		for sid := range closed {
			if n++; sid != "abc" {
				t.Errorf("closed session %q", sid)
			}
		}
		if n != 2 {
			t.Errorf("%d sessions were closed, want the 2 that were opened", n)
		}
	})
}

func TestProbeFailures(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-hang:
		}
	}))
	t.Cleanup(silent.Close)
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for _, tt := range []struct {
		name, url string
		kind      rt.ErrKind
	}{
		{"closed port", gone.URL, rt.KindUnreachable},
		{"no answer", silent.URL, rt.KindTimeout},
		{"unknown certificate", secure.URL, rt.KindTLS},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			target, err := rt.ParseTarget(tt.url + "/?token=hunter2")
			if err != nil {
				t.Fatal(err)
			}
			err = probe(t.Context(), &Env{Stderr: &bytes.Buffer{}}, &watchFlags{connectTimeout: 300 * time.Millisecond}, &rt.DialRequest{Target: target, Header: http.Header{}})
			if rt.KindOf(err) != tt.kind {
				t.Errorf("error %v of kind %v, want %v", err, rt.KindOf(err), tt.kind)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the query is in the error: %v", err)
			}
		})
	}
}
