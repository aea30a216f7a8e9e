package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/redis/rueidis"

	"github.com/realtime-toolkit/rtk/internal/rttest"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster/redis"
	"github.com/realtime-toolkit/rtk/pkg/wire/redisadapter"
)

// runInteropCmd runs `rtk interop args…` to its end.
func runInteropCmd(t *testing.T, environ map[string]string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	env := &Env{
		Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs,
		LookupEnv: func(name string) (string, bool) { v, ok := environ[name]; return v, ok },
		Notify:    newEnv().Notify,
	}
	code = run(t.Context(), env, append([]string{"interop"}, args...))
	return code, out.String(), errs.String()
}

func TestInterop(t *testing.T) {
	t.Parallel()
	url := rttest.Redis(t)
	_, pod := servePod(t, map[string]string{"RTK_REDIS": url}, "--pod-id", "pod-a", "--redis-subscribe", "rooms")
	code, out, errs := runInteropCmd(t, map[string]string{"RTK_REDIS": url}, "--for", "300ms")
	if code != exitOK || errs != "" {
		t.Errorf("exit code %d, stderr %q", code, errs)
	}
	for _, want := range []string{
		"redis 7", "standalone, 1 node\n", "\nprefix socket.io   adapter classic\n",
		"  namespace /chat        1 server", "  rtk pod pod-a   ", "   classic\n", "\nok: nothing is wrong",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("output lacks %q:\n%s", want, out)
		}
	}
	pod.untilReady(true)

	option, err := rueidis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	option.DisableCache = true
	c, err := rueidis.NewClient(option)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	conn, release := c.Dedicate()
	defer release()
	if err := conn.Do(t.Context(), conn.B().Ssubscribe().Channel("socket.io#/chat#").Build()).Error(); err != nil {
		t.Fatal(err)
	}
	code, out, _ = runInteropCmd(t, nil, url, "--for", "0s", "-o", "json")
	if code != exitVerdict {
		t.Errorf("exit code %d with two adapters on a prefix, want %d", code, exitVerdict)
	}
	var s redis.Survey
	if err := json.Unmarshal([]byte(out), &s); err != nil || len(s.Mismatches) != 1 || !strings.Contains(s.Mismatches[0], "classic and sharded") {
		t.Errorf("error %v, mismatches %q", err, s.Mismatches)
	}
	code, out, _ = runInteropCmd(t, nil, url, "--for", "0s")
	if code != exitVerdict || !strings.Contains(out, "\nMISMATCH: prefix \"socket.io\"") || strings.Contains(out, "ok:") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
}

// Two adapters on one prefix end the start with the reason and exit code 2.
func TestServeRefusesASecondAdapter(t *testing.T) {
	t.Parallel()
	url := rttest.Redis(t)
	servePod(t, map[string]string{"RTK_REDIS": url}, "--pod-id", "the-first")
	s := runServeCmd(t, map[string]string{"RTK_REDIS": url}, "--redis-adapter", "sharded")
	if code := s.wait(); code != exitUsage {
		t.Errorf("exit code %d, want %d", code, exitUsage)
	}
	for _, want := range []string{"two adapters on one prefix", "the-first", "rtk: hint: see who is there with   rtk interop"} {
		if !strings.Contains(s.stderr.String(), want) {
			t.Errorf("stderr lacks %q:\n%s", want, s.stderr)
		}
	}
}

func TestInteropErrors(t *testing.T) {
	t.Parallel()
	server := rttest.NewRedisServer(t, "--requirepass", "right")
	for _, tt := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"no URL", nil, exitUsage, "wants the URL"},
		{"two URLs", []string{"redis://a", "redis://b"}, exitUsage, "one URL, not 2"},
		{"output", []string{"redis://a", "-o", "jsn"}, exitUsage, `did you mean "json"`},
		{"negative time", []string{"redis://a", "--for", "-1s"}, exitUsage, "--for -1s"},
		{"scheme", []string{"http://:hunter2@a"}, exitUsage, "redis: "},
		{"nobody there", []string{"redis://:hunter2@" + closedPort(t)}, exitUnreachable, "connect to redis"},
		{"wrong password", []string{"redis://:hunter2@" + server.Addr()}, exitUnreachable, "WRONGPASS"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			code, out, errs := runInteropCmd(t, nil, tt.args...)
			if code != tt.code || !strings.Contains(errs, tt.want) {
				t.Errorf("exit code %d, want %d; stderr %q, want %q", code, tt.code, errs, tt.want)
			}
			if strings.Contains(out+errs, "hunter2") {
				t.Errorf("the password is shown: %s%s", out, errs)
			}
		})
	}
}

func TestNotStarted(t *testing.T) {
	t.Parallel()
	if code := exitCode(notStarted(redis.ErrAdapters)); code != exitUsage {
		t.Errorf("exit code %d for two adapters, want %d", code, exitUsage)
	}
	if code := exitCode(notStarted(redisadapter.CheckName("/a*"))); code != exitUsage {
		t.Errorf("exit code %d for a namespace with a glob, want %d", code, exitUsage)
	}
	if code := exitCode(notStarted(errors.New("disk full"))); code != exitInternal {
		t.Errorf("exit code %d for another error, want %d", code, exitInternal)
	}
}

func TestShown(t *testing.T) {
	t.Parallel()
	if got, want := shown("a\x1b[2J\nb\u009bé"), "a?[2J?b?é"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
