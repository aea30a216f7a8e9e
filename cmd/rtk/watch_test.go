package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// parseWatch runs the flag parser alone.
func parseWatch(t *testing.T, environ map[string]string, args ...string) (*watchFlags, *Env, error) {
	t.Helper()
	env := &Env{
		Stdin: strings.NewReader("stdin-token\n"), Stdout: io.Discard, Stderr: io.Discard,
		LookupEnv: func(name string) (string, bool) { v, ok := environ[name]; return v, ok },
	}
	var flags *watchFlags
	cmd := newWatchCmdWith(env, func(_ context.Context, f *watchFlags) error { flags = f; return f.check() })
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.Flags().String("color", "auto", "")
	cmd.SetArgs(args)
	return flags, env, cmd.ExecuteContext(t.Context())
}

func TestWatchRequest(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(secret, []byte("file-token\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	type got struct {
		Protocol, Namespace, Framing, Path, Auth, Bearer string
		Query                                            [][2]string
		Transports                                       []rt.Transport
		Known                                            []string
	}
	tests := []struct {
		name    string
		environ map[string]string
		args    []string
		want    got
	}{
		{"socketio", nil, []string{"http://h/socket.io/"}, got{Protocol: "socketio", Namespace: "/", Framing: "nest", Path: "/socket.io/"}},
		{"namespace and token", nil, []string{"sio+http://h", "-n", "chat", "--token", "abcd"}, got{Protocol: "socketio", Namespace: "/chat", Framing: "nest", Auth: `{"token":"abcd"}`, Known: []string{"abcd"}}},
		{"token of a file", nil, []string{"ws://h/ws", "--token", "@" + secret}, got{Protocol: "websocket", Framing: "nest", Path: "/ws", Bearer: "Bearer file-token", Known: []string{"file-token"}}},
		{"token of stdin", nil, []string{"ws://h/ws", "--token", "@-"}, got{Protocol: "websocket", Framing: "nest", Path: "/ws", Bearer: "Bearer stdin-token", Known: []string{"stdin-token"}}},
		{"token of the environment", map[string]string{"RTK_TOKEN": "envtoken"}, []string{"ws://h/ws"}, got{Protocol: "websocket", Framing: "nest", Path: "/ws", Bearer: "Bearer envtoken", Known: []string{"envtoken"}}},
		{"a given header wins", nil, []string{"ws://h/ws", "--token", "abcd", "-H", "Authorization: Basic eA=="}, got{Protocol: "websocket", Framing: "nest", Path: "/ws", Bearer: "Basic eA==", Known: []string{"Basic eA==", "abcd"}}},
		{"namespace of /ws", nil, []string{"ws://h/ws", "-n", "/chat", "--framing", "raw"}, got{Protocol: "websocket", Namespace: "/chat", Framing: "raw", Path: "/ws", Query: [][2]string{{"namespace", "/chat"}}}},
		{"sse", nil, []string{"sse+http://h", "--topic", "a", "--topic", "b"}, got{Protocol: "sse", Framing: "nest", Path: "/events", Query: [][2]string{{"topic", "a"}, {"topic", "b"}}}},
		{"protocol by flag", nil, []string{"h/live", "--protocol", "sse"}, got{Protocol: "sse", Framing: "nest", Path: "/live"}},
		{"transports", nil, []string{"sio+http://h", "--transport", "polling,websocket"}, got{Protocol: "socketio", Namespace: "/", Framing: "nest", Transports: []rt.Transport{rt.TransportPolling, rt.TransportWebSocket}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, env, err := parseWatch(t, tt.environ, tt.args...)
			if err != nil {
				t.Fatal(err)
			}
			r, mask, err := f.request(env)
			if err != nil {
				t.Fatal(err)
			}
			f.complete(r)
			g := got{
				Protocol: string(r.Target.Protocol), Namespace: r.Target.Namespace, Framing: string(r.Target.Framing),
				Path: r.Target.URL.Path, Auth: string(r.Auth), Bearer: r.Header.Get("Authorization"),
				Query: r.Query, Transports: r.Target.Transports, Known: mask.Known,
			}
			if diff := cmp.Diff(tt.want, g); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestWatchUsage(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"no target", nil, "watch wants one target, got 0"},
		{"two targets", []string{"a", "b"}, "got 2"},
		{"protocol", []string{"h", "--protocol", "mqtt"}, `--protocol "mqtt": want socketio, websocket or sse`},
		{"output", []string{"h", "-o", "json"}, `--output "json": want text or ndjson`},
		{"tui", []string{"h", "--tui", "maybe"}, "--tui"},
		{"framing", []string{"h", "--framing", "x"}, "--framing"},
		{"buffer", []string{"h", "--buffer", "0"}, "--buffer 0"},
		{"timeout", []string{"h", "--connect-timeout", "0s"}, "--connect-timeout 0s"},
		{"screen and lines", []string{"h", "--tui", "always", "-o", "text"}, "exclude each other"},
		{"unknown flag", []string{"h", "--nosuch"}, "nosuch"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, _, err := parseWatch(t, nil, tt.args...)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
	for _, tt := range []struct {
		name string
		args []string
		want string
	}{
		{"target", []string{"ftp://h"}, "unknown scheme"},
		{"transport", []string{"h", "--transport", "carrier-pigeon"}, "--transport"},
		{"header", []string{"h", "-H", "novalue"}, "NAME:VALUE"},
		{"token file", []string{"h", "--token", "@/nonexistent/token"}, "--token"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, env, err := parseWatch(t, nil, tt.args...)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := f.request(env); err == nil || !strings.Contains(err.Error(), tt.want) || exitCode(err) != exitUsage {
				t.Errorf("error %v with exit code %d, want %q", err, exitCode(err), tt.want)
			}
		})
	}
}

func TestWatchFilterFlags(t *testing.T) {
	t.Parallel()
	f, _, err := parseWatch(t, nil, "h", "-e", "message", "-e", "user.*", "--filter", "size>1k")
	if err != nil {
		t.Fatal(err)
	}
	filter, err := f.parseFilter()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := filter.String(), "ev:message,user.* size>1k"; got != want {
		t.Errorf("filter %q, want %q", got, want)
	}
	f.filter = "/open"
	if _, err := f.parseFilter(); exitCode(err) != exitUsage {
		t.Errorf("error %v", err)
	}
}

func TestWatchScreenOrLines(t *testing.T) {
	t.Parallel()
	f, env, err := parseWatch(t, nil, "h")
	if err != nil {
		t.Fatal(err)
	}
	if screen, err := f.wantsScreen(env); screen || err != nil {
		t.Errorf("without a terminal: %v, %v", screen, err)
	}
	f.tui = "always"
	if _, err := f.wantsScreen(env); exitCode(err) != exitUsage {
		t.Errorf("--tui always without a terminal: %v", err)
	}
}

func TestWatchInput(t *testing.T) {
	t.Parallel()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	defer write.Close()
	for _, tt := range []struct {
		name string
		in   io.Reader
		want bool
	}{
		{"none", nil, false},
		{os.DevNull, null, false},
		{"pipe", read, true},
		{"reader", strings.NewReader(""), true},
	} {
		if got := hasInput(&Env{Stdin: tt.in}); got != tt.want {
			t.Errorf("hasInput of %s = %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestWatchHidesSecretsInErrors: a token in a target must not come out again.
func TestWatchHidesSecretsInErrors(t *testing.T) {
	t.Parallel()
	var stderr bytes.Buffer
	env := &Env{
		Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: &stderr,
		LookupEnv: func(string) (string, bool) { return "", false },
		Notify:    func() (<-chan os.Signal, func()) { return nil, func() {} },
	}
	for _, target := range []string{"http://127.0.0.1:1/?token=hunter2", "sio+http://ana:hunter2@127.0.0.1:1/?token=hunter2", "ws://127.0.0.1:1/?token=hunter2"} {
		code := run(t.Context(), env, []string{"watch", target, "--no-reconnect", "--token", "hunter2hunter2"})
		if code != exitUnreachable {
			t.Errorf("%s: exit code %d, want %d", target, code, exitUnreachable)
		}
	}
	if strings.Contains(stderr.String(), "hunter2") {
		t.Errorf("the secret is in\n%s", stderr.String())
	}
}
