package main

import (
	"strings"
	"testing"
)

func TestServePeers(t *testing.T) {
	t.Parallel()
	const self = "http://127.0.0.1:3000"
	tests := []struct {
		name string
		args []string
		want string // of the error; "" for none
	}{
		{"off", nil, ""},
		{"static", []string{"--advertise", self, "--peers", self + ",http://127.0.0.1:3002", "--peer-secret", goodSecret}, ""},
		{"over redis", []string{"--advertise", self, "--redis", "redis://127.0.0.1:1", "--peer-secret", goodSecret}, ""},
		{"the secret of the tokens", []string{"--advertise", self, "--peers", self, "--jwt-secret", goodSecret}, ""},
		{"no address", []string{"--peers", self}, "--peers does nothing without --advertise"},
		{"no others", []string{"--advertise", self, "--peer-secret", goodSecret}, "no way to find the other pods"},
		{"no secret", []string{"--advertise", self, "--peers", self}, "a secret that they share"},
		{"a short secret", []string{"--advertise", self, "--peers", self, "--peer-secret", "hunter2"}, "at least 16"},
		{"an empty secret", []string{"--advertise", self, "--peers", self, "--peer-secret", ""}, "share"},
		{"no URL", []string{"--advertise", "127.0.0.1:3000", "--peers", self, "--peer-secret", goodSecret}, "want http://host:port"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, _, err := parseServe(t, nil, tt.args...)
			if err != nil {
				t.Fatal(err)
			}
			p, stop, err := f.peersOf(&Env{}, nil)
			if p != nil {
				p.Close()
			}
			if stop != nil {
				stop()
			}
			switch {
			case tt.want == "" && err != nil, tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v, want %q", err, tt.want)
			case err != nil && (strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), goodSecret)):
				t.Errorf("a secret in %v", err)
			case (p != nil) != (tt.want == "" && tt.args != nil):
				t.Errorf("peers %v", p)
			}
		})
	}
}
