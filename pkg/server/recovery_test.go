package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/server"
)

// sioSession is what CONNECT says, and the offset of the latest event.
type sioSession struct {
	SID    string `json:"sid"`
	PID    string `json:"pid"`
	offset string
}

// recoveryGateway joins each new client to room "r".
func recoveryGateway(s *server.Server) {
	s.Of("/").OnConnect(func(_ context.Context, c *server.Conn) error {
		if c.Recovered() {
			return c.Emit("again", c.Get("n"))
		}
		c.Set("n", 42)
		return c.Join("r")
	}).On("leave", func(_ context.Context, c *server.Conn, _ *server.Event) (server.Reply, error) {
		c.Disconnect(false)
		return server.Reply{}, nil
	})
}

// connect sends CONNECT with payload and reads events up to the answer.
func (c *client) connect(payload string) (before []string, s sioSession) {
	c.t.Helper()
	c.send("40" + payload)
	for {
		m := c.next()
		if strings.HasPrefix(m, "40{") {
			if err := json.Unmarshal([]byte(m[2:]), &s); err != nil {
				c.t.Fatal(err)
			}
			return before, s
		}
		before = append(before, c.event(m, &s))
	}
}

// event takes the offset off an event.
func (c *client) event(m string, s *sioSession) string {
	c.t.Helper()
	var array []json.RawMessage
	if err := json.Unmarshal([]byte(strings.TrimPrefix(m, "42")), &array); err != nil {
		c.t.Fatalf("%q: %v", m, err)
	}
	last := len(array) - 1
	if err := json.Unmarshal(array[last], &s.offset); err != nil {
		c.t.Fatalf("%q has no offset", m)
	}
	b, _ := json.Marshal(array[:last])
	return string(b)
}

func (s sioSession) again() string {
	return fmt.Sprintf(`{"pid":%q,"offset":%q}`, s.PID, s.offset)
}

func (g *gateway) away(t *testing.T, sessions int) {
	t.Helper()
	eventually(t, "the session is kept", func() bool { return g.Stats().History.Sessions == sessions })
}

func emit(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestRecovery(t *testing.T) {
	t.Parallel()
	g := start(t, server.Options{Recovery: time.Minute}, recoveryGateway)
	ns := g.Of("/")
	c := g.sio(t)
	before, s := c.connect("")
	if len(before) > 0 || len(s.PID) != 20 || len(s.SID) != 20 || s.PID == s.SID {
		t.Fatalf("CONNECT: %+v after %v", s, before)
	}
	emit(t, ns.Emit("seen", 1))
	if got := c.event(c.next(), &s); got != `["seen",1]` {
		t.Fatalf("got %s", got)
	}
	c.ws.Close()
	g.away(t, 1)
	emit(t, ns.To("r").Emit("a", "text"))
	emit(t, ns.To("other").Emit("not ours", 1))
	emit(t, ns.To(s.SID).Emit("direct", 1))
	emit(t, ns.To("r").Except(s.SID).Emit("excluded", 1))
	emit(t, ns.To("r").Volatile().Emit("volatile", 1))
	emit(t, ns.To("r", s.SID).Emit("b", []byte{1}))

	c = g.sio(t)
	c.send("40" + s.again())
	c.want(`42["a","text","`)
	c.want(`42["direct",1,"`)
	c.want(`451-["b",{"_placeholder":true,"num":0},"`)
	if b := c.next(); b != "b:\x01" {
		t.Errorf("attachment %q", b)
	}
	c.want(`40{"sid":"` + s.SID + `","pid":"` + s.PID + `"}`)
	if got := c.event(c.next(), &s); got != `["again",42]` {
		t.Errorf("got %s, want what OnConnect says with the data", got)
	}
	emit(t, ns.To("r").Emit("live", true))
	if got := c.event(c.next(), &s); got != `["live",true]` {
		t.Errorf("got %s: not in its room again", got)
	}
	if h := g.Stats().History; h.Recovered != 1 || h.Refused != 0 || h.Sessions != 0 {
		t.Errorf("statistics %+v", h)
	}
}

// TestRecoveryOffsets is what a client may send as its offset.
func TestRecoveryOffsets(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		offset  func(s sioSession) string
		recover bool
		want    []string
	}{
		{"that of the last event", func(s sioSession) string { return s.offset }, true, []string{`["missed",2]`}},
		{"none: it was sent nothing", func(sioSession) string { return "" }, true, []string{`["seen",1]`, `["missed",2]`}},
		{"of an earlier session, on another pod", func(sioSession) string { return "BAgICAgIBQ" }, true, []string{`["seen",1]`, `["missed",2]`}},
		{"garbage", func(sioSession) string { return "text" }, false, nil},
		{"the future", func(s sioSession) string { return s.offset[:8] + "AP__" }, false, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			g := start(t, server.Options{Recovery: time.Minute}, nil)
			ns := g.Of("/")
			c := g.sio(t)
			_, s := c.connect("")
			emit(t, ns.Emit("seen", 1))
			c.event(c.next(), &s)
			// A volatile event has an offset too: its text is not taken for one.
			emit(t, ns.Volatile().Emit("volatile", "text"))
			if got := c.event(c.next(), &s); got != `["volatile","text"]` {
				t.Fatalf("got %s", got)
			}
			c.ws.Close()
			g.away(t, 1)
			emit(t, ns.Emit("missed", 2))
			s.offset = tc.offset(s)
			before, again := g.sio(t).connect(s.again())
			if recovered := again.PID == s.PID && again.SID == s.SID; recovered != tc.recover {
				t.Errorf("recovered %v, want %v", recovered, tc.recover)
			}
			if diff := cmp.Diff(tc.want, before); diff != "" {
				t.Errorf("before CONNECT (-want +got):\n%s", diff)
			}
		})
	}
}

