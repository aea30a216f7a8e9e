package e2e

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/internal/rttest"
)

// TestSocketIORecovery cuts the unmodified client's TCP connection: it must get
// back its id, its room and what it missed, each message once and in order.
func TestSocketIORecovery(t *testing.T) {
	g := rttest.Serve(t, rttest.Binary(t, true), nil, "--service", "chat", "--recovery", "1m")
	got := nodeScript(t, "sio-recover.js", g.URL)
	var want []any
	for round := range 3 {
		want = append(want, fmt.Sprint("seen ", round))
		for i := range 20 {
			want = append(want, fmt.Sprintf("missed %d.%d", round, i))
		}
		want = append(want, fmt.Sprint("after ", round))
		state, _ := got[fmt.Sprint("round", round)].(map[string]any)
		if state["recovered"] != true || state["sameId"] != true {
			t.Errorf("round %d: %v, want the session again", round, state)
		}
	}
	if diff := cmp.Diff(want, got["texts"]); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	if got["quiet"] != true {
		t.Errorf("a client that was sent nothing: recovered %v", got["quiet"])
	}
	if got["meant"] != false {
		t.Errorf("after socket.disconnect(): recovered %v", got["meant"])
	}
}
