package server_test

import (
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server"
)

// TestSharedRefused: what the journal doesn't take is given out all the same, and
// not waited for: its clients go on at any pod.
func TestSharedRefused(t *testing.T) {
	t.Parallel()
	journal := newTestJournal()
	pod := journal.pod(t).(*journalPod)
	a := start(t, server.Options{Recovery: time.Hour, Backplane: pod}, recoveryGateway)
	b := start(t, server.Options{Recovery: time.Hour, Backplane: journal.pod(t)}, recoveryGateway)
	refuse := func(on bool) {
		journal.mu.Lock()
		defer journal.mu.Unlock()
		pod.refuses = on
	}
	first := a.sio(t)
	_, s := first.connect("")
	other := b.sio(t)
	_, there := other.connect("")
	for i, want := range []string{`["n",0]`, `["n",1]`, `["n",2]`} {
		refuse(i == 1)
		emit(t, a.Of("/").Emit("n", i))
		if got := first.event(first.next(), &s); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
	for _, want := range []string{`["n",0]`, `["n",2]`} {
		if got := other.event(other.next(), &there); got != want {
			t.Fatalf("the other pod got %s, want %s", got, want)
		}
	}
	eventually(t, "the session is saved", func() bool { // which comes after the client is told
		journal.mu.Lock()
		defer journal.mu.Unlock()
		return journal.sessions[s.PID] != nil
	})
	second := b.sio(t)
	if before, again := second.connect(s.again()); again.SID != s.SID || again.PID != s.PID || len(before) != 0 {
		t.Errorf("got %q and the session %+v, want none and %+v", before, again, s)
	}
}
