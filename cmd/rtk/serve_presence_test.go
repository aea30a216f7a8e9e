package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/server"
)

func TestPresenceFlag(t *testing.T) {
	t.Parallel()
	_, o, err := parseServe(t, nil, "--presence", "lobby:*,/chat#room:*", "--presence", "x", "--presence-max", "50")
	if err != nil {
		t.Fatal(err)
	}
	want := []server.PresenceRule{{Rooms: "lobby:*"}, {Rooms: "/chat#room:*"}, {Rooms: "x"}}
	if diff := cmp.Diff(want, o.Presence); diff != "" || o.PresenceMax != 50 {
		t.Errorf("max %d, rules (-want +got):\n%s", o.PresenceMax, diff)
	}
	if o.PresenceGrace != 5*time.Second {
		t.Errorf("grace %v", o.PresenceGrace)
	}
	if _, o, err := parseServe(t, nil, "--presence", "x", "--presence-grace", "0"); err != nil || o.PresenceGrace >= 0 {
		t.Errorf("no grace: %v, %v", o.PresenceGrace, err)
	}
	if _, _, err := parseServe(t, nil, "--presence-grace", "-1s"); err == nil || !strings.Contains(err.Error(), "--presence-grace -1s") {
		t.Errorf("a negative grace: %v", err)
	}
	for arg, want := range map[string]string{
		"/chat#": "is empty",
		"chat#x": "begins with /",
	} {
		if _, _, err := parseServe(t, nil, "--presence", arg); err == nil || !strings.Contains(err.Error(), "--presence: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("--presence %s: got %v, want %q", arg, err, want)
		}
	}
}
