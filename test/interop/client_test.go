package interop_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/client"
	"github.com/realtime-toolkit/rtk/pkg/rt"
)

var errNoCommand = errors.New("no command")

const patience = 15 * time.Second

// event is what a client received, as text.
type event struct {
	Name, Args  string
	Attachments []string
}

// peer is one Socket.IO client.
type peer struct {
	conn   rt.Conn
	events chan event
	acks   chan string
	nextID atomic.Int64
}

func (p *peer) OnMessage(m *rt.Message) {
	switch m.Kind {
	case rt.KindEvent:
		e := event{Name: m.Event, Args: string(m.Body)}
		for _, a := range m.Attachments {
			e.Attachments = append(e.Attachments, string(a))
		}
		p.events <- e
	case rt.KindAck:
		p.acks <- string(m.Body)
	}
}

func (p *peer) OnClose(rt.CloseInfo) {}

func dial(t *testing.T, server, namespace string) *peer {
	t.Helper()
	u, err := url.Parse(server + "/socket.io/")
	if err != nil {
		t.Fatal(err)
	}
	d := client.New(client.Options{})
	t.Cleanup(func() { _ = d.Close() })
	p := &peer{events: make(chan event, 1024), acks: make(chan string, 1)}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p.conn, err = d.Dial(ctx, &rt.DialRequest{Target: rt.Target{URL: u, Protocol: rt.SocketIO, Namespace: namespace}}, p)
	if err != nil {
		t.Fatalf("dial %s%s: %v", server, namespace, err)
	}
	t.Cleanup(func() { _ = p.conn.Close() })
	return p
}

// call emits and waits for the acknowledgement, whose arguments it returns.
func (p *peer) call(t *testing.T, name, args string, attachments ...[]byte) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := p.conn.Send(ctx, &rt.Outgoing{Event: name, Body: []byte(args), Attachments: attachments, AckID: p.nextID.Add(1)}); err != nil {
		t.Fatalf("emit %s: %v", name, err)
	}
	select {
	case ack := <-p.acks:
		return ack
	case <-ctx.Done():
		t.Fatalf("no ack of %s", name)
		return ""
	}
}

// join enters rooms.
func (p *peer) join(t *testing.T, rooms ...string) {
	t.Helper()
	if len(rooms) == 0 {
		return
	}
	list, err := json.Marshal(rooms)
	if err != nil {
		t.Fatal(err)
	}
	if ack := p.call(t, "join", string(list)); ack != "" {
		t.Fatalf("join %v: %s", rooms, ack)
	}
}

// tell has the server emit; args is JSON without brackets.
func (p *peer) tell(t *testing.T, cmd command, args string, attachments ...[]byte) {
	t.Helper()
	body, err := json.Marshal(cmd)
	if err != nil {
		t.Fatal(err)
	}
	if args != "" {
		body = append(append(body, ','), args...)
	}
	if ack := p.call(t, "cmd", string(body), attachments...); ack != "" {
		t.Fatalf("cmd %+v: %s", cmd, ack)
	}
}

// until returns what the client received before the event that marks the end.
func (p *peer) until(t *testing.T, mark string) (got []event) {
	t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case e := <-p.events:
			if e.Name == mark {
				return got
			}
			got = append(got, e)
		case <-timeout:
			t.Fatalf("no %s, only %v", mark, got)
		}
	}
}
