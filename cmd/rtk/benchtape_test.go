package main

import (
	"strings"
	"testing"

	"github.com/realtime-toolkit/rtk/pkg/loadgen"
	"github.com/realtime-toolkit/rtk/pkg/rt"
)

func TestRepeatHasNoSecrets(t *testing.T) {
	t.Parallel()
	r := &benchRun{benchOptions: &benchOptions{
		targets:   []string{"http://10.0.0.11:3000", "http://ann:hush@10.0.0.12:3000", "http://10.0.0.13:3000?token=hush"},
		jwtSecret: "hush", limit: "20/s", set: []string{"ROOM=the lobby", "JWT_SECRET=hush", "API_TOKEN=hush"},
	}}
	got := r.repeat(&planned{name: "chat.yaml", plan: &loadgen.Plan{Seed: 42}})
	want := "rtk bench chat.yaml --target http://10.0.0.11:3000 --target … --target … --jwt-secret … --limit 20/s " +
		"--set 'ROOM=the lobby' --set JWT_SECRET=… --set API_TOKEN=… --seed 42"
	if got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func TestTraceLine(t *testing.T) {
	t.Parallel()
	f := loadgen.TraceFrame{
		FailedClient: loadgen.FailedClient{Client: 17, Group: "subscribers", Index: 3, Target: "pod-1"},
		TapeFrame:    loadgen.TapeFrame{At: 1204e6, Dir: rt.In, Event: "message", Body: []byte(`"a\u001b[31m",1`), Multi: true, Ack: rt.NoAck},
	}
	if got, want := traceLine(&f), `   1.2040s #17 subscribers[3]@pod-1 ← message ["a\u001b[31m",1]`; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	f.Body, f.Multi, f.Event, f.Kind, f.Ack = []byte("\x1b[31mred"), false, "", rt.KindAck, 5
	if got := traceLine(&f); strings.Contains(got, "\x1b") || !strings.Contains(got, "ack #5") {
		t.Errorf("%q", got)
	}
}

func TestTapeName(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"bench/chat.rtk.yaml": "chat", "cross-pod": "cross-pod", "a b.yaml": "a-b", "": "run"} {
		if got := tapeName(in); got != want {
			t.Errorf("tapeName(%q) = %q, want %q", in, got, want)
		}
	}
}