// TestRecoveryRefused is who does not get a session back.
func TestRecoveryRefused(t *testing.T) {
	t.Parallel()
	begin := func(t *testing.T, opts server.Options, payload string) (*gateway, *client, sioSession) {
		opts.Recovery = time.Minute
		g := start(t, opts, recoveryGateway)
		c := g.sio(t)
		_, s := c.connect(payload)
		emit(t, g.Of("/").Emit("seen", 1))
		c.event(c.next(), &s)
		return g, c, s
	}
	fresh := func(t *testing.T, g *gateway, s sioSession, payload string) {
		t.Helper()
		before, got := g.sio(t).connect(payload)
		if got.PID == s.PID || got.SID == s.SID || len(before) > 0 {
			t.Errorf("got session %+v after %v, want a new one", got, before)
		}
	}
	t.Run("a clone beside the living", func(t *testing.T) {
		t.Parallel()
		g, _, s := begin(t, server.Options{}, "")
		fresh(t, g, s, s.again())
	})
	t.Run("the second of two", func(t *testing.T) {
		t.Parallel()
		g, c, s := begin(t, server.Options{}, "")
		c.ws.Close()
		g.away(t, 1)
		if _, got := g.sio(t).connect(s.again()); got.PID != s.PID {
			t.Fatalf("the first got %+v", got)
		}
		fresh(t, g, s, s.again())
	})
	t.Run("after a disconnect by the client", func(t *testing.T) {
		t.Parallel()
		g, c, s := begin(t, server.Options{}, "")
		c.send("41")
		eventually(t, "it is gone", func() bool { return g.Of("/").Conns() == 0 })
		fresh(t, g, s, s.again())
	})
	t.Run("after a disconnect by the server", func(t *testing.T) {
		t.Parallel()
		g, c, s := begin(t, server.Options{}, "")
		c.send(`42["leave"]`)
		c.want("41")
		fresh(t, g, s, s.again())
	})
	t.Run("what it missed is gone", func(t *testing.T) {
		t.Parallel()
		opts := server.Options{}
		opts.History.Limits.Count = 2
		g, c, s := begin(t, opts, "")
		c.ws.Close()
		g.away(t, 1)
		for i := range 3 {
			emit(t, g.Of("/").Emit("missed", i))
		}
		fresh(t, g, s, s.again())
	})
	t.Run("more than the queue takes", func(t *testing.T) {
		t.Parallel()
		g, c, s := begin(t, server.Options{QueueMessages: 10}, "")
		c.ws.Close()
		g.away(t, 1)
		for i := range 6 {
			emit(t, g.Of("/").Emit("missed", i))
		}
		fresh(t, g, s, s.again())
	})
	t.Run("malformed", func(t *testing.T) {
		t.Parallel()
		g, c, s := begin(t, server.Options{}, "")
		c.ws.Close()
		g.away(t, 1)
		fresh(t, g, s, `{"pid":7,"offset":{}}`)
		fresh(t, g, s, `{"pid":"`+strings.Repeat("x", 100)+`","offset":""}`)
	})
	t.Run("another token", func(t *testing.T) {
		t.Parallel()
		with := func(token, pid, offset string) string {
			return fmt.Sprintf(`{"token":%q,"pid":%q,"offset":%q}`, token, pid, offset)
		}
		ana := token(t, time.Hour)
		g, c, s := begin(t, withAuth(t, server.Options{}), with(ana, "", ""))
		c.ws.Close()
		g.away(t, 1)
		fresh(t, g, s, with(tokenOf(t, "eve", "j1"), s.PID, s.offset))
		// A token is needed again, and the session is still there for its holder.
		bad := g.sio(t)
		bad.send("40" + s.again())
		bad.want("44{")
		if _, got := g.sio(t).connect(with(ana, s.PID, s.offset)); got.PID != s.PID {
			t.Errorf("the holder got %+v", got)
		}
	})
}

func TestRecoveryTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := startPipe(t, server.Options{Recovery: time.Minute}, recoveryGateway)
		c := g.sio(t)
		_, s := c.connect("")
		c.ws.Close()
		time.Sleep(59 * time.Second)
		if n := g.Stats().History.Sessions; n != 1 {
			t.Fatalf("%d sessions after 59s", n)
		}
		c = g.sio(t)
		if _, got := c.connect(s.again()); got.PID != s.PID {
			t.Errorf("after 59s of 60s: %+v, want the session", got)
		}
		c.ws.Close()
		time.Sleep(61 * time.Second)
		if _, got := g.sio(t).connect(s.again()); got.PID == s.PID {
			t.Error("after 61s of 60s: the session")
		}
		time.Sleep(3 * time.Minute)
		if h := g.Stats().History; h.Sessions != 0 || h.Messages != 0 {
			t.Errorf("%+v: a gateway at rest keeps what is too old", h)
		}
	})
}

func TestRecoveryOptions(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		opts server.Options
		want string
	}{
		{"pub/sub", server.Options{Recovery: time.Minute, Backplane: &backplane{}}, `the backplane "test" gives a message no offset`},
		{"short", server.Options{Recovery: time.Millisecond}, "at least 1s"},
		{"pattern", server.Options{History: server.HistoryOptions{Rooms: []string{"chat#x"}}}, "begins with /"},
		{"no pattern", server.Options{History: server.HistoryOptions{Rooms: []string{"/chat#"}}}, "is empty"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if _, err := server.New(tc.opts); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

// tokenOf signs a token of sub with an id.
func tokenOf(t testing.TB, sub, id string) string {
	t.Helper()
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"sub": sub, "jti": id, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	}).SignedString(testSecret)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
