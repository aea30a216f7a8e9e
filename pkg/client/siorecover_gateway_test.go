package client_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/client"
	"github.com/realtime-toolkit/rtk/pkg/rt"
	"github.com/realtime-toolkit/rtk/pkg/server"
)

// TestRecoveryGateway is connection state recovery with this module's server.
func TestRecoveryGateway(t *testing.T) {
	t.Parallel()
	s, u := gateway(t, server.Options{Recovery: time.Minute})
	target := ways(u)["websocket"]
	d := client.New(client.Options{})
	defer d.Close()
	h := make(hearing, 100)
	c, err := d.Dial(t.Context(), &rt.DialRequest{Target: target}, h)
	if err != nil {
		t.Fatal(err)
	}
	<-h // auth, with an offset
	say := func(text string) {
		t.Helper()
		if err := s.Publish("/", nil, nil, "said", fmt.Appendf(nil, "%q", text)); err != nil {
			t.Fatal(err)
		}
	}
	say("seen")
	seen := <-h
	first := c.Info()
	if first.Resume == nil || first.Resume.Offset == "" {
		t.Fatalf("no session after %q: %+v", seen, first.Resume)
	}
	c.Abort()
	h.expect(t, "closed by 1")
	say("missed")
	again := make(hearing, 100)
	c, err = d.Dial(t.Context(), &rt.DialRequest{Target: target, Resume: first.Resume}, again)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if i := c.Info(); !i.Recovered || i.SID != first.SID {
		t.Errorf("info is %+v, want the session of %s", i, first.SID)
	}
	for got := range again {
		var text, offset string
		if _, err := fmt.Sscanf(got, "said %q,%q 0", &text, &offset); err == nil {
			if text != "missed" || offset == first.Resume.Offset {
				t.Errorf("got %s", got)
			}
			break
		}
	}
}
