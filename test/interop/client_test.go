package interop_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/client"
	"github.com/realtime-toolkit/rtk/pkg/rt"
)

const patience = 20 * time.Second

// probe begins the names of events that only show whether something is connected.
const probe = "probe "

// event is what a client received, as text.
type event struct {
	Name, Args  string
	Attachments []string
}

// peer is one Socket.IO client. It acknowledges each event that asks for it
// with its own label, unless it is silent.
type peer struct {
	label     string // server and place in members
	conn      rt.Conn
	events    chan event
	acks      chan string
	questions chan question
	left      chan struct{} // closed at a DISCONNECT packet
	closed    chan struct{}
	silent    atomic.Bool
	welcome   atomic.Pointer[string] // what the server said at CONNECT
	nextID    atomic.Int64
}

// question is an event that asks for an acknowledgement.
type question struct {
	id     int64
	binary bool
}

func (p *peer) OnMessage(m *rt.Message) {
	switch m.Kind {
	case rt.KindEvent:
		e := event{Name: m.Event, Args: string(m.Body)}
		for _, a := range m.Attachments {
			e.Attachments = append(e.Attachments, string(a))
		}
		p.events <- e
		if m.AckID != rt.NoAck && !p.silent.Load() {
			p.questions <- question{id: m.AckID, binary: len(m.Attachments) > 0}
		}
	case rt.KindAck:
		p.acks <- string(m.Body)
	case rt.KindConnect:
		text := string(m.Body)
		p.welcome.Store(&text)
	case rt.KindDisconnect:
		close(p.left)
	}
}

func (p *peer) OnClose(rt.CloseInfo) { close(p.closed) }

// answer acknowledges what the peer is asked, until it is closed. A question
// with an attachment is answered with one.
func (p *peer) answer() {
	label, _ := json.Marshal(p.label)
	for {
		select {
		case <-p.closed:
			return
		case q := <-p.questions:
			out := rt.Outgoing{Body: label, AckID: q.id}
			if q.binary {
				out.Body = append(slices.Clone(label[:0]), `{"of":`+string(label)+`,"raw":`+placeholder+`}`...)
				out.Attachments = [][]byte{{0xde, 0xad}}
			}
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			_ = p.conn.Send(ctx, &out) // who waits for it says that it is missing
			cancel()
		}
	}
}

// credentials are what a client shows at its handshake.
type credentials struct {
	header http.Header
	query  [][2]string
	auth   string
}

func dial(t *testing.T, server, namespace, label string) *peer {
	t.Helper()
	return dialWith(t, server, namespace, label, credentials{})
}

func dialWith(t *testing.T, server, namespace, label string, with credentials) *peer {
	t.Helper()
	u, err := url.Parse(server + "/socket.io/")
	if err != nil {
		t.Fatal(err)
	}
	d := client.New(client.Options{})
	t.Cleanup(func() { _ = d.Close() })
	p := &peer{
		label: label, events: make(chan event, 1024), acks: make(chan string, 1), questions: make(chan question, 16),
		left: make(chan struct{}), closed: make(chan struct{}),
	}
	request := &rt.DialRequest{
		Target: rt.Target{URL: u, Protocol: rt.SocketIO, Namespace: namespace},
		Header: with.header, Query: with.query,
	}
	if with.auth != "" {
		request.Auth = []byte(with.auth)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if p.conn, err = d.Dial(ctx, request, p); err != nil {
		t.Fatalf("dial %s%s: %v", server, namespace, err)
	}
	t.Cleanup(func() { _ = p.conn.Close() })
	go p.answer()
	return p
}

// id is the client's socket id.
func (p *peer) id() string { return p.conn.Info().SID }

// result is what a server acknowledges a command with.
type result struct {
	Value json.RawMessage `json:"value"`
	Error string          `json:"error"`
}

// do has the server of this client do something; args is JSON without brackets.
func (p *peer) do(t *testing.T, cmd command, args string, attachments ...[]byte) (r result) {
	t.Helper()
	body, err := json.Marshal(cmd)
	if err != nil {
		t.Fatal(err)
	}
	if args != "" {
		body = append(append(body, ','), args...)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := p.conn.Send(ctx, &rt.Outgoing{Event: "cmd", Body: body, Attachments: attachments, AckID: p.nextID.Add(1)}); err != nil {
		t.Fatalf("%s: %s: %v", p.label, cmd.Op, err)
	}
	select {
	case ack := <-p.acks:
		if err := json.Unmarshal([]byte(ack), &r); err != nil {
			t.Fatalf("%s: %s: answer %q: %v", p.label, cmd.Op, ack, err)
		}
		return r
	case <-ctx.Done():
		t.Fatalf("%s: no answer to %s", p.label, cmd.Op)
		return r
	}
}

// rooms returns what the client's own server says, sorted.
func (p *peer) rooms(t *testing.T) (rooms []string) {
	t.Helper()
	r := p.do(t, command{Op: "rooms"}, "")
	if err := json.Unmarshal(r.Value, &rooms); err != nil || r.Error != "" {
		t.Fatalf("%s: rooms: %s%v", p.label, r.Error, err)
	}
	slices.Sort(rooms)
	return rooms
}

func (p *peer) join(t *testing.T, rooms ...string) {
	t.Helper()
	if len(rooms) == 0 {
		return
	}
	if r := p.do(t, command{Op: "join", Rooms: rooms}, ""); r.Error != "" {
		t.Fatalf("%s: join %v: %s", p.label, rooms, r.Error)
	}
}

// next returns the next event.
func (p *peer) next(t *testing.T) event {
	t.Helper()
	select {
	case e := <-p.events:
		return e
	case <-time.After(patience):
		t.Fatalf("%s: nothing arrives", p.label)
		return event{}
	}
}

// until returns what the client received before the event that marks the end.
func (p *peer) until(t *testing.T, mark string) []event {
	t.Helper()
	return p.collect(t, mark, 0)
}

// collect is until, but goes on until there are n events.
func (p *peer) collect(t *testing.T, mark string, n int) (got []event) {
	t.Helper()
	timeout := time.After(patience)
	for ended := false; !ended || len(got) < n; {
		select {
		case e := <-p.events:
			switch {
			case e.Name == mark:
				ended = true
			case !strings.HasPrefix(e.Name, probe):
				got = append(got, e)
			}
		case <-timeout:
			t.Fatalf("%s: no %s, only %v", p.label, mark, got)
		}
	}
	return got
}

// drain forgets what arrived that nobody waited for.
func (p *peer) drain() {
	for {
		select {
		case <-p.events:
		default:
			return
		}
	}
}
