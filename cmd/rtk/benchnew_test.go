package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/realtime-toolkit/rtk/scenarios"
)

// templateFlags are the flags of the gateway that a template asks for.
var templateFlags = map[string][]string{
	"auth-matrix": {"--jwt-secret", "0123456789abcdef0123456789abcdef"},
	"throttle":    {"--throttle", "20/s", "--throttle-burst", "10", "--throttle-strikes", "-1"},
}

// Every template lints, with each of its profiles, and passes against a
// gateway.
func TestTemplatesRun(t *testing.T) {
	t.Parallel()
	if len(scenarios.Templates()) < 7 {
		t.Fatal("templates are missing")
	}
	open := startServeCmd(t, nil)
	for _, template := range scenarios.Templates() {
		t.Run(template.Name, func(t *testing.T) {
			t.Parallel()
			s := open
			if flags := templateFlags[template.Name]; flags != nil {
				s = startServeCmd(t, nil, flags...)
			}
			file := filepath.Join(t.TempDir(), "x.rtk.yaml")
			vars := map[string]string{
				"JWT_SECRET": "0123456789abcdef0123456789abcdef", "DURATION": "1s", "URL": s.public,
				"PUBLISH_URL": s.admin + "/api/publish", "WS_URL": "ws" + strings.TrimPrefix(s.public, "http") + "/ws?namespace=/chat",
			}
			env, out := lintEnv(vars)
			signals := make(chan os.Signal)
			env.Notify = func() (<-chan os.Signal, func()) { return signals, func() {} }
			if err := execute(newBenchNewCmd(env), template.Name, file); err != nil {
				t.Fatal(err)
			}
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(string(src), "# yaml-language-server: $schema=") {
				t.Error("it begins without the line for editors")
			}
			if err := execute(newBenchLintCmd(env), file); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			err = decided(t, func() error {
				out.Reset()
				return execute(newRoot(env), "bench", file, "--progress", "none", "--seed", "7")
			})
			if exitCode(err) != exitOK {
				t.Errorf("exit code %d (%v)\n%s%s", exitCode(err), err, out, env.Stderr)
			}
		})
	}
}

// A template says the same whether a server is good or not there: nothing
// passes without one.
func TestTemplatesFailWithoutAServer(t *testing.T) {
	t.Parallel()
	closed := "http://" + closedPort(t)
	for _, template := range scenarios.Templates() {
		t.Run(template.Name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "x.rtk.yaml")
			env, out := lintEnv(map[string]string{
				"JWT_SECRET": "0123456789abcdef0123456789abcdef", "DURATION": "1s", "URL": closed,
				"PUBLISH_URL": closed, "WS_URL": strings.Replace(closed, "http", "ws", 1),
			})
			env.Notify = func() (<-chan os.Signal, func()) { return make(chan os.Signal), func() {} }
			if err := execute(newBenchNewCmd(env), template.Name, file); err != nil {
				t.Fatal(err)
			}
			err := execute(newRoot(env), "bench", file, "--progress", "none")
			if code := exitCode(err); code != exitUnreachable {
				t.Errorf("exit code %d (%v), want %d\n%s", code, err, exitUnreachable, out)
			}
		})
	}
}

func TestBenchNew(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "a.yaml")
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (string, string, int) {
		env, out := lintEnv(nil)
		err := execute(newBenchNewCmd(env), args...)
		var b bytes.Buffer
		if err != nil {
			printError(&b, err)
		}
		return out.String(), b.String(), exitCode(err)
	}
	for _, tt := range []struct {
		args []string
		code int
		text string
	}{
		{[]string{"chat", file}, exitUsage, "exists and is not overwritten"},
		{[]string{"chta"}, exitUsage, `no template "chta", did you mean "chat"?`},
		{[]string{"../scenarios"}, exitUsage, "no template"},
		{nil, exitUsage, "no template given"},
		{[]string{"chat", "a", "b"}, exitUsage, "not 3 arguments"},
		{[]string{"chat", filepath.Join(dir, "no", "x.yaml")}, exitUsage, "no such file"},
	} {
		_, text, code := run(tt.args...)
		if code != tt.code || !strings.Contains(text, tt.text) {
			t.Errorf("%v: exit code %d: %s", tt.args, code, text)
		}
	}
	if src, err := os.ReadFile(file); err != nil || string(src) != "mine" {
		t.Errorf("the file was written to: %s, %v", src, err)
	}
	if out, _, code := run("chat", "-"); code != exitOK || !strings.Contains(out, "version: 1\n") {
		t.Errorf("on stdout: %d, %s", code, out)
	}
	out, _, _ := run("--list")
	for _, template := range scenarios.Templates() {
		if !slices.ContainsFunc(strings.Split(out, "\n"), func(l string) bool { return strings.HasPrefix(l, template.Name+" ") }) {
			t.Errorf("%s is not listed", template.Name)
		}
	}
}
