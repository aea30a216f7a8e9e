package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func policyFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rooms.policy")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestServePolicy(t *testing.T) {
	t.Parallel()
	_, o, err := parseServe(t, nil, "--policy", policyFile(t, `room "lobby" allow join`))
	if err != nil || o.Policy.Rules() != 1 {
		t.Fatalf("policy: %v, %v", o.Policy, err)
	}
	bad := policyFile(t, "room \"a\" allow join\nroom \"b\" alow join\n")
	if _, _, err = parseServe(t, nil, "--policy", bad); err == nil || !strings.Contains(err.Error(), bad+`:2:10: want allow, got "alow", did you mean "allow"?`) {
		t.Errorf("a fault: %v", err)
	}
	if _, _, err = parseServe(t, nil, "--policy", "/nowhere"); err == nil {
		t.Error("a file that is not there was accepted")
	}
	if _, _, err = parseServe(t, nil, "--policy", ""); err == nil {
		t.Error("an empty file name was accepted")
	}
}

func TestInspectShowsThePolicy(t *testing.T) {
	t.Parallel()
	o := inspectOptions{policy: policyFile(t, "room \"org:{claims.org}:*\" allow join, emit\nroom \"x:{claims.y}\" allow join\n")}
	grants, err := o.grants(`{"sub":"ana","org":"acme"}`)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := writeGrants(&b, grants); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"may join, emit  org:acme:*\n", "nothing: the token has no usable claim y\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("got\n%s\nwant a line with %q", b.String(), want)
		}
	}
	if got := grantsJSON(grants); !strings.Contains(got, `"allows":["join","emit"],"patterns":["org:acme:*"]`) {
		t.Errorf("JSON: %s", got)
	}
}
