package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/throttle"
)

// parseServe runs `rtk serve args…` up to where it would start, in an
// environment of its own.
func parseServe(t *testing.T, environ map[string]string, args ...string) (*serveFlags, server.Options, error) {
	t.Helper()
	env := &Env{
		Stdin: strings.NewReader(""), Stdout: &bytes.Buffer{}, Stderr: &bytes.Buffer{},
		LookupEnv: func(name string) (string, bool) { v, ok := environ[name]; return v, ok },
	}
	var flags *serveFlags
	var opts server.Options
	root := &cobra.Command{Use: "rtk", SilenceErrors: true, SilenceUsage: true}
	root.AddCommand(newServeCmdWith(env, func(_ context.Context, f *serveFlags) (err error) {
		flags = f
		if opts, err = f.options(env); err != nil {
			return err
		}
		v, err := f.verifier(env, nil)
		if v != nil {
			t.Cleanup(v.Close)
		}
		opts.Auth = v
		return err
	}))
	root.SetArgs(append([]string{"serve"}, args...))
	return flags, opts, root.ExecuteContext(t.Context())
}

const goodSecret = "0123456789abcdef0123456789abcdef"

func TestServeOptions(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		args  []string
		check func(f *serveFlags, o server.Options) bool
	}{
		{"defaults", nil, func(f *serveFlags, o server.Options) bool {
			return cmp.Equal(f.listen, []string{"127.0.0.1:3000"}) && f.adminListen == "127.0.0.1:3001" && f.serves("chat") && f.serves("feed") && !f.serves("echo") &&
				o.Auth == nil && o.Throttle.Off() && o.Faults == nil && o.WSNamespace == "/chat" && f.drain == 30*time.Second
		}},
		{"throttle", []string{"--throttle", "20/s", "--throttle-burst", "40"}, func(_ *serveFlags, o server.Options) bool {
			return o.Throttle == throttle.Limit{Rate: 20, Burst: 40}
		}},
		{"strikes never", []string{"--throttle", "20/s", "--throttle-strikes", "-1"}, func(_ *serveFlags, o server.Options) bool {
			return o.ThrottleStrikes == -1 && o.Throttle.Burst == 40
		}},
		{"secret", []string{"--jwt-secret", goodSecret}, func(_ *serveFlags, o server.Options) bool { return o.Auth != nil }},
		{"places", []string{"--auth-cookie", "sid", "--auth-query", "-"}, func(_ *serveFlags, o server.Options) bool {
			return o.AuthPlaces.Cookie == "sid" && o.AuthPlaces.Query == "-"
		}},
		{"services", []string{"--service", "echo"}, func(f *serveFlags, o server.Options) bool {
			return f.serves("echo") && !f.serves("chat") && o.WSNamespace == ""
		}},
		{"origins", []string{"--origins", "https://a.example,https://b.example"}, func(_ *serveFlags, o server.Options) bool {
			return cmp.Equal(o.Origins, []string{"https://a.example", "https://b.example"})
		}},
		{"no heartbeat comments", []string{"--sse-heartbeat", "-1s"}, func(_ *serveFlags, o server.Options) bool { return o.SSEHeartbeat < 0 }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, o, err := parseServe(t, nil, tt.args...)
			if err != nil {
				t.Fatal(err)
			}
			if !tt.check(f, o) {
				t.Errorf("rtk serve %v\nflags   %+v\noptions %+v", tt.args, f, o)
			}
		})
	}
}

func TestServeRefuses(t *testing.T) {
	t.Parallel()
	short := filepath.Join(t.TempDir(), "short")
	if err := os.WriteFile(short, []byte("hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		args []string
		want string // part of the error
	}{
		{"argument", []string{":3000"}, `serve takes no argument, got ":3000"`},
		{"unknown service", []string{"--service", "chta"}, `unknown service "chta", did you mean "chat"?`},
		{"no service", []string{"--service", ""}, "no service given"},
		{"short secret", []string{"--jwt-secret", "hunter2"}, "at least 32"},
		{"short secret in a file", []string{"--jwt-secret", "@" + short}, "at least 32"},
		{"empty secret", []string{"--jwt-secret", ""}, "--jwt-secret is set and empty"},
		{"secret file missing", []string{"--jwt-secret", "@/no/such/file"}, "no such file"},
		{"key file missing", []string{"--jwt-key", "/no/such/file"}, "no such file"},
		{"key file is not PEM", []string{"--jwt-key", short}, "PEM"},
		{"empty JWKS", []string{"--jwks", ""}, "the URL is empty"},
		{"audience without key", []string{"--jwt-audience", "chat"}, "--jwt-audience does nothing without a key"},
		{"algorithm none", []string{"--jwt-secret", goodSecret, "--jwt-alg", "none"}, "none"},
		{"algorithm without its key", []string{"--jwt-secret", goodSecret, "--jwt-alg", "RS256"}, "RS256"},
		{"throttle without period", []string{"--throttle", "20"}, "no period"},
		{"burst without throttle", []string{"--throttle-burst", "9"}, "do nothing without --throttle"},
		{"burst of zero", []string{"--throttle", "1/s", "--throttle-burst", "0"}, "at least 1"},
		{"profile", []string{"--ws-profile", "nest"}, "--ws-profile"},
		{"namespace without slash", []string{"--ws-namespace", "chat"}, "a namespace begins with /"},
		{"certificate without key", []string{"--tls-cert", "x"}, "--tls-cert needs --tls-key"},
		{"key without certificate", []string{"--tls-key", "x"}, "--tls-key needs --tls-cert"},
		{"payload of zero", []string{"--max-payload", "0"}, "--max-payload 0: must be at least 1"},
		{"negative queue", []string{"--queue-bytes", "-1"}, "--queue-bytes -1: must be at least 1"},
		{"negative ping", []string{"--ping-interval", "-1s"}, "--ping-interval -1s: must be positive"},
		{"unknown flag", []string{"--lisen", "x"}, "unknown flag"},
		{"faulty unconfirmed", []string{"--faulty", "dup=1%"}, "on purpose"},
		{"confirmed nothing", []string{"--i-know-this-breaks-delivery"}, "does nothing without --faulty"},
		{"empty admin key", []string{"--admin-key", ""}, "--admin-key is set and empty"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, _, err := parseServe(t, nil, tt.args...)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("rtk serve %v: error %v, want one with %q", tt.args, err, tt.want)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error shows the secret: %v", err)
			}
			if _, ok := errors.AsType[*usageError](err); !ok && tt.name != "unknown flag" { // the root command sorts that one
				t.Errorf("%v is not a usage error", err)
			}
		})
	}
}

