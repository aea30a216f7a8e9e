package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/server"
)

func TestOverflowFlag(t *testing.T) {
	t.Parallel()
	_, o, err := parseServe(t, nil, "--overflow", "ticker:*=latest:symbol,/chat#log=drop-oldest", "--overflow", "pos=coalesce:100ms:id")
	if err != nil {
		t.Fatal(err)
	}
	want := []server.OverflowRule{
		{Rooms: "ticker:*", Policy: server.OverflowLatest, Key: "symbol"},
		{Rooms: "/chat#log", Policy: server.OverflowDropOldest},
		{Rooms: "pos", Policy: server.OverflowCoalesce, Window: 100 * time.Millisecond, Key: "id"},
	}
	if diff := cmp.Diff(want, o.Overflow); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for arg, want := range map[string]string{
		"ticker":         "want PATTERN=POLICY",
		"a=newest":       `unknown policy "newest"`,
		"a=latest:":      "the key is empty",
		"a=coalesce":     "want a window",
		"a=coalesce:1h":  "want 10ms to 1m0s",
		"=latest":        "is empty",
		"a=disconnect:x": "takes no argument",
	} {
		if _, _, err := parseServe(t, nil, "--overflow", arg); err == nil || !strings.Contains(err.Error(), "--overflow: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("--overflow %s: got %v, want %q", arg, err, want)
		}
	}
}
