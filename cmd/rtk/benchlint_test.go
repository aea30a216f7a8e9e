package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// lintEnv is an Env whose streams are buffers and whose environment is fixed.
func lintEnv(vars map[string]string) (*Env, *bytes.Buffer) {
	var out bytes.Buffer
	return &Env{Stdout: &out, Stderr: &bytes.Buffer{}, LookupEnv: func(n string) (string, bool) {
		v, ok := vars[n]
		return v, ok
	}}, &out
}

func execute(cmd *cobra.Command, args ...string) error {
	cmd.SetArgs(args)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	return cmd.Execute()
}

func TestBenchLint(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, src string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(src), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := write("good.yaml", "version: 1\ntargets: {a: {url: \"${URL}\", protocol: socketio}}\nclients: {g: {flow: [{emit: x}]}}\n")
	bad := write("bad.yaml", "version: 1\nnam: x\ntargets: {a: {url: \"http://x\", protocol: socketio}}\nclients: {g: {flow: [{emit: x, rate: 2, for: 1s}]}}\n")
	key := write("key.yaml", "version: 1\ntargets: {a: {url: \"http://x\", protocol: socketio}}\nauth: {m: {jwt: {alg: RS256, key: none.pem}}}\nclients: {g: {auth: m, flow: [{emit: x}]}}\n")
	for _, tt := range []struct {
		name string
		args []string
		code int
		out  []string
	}{
		{"good", []string{good}, exitOK, []string{": ok"}},
		{"bad", []string{bad}, exitUsage, []string{`bad.yaml:2:1: unknown key "nam"`, `hint: did you mean "name"?`, "bad.yaml:4:38: rate: 2: bare number, write 2/s"}},
		{"both", []string{good, bad}, exitUsage, []string{": ok", "bad.yaml:2:1"}},
		{"variable from a flag", []string{"--set", "URL=ftp://x", good}, exitUsage, []string{"unknown scheme"}},
		{"malformed flag", []string{"--set", "URL", good}, exitUsage, nil},
		{"shipped", []string{"cross-pod", "sse"}, exitOK, []string{"cross-pod: ok", "sse: ok"}},
		{"missing key file", []string{key}, exitUsage, []string{"none.pem"}},
		{"missing file", []string{filepath.Join(dir, "no.yaml")}, exitUsage, nil},
		{"nothing", nil, exitUsage, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			env, out := lintEnv(map[string]string{"URL": "http://127.0.0.1:3000"})
			err := execute(newBenchLintCmd(env), tt.args...)
			if code := exitCode(err); code != tt.code {
				t.Errorf("exit code %d (%v), want %d", code, err, tt.code)
			}
			for _, want := range tt.out {
				if !strings.Contains(out.String(), want) {
					t.Errorf("output lacks %q:\n%s", want, out)
				}
			}
		})
	}
}

func TestSchemaCommand(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args  []string
		title string
		code  int
	}{
		{nil, "rtk bench scenario", exitOK},
		{[]string{"scenario"}, "rtk bench scenario", exitOK},
		{[]string{"report"}, "rtk bench report", exitOK},
		{[]string{"reprot"}, "", exitUsage},
		{[]string{"scenario", "report"}, "", exitUsage},
	} {
		env, out := lintEnv(nil)
		err := execute(newSchemaCmd(env), tt.args...)
		if code := exitCode(err); code != tt.code {
			t.Errorf("%v: exit code %d (%v), want %d", tt.args, code, err, tt.code)
		}
		if tt.title == "" {
			continue
		}
		var doc struct{ Title string }
		if err := json.Unmarshal(out.Bytes(), &doc); err != nil || doc.Title != tt.title {
			t.Errorf("%v: title %q, %v", tt.args, doc.Title, err)
		}
	}
}