func TestServeEnvironmentAndFile(t *testing.T) {
	t.Parallel()
	config := filepath.Join(t.TempDir(), "rtk.yaml")
	src := "serve:\n  listen: 127.0.0.1:4000\n  service: [chat, echo]\n  throttle: 5/s\n  faulty: [auth=late, dup=1%]\n  i-know-this-breaks-delivery: true\n"
	if err := os.WriteFile(config, []byte(src), 0o600); err != nil {
		t.Fatal(err)
	}
	f, o, err := parseServe(t, map[string]string{
		"RTK_CONFIG": config, "RTK_THROTTLE": "7/s", "RTK_SERVE_JWT_SECRET": goodSecret,
	}, "--listen", "127.0.0.1:5000")
	if err != nil {
		t.Fatal(err)
	}
	if !cmp.Equal(f.listen, []string{"127.0.0.1:5000"}) {
		t.Errorf("listen %q: the flag must win over the file", f.listen)
	}
	if o.Throttle.Rate != 7 {
		t.Errorf("throttle %v: the environment must win over the file", o.Throttle)
	}
	if d := cmp.Diff([]string{"chat", "echo"}, f.services); d != "" {
		t.Errorf("services (-want +got):\n%s", d)
	}
	if o.Auth == nil {
		t.Error("no verifier: the secret of the environment was not read")
	}
	if d := cmp.Diff([]string{"auth=late", "dup=0.01"}, o.Faults.Names()); d != "" {
		t.Errorf("faults (-want +got):\n%s", d)
	}
}

func TestServeConfigMistake(t *testing.T) {
	t.Parallel()
	config := filepath.Join(t.TempDir(), "rtk.yaml")
	if err := os.WriteFile(config, []byte("serve:\n  thrttle: 5/s\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err := parseServe(t, nil, "-f", config)
	if err == nil || !strings.Contains(err.Error(), config+`:2:3: unknown key "thrttle" in serve, did you mean "throttle"?`) {
		t.Errorf("error %v", err)
	}
}

func TestParseFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		spec string
		want *server.Faults
		err  string
	}{
		{"auth=off", &server.Faults{AuthOff: true}, ""},
		{"auth=late", &server.Faults{AuthLate: true}, ""},
		{"auth=leak", &server.Faults{AuthLeak: true}, ""},
		{"throttle=off", &server.Faults{ThrottleOff: true}, ""},
		{"throttle=late", &server.Faults{ThrottleLate: true}, ""},
		{"crosspod=off", &server.Faults{CrossPodOff: true}, ""},
		{"dup=1%, drop=0.5,reorder=100%,seed=7", &server.Faults{Dup: 0.01, Drop: 0.5, Reorder: 1, Seed: 7}, ""},
		{"", nil, "empty fault"},
		{"auth", nil, `"auth" has no value`},
		{"auth=", nil, `"auth" has no value`},
		{"auth=on", nil, "auth=on: want off, late, leak, silent or linger"},
		{"throttle=leak", nil, "want off or late"},
		{"crosspod=late", nil, "want off"},
		{"dup=0", nil, "above 0"},
		{"dup=NaN", nil, "above 0"},
		{"dup=101%", nil, "above 0 and at most 1"},
		{"dup=-1%", nil, "above 0"},
		{"dup=x", nil, "want a probability"},
		{"dup=1%,dup=2%", nil, `"dup" stands twice`},
		{"dupe=1%", nil, `unknown fault "dupe", did you mean "dup"?`},
		{"auth=off,", nil, "empty fault"},
		{"seed=5", nil, "breaks nothing"},
		{"seed=x,dup=1%", nil, "want a whole number"},
	}
	for _, tt := range tests {
		t.Run(tt.spec, func(t *testing.T) {
			t.Parallel()
			got, err := parseFaults(tt.spec)
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Fatalf("parseFaults(%q): error %v, want %q", tt.spec, err, tt.err)
			}
			if err == nil {
				if d := cmp.Diff(tt.want, got); d != "" {
					t.Errorf("parseFaults(%q) (-want +got):\n%s", tt.spec, d)
				}
			}
		})
	}
}
