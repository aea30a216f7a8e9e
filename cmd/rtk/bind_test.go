package main

import (
	"strings"
	"testing"

	"github.com/realtime-toolkit/rtk/internal/nearest"
)

func FuzzParseConfig(f *testing.F) {
	for _, s := range []string{"serve:\n  listen: 127.0.0.1:0\n", "bench: {output: json}", "serve: [1]", "a: &x\nb: *x\n", "serve:\n  listen: {a: b}\n", "---\n---\n", "\t"} {
		f.Add(s)
	}
	env := &Env{LookupEnv: func(string) (string, bool) { return "", false }}
	f.Fuzz(func(t *testing.T, src string) {
		cmd, _, err := newRoot(env).Find([]string{"serve"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = parseConfig("rtk.yaml", []byte(src), cmd)
		if err != nil && !strings.Contains(err.Error(), "rtk.yaml") {
			t.Errorf("an error without its place: %v", err)
		}
	})
}

func TestSecretsStayOutOfErrors(t *testing.T) {
	env := &Env{LookupEnv: func(name string) (string, bool) {
		if name == "RTK_SERVE_JWT_SECRET" {
			return "hunter2hunter2", true
		}
		return "", false
	}}
	cmd, _, err := newRoot(env).Find([]string{"serve"})
	if err != nil {
		t.Fatal(err)
	}
	f := cmd.Flags().Lookup("jwt-secret")
	if err := maskValue(f, usagef("bad value %q", "hunter2hunter2"), "hunter2hunter2"); strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the secret is in the error: %v", err)
	}
}

func TestDidYouMean(t *testing.T) {
	names := []string{"listen", "admin-listen", "service"}
	for _, tc := range []struct{ in, want string }{
		{"lisen", `, did you mean "listen"?`},
		{"servce", `, did you mean "service"?`},
		{"zzz", ""},
		{"", ""},
	} {
		if got := nearest.Hint(tc.in, names); got != tc.want {
			t.Errorf("nearest.Hint(%q) = %q, want %q", tc.in, got, tc.want)
		}
	}
}
