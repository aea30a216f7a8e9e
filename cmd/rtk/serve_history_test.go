package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/history"
)

func TestHistoryFlags(t *testing.T) {
	t.Parallel()
	_, o, err := parseServe(t, nil, "--history", "ticker:*,/chat#*", "--history-age", "1m", "--history-count", "7", "--recovery", "2m")
	if err != nil {
		t.Fatal(err)
	}
	want := server.HistoryOptions{
		Rooms:  []string{"ticker:*", "/chat#*"},
		Limits: history.Limits{Count: 7, Bytes: history.DefaultBytes, Total: history.DefaultTotal, Age: time.Minute},
	}
	if diff := cmp.Diff(want, o.History); diff != "" || o.Recovery != 2*time.Minute {
		t.Errorf("recovery %v, history (-want +got):\n%s", o.Recovery, diff)
	}
	for _, tc := range []struct {
		name string
		args []string
		want string
	}{
		{"recovery with redis", []string{"--recovery", "2m", "--redis", "redis://127.0.0.1:1"}, "--recovery does not go with --redis-adapter classic"},
		{"short recovery", []string{"--recovery", "1ms"}, "--recovery 1ms: at least 1s"},
		{"no rooms", []string{"--history-count", "5"}, "--history-count does nothing without --history"},
		{"negative", []string{"--history", "*", "--history-bytes", "-1"}, "--history-bytes -1: must be positive"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, _, err := parseServe(t, nil, tc.args...)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}
