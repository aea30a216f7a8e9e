package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server"
)

type wsSession struct {
	Event string
	Data  struct {
		Session, Cursor string
		Recovered       bool
	}
}

func (c *client) session() (s wsSession) {
	c.t.Helper()
	if err := json.Unmarshal([]byte(c.want(`{"event":"session","data":{"session":"`)), &s); err != nil {
		c.t.Fatal(err)
	}
	return s
}

func TestPlainWSResume(t *testing.T) {
	t.Parallel()
	g := start(t, server.Options{Recovery: time.Minute}, recoveryGateway)
	ns := g.Of("/")
	dial := func(frame string) *client {
		c, _ := g.ws(t, "/ws?resume=1", nil)
		c.send(frame)
		return c
	}
	c := dial(`{"event":"resume"}`)
	s := c.session()
	if s.Data.Recovered || len(s.Data.Session) != 20 {
		t.Fatalf("a new session: %+v", s)
	}
	emit(t, ns.To("r").Emit("a", 1))
	var m struct{ Cursor string }
	if err := json.Unmarshal([]byte(c.want(`{"event":"a","data":1,"cursor":"`)), &m); err != nil {
		t.Fatal(err)
	}
	c.ws.Close()
	g.away(t, 1)
	emit(t, ns.To("r").Emit("b", 2))
	emit(t, ns.To("r").Emit("c", "three"))

	again := fmt.Sprintf(`{"event":"resume","data":{"session":%q,"cursor":%q}}`, s.Data.Session, m.Cursor)
	c = dial(again)
	c.want(`{"event":"b","data":2,"cursor":"`)
	c.want(`{"event":"c","data":"three","cursor":"`)
	if r := c.session(); !r.Data.Recovered || r.Data.Session != s.Data.Session {
		t.Errorf("got %+v, want the session again", r)
	}
	c.want(`{"event":"again","data":42,"cursor":"`)
	emit(t, ns.To("r").Emit("live"))
	c.want(`{"event":"live","cursor":"`)
	if r := dial(again).session(); r.Data.Recovered {
		t.Errorf("a clone got %+v", r)
	}

	// Connections that don't ask are as they were, and those of the others don't
	// mix with them.
	plain, _ := g.ws(t, "/ws", nil)
	eventually(t, "all are there", func() bool { return ns.Conns() == 3 })
	emit(t, ns.Emit("x", true))
	plain.is(`{"event":"x","data":true}`)
	c.want(`{"event":"x","data":true,"cursor":"`)

	for _, frame := range []string{`{"event":"join"}`, `x`, `{"event":"resume","data":7}`} {
		c := dial(frame)
		c.closed(1008)
	}
	if _, refused := g.ws(t, "/ws?resume=2", nil); refused == nil || refused.StatusCode != http.StatusBadRequest {
		t.Errorf("resume=2: %v", refused)
	}
	off := start(t, server.Options{}, nil)
	off.Of("/")
	if _, refused := off.ws(t, "/ws?resume=1", nil); refused == nil || refused.StatusCode != http.StatusBadRequest {
		t.Errorf("without recovery: %v", refused)
	}
}
