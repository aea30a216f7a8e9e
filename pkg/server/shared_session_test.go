package server_test

import (
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server"
)

// TestSessionIsNobodysTwice: when a session goes on at another pod, the connection
// that had it is closed at once, and not when it would have saved it again. The
// one that has it now stays.
func TestSessionIsNobodysTwice(t *testing.T) {
	t.Parallel()
	journal := newTestJournal()
	var gates [2]*gateway
	for i := range gates {
		gates[i] = start(t, server.Options{Recovery: time.Hour, Backplane: journal.pod(t)}, recoveryGateway)
	}
	first := gates[0].sio(t)
	_, s := first.connect("")
	emit(t, gates[0].Of("/").Emit("seen", 1))
	first.event(first.next(), &s)

	second := gates[1].sio(t)
	if _, again := second.connect(s.again()); again.SID != s.SID || again.PID != s.PID {
		t.Fatalf("got the session %+v, want %+v", again, s)
	}
	eventually(t, "the first connection is closed", func() bool { return gates[0].Of("/").Conn(s.SID) == nil })
	second.event(second.next(), &s) // of OnConnect
	emit(t, gates[0].Of("/").To(s.SID).Emit("still", 2))
	if got := second.event(second.next(), &s); got != `["still",2]` {
		t.Errorf("got %s", got)
	}

	// And back, to the pod that it came from.
	third := gates[0].sio(t)
	if _, again := third.connect(s.again()); again.SID != s.SID {
		t.Fatalf("got the session %+v, want %+v", again, s)
	}
	eventually(t, "the second connection is closed", func() bool { return gates[1].Of("/").Conn(s.SID) == nil })
	if gates[0].Of("/").Conn(s.SID) == nil {
		t.Error("the connection that has the session now is closed too")
	}
}
