package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/realtime-toolkit/rtk/pkg/server/auth"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
)

// RemoteSocket is a connection on any pod, this one among them, as it was when it
// was asked about.
type RemoteSocket struct {
	ID string
	// Handshake is Socket.IO's: {"headers":…,"time":…,"address":…,"xdomain":…,
	// "secure":…,"issued":…,"url":…,"query":…,"auth":…}. A gateway tells of
	// itself only headers that hold no secret, no token in url and query, and no
	// auth; a Node server tells more.
	Handshake json.RawMessage
	Rooms     []string        // its id first
	Data      json.RawMessage // of Conn.SetData, or socket.data of a Node server

	ns *Namespace
}

// To starts what is for this connection only.
func (r *RemoteSocket) To() *Emitter {
	e := r.ns.To(r.ID)
	e.local = r.ns.Conn(r.ID) != nil // the other pods need not hear of it
	return e
}

// Join has the connection join rooms, as Emitter.SocketsJoin.
func (r *RemoteSocket) Join(rooms ...string) { r.To().SocketsJoin(rooms...) }

// Leave takes the connection out of rooms.
func (r *RemoteSocket) Leave(rooms ...string) { r.To().SocketsLeave(rooms...) }

// Disconnect ends the connection, as Conn.Disconnect.
func (r *RemoteSocket) Disconnect(closeTransport bool) { r.To().DisconnectSockets(closeTransport) }

// Emit sends an event to the client, as Emitter.Emit.
func (r *RemoteSocket) Emit(event string, args ...any) error { return r.To().Emit(event, args...) }

// EmitAck sends an event to the client and waits for its acknowledgement, as
// Emitter.EmitAck. The error is ErrClosed when there is no such client any more,
// or none that can acknowledge.
func (r *RemoteSocket) EmitAck(ctx context.Context, event string, args ...any) (Reply, error) {
	replies, err := r.To().EmitAck(ctx, event, args...)
	switch {
	case len(replies) > 0:
		return replies[0], nil
	case err == nil:
		err = fmt.Errorf("emit %q: %w", event, ErrClosed)
	}
	return Reply{}, err
}

// FetchSockets returns the connections that the emitter chooses, on all pods,
// until ctx ends or, when it has no deadline, for Options.RequestTimeout. When
// pods are missing it returns what there is, with an error that is
// cluster.ErrPartial, or says why they can't be reached.
func (e *Emitter) FetchSockets(ctx context.Context) ([]RemoteSocket, error) {
	if e.ns.match != nil {
		return nil, ErrFamily
	}
	var all []RemoteSocket
	add := func(sockets []cluster.Socket) {
		for _, s := range sockets {
			all = append(all, RemoteSocket{ID: s.ID, Handshake: s.Handshake, Rooms: s.Rooms, Data: s.Data, ns: e.ns})
		}
	}
	add(e.ns.sockets(e.rooms, e.except))
	q := &cluster.Query{Op: cluster.OpFetchSockets, Namespace: e.ns.name, Rooms: e.rooms, Except: e.except}
	if err := e.askPods(ctx, q, func(a *cluster.Answer) { add(a.Sockets) }); err != nil {
		return all, fmt.Errorf("sockets of %q: %w", e.ns.name, err)
	}
	return all, nil
}

// sockets are the connections on this pod that rooms and except choose.
func (n *Namespace) sockets(rooms, except []string) []cluster.Socket {
	conns := n.pick(rooms, except)
	sockets := make([]cluster.Socket, 0, len(conns))
	for _, c := range conns {
		if c.state.Load() == connOpen {
			sockets = append(sockets, cluster.Socket{
				ID: c.id, Handshake: c.handshakeJSON(), Rooms: append([]string{c.id}, c.Rooms()...), Data: c.Data(),
			})
		}
	}
	return sockets
}

// dataKey is where SetData keeps its value among those of Set: it goes with them
// to a client's next connection.
const dataKey = "\x00data"

// SetData keeps a value with the connection that all pods see: it is
// RemoteSocket.Data, and socket.data in Node. The value is marshalled to JSON now.
// A client that comes back to its session has it again. What must stay on this
// pod is for Set.
func (c *Conn) SetData(v any) error {
	b, err := marshal(v)
	if err != nil {
		return fmt.Errorf("connection data: %w", err)
	}
	c.Set(dataKey, json.RawMessage(b))
	return nil
}

// Data returns the JSON of SetData's latest value, {} before that. Don't change it.
func (c *Conn) Data() json.RawMessage {
	if b, ok := c.Get(dataKey).(json.RawMessage); ok {
		return b
	}
	return json.RawMessage("{}")
}

// handshakeJSON is the handshake as other pods may know it.
func (c *Conn) handshakeJSON() json.RawMessage {
	h := c.Handshake()
	address := h.RemoteAddr
	if host, _, err := net.SplitHostPort(address); err == nil {
		address = host
	}
	// Only these: any other header may hold a secret.
	headers := map[string]string{}
	for name, value := range map[string]string{"host": h.Host, "origin": h.Origin, "user-agent": h.UserAgent} {
		if value != "" {
			headers[name] = value
		}
	}
	target, query := withoutSecrets(h.Query)
	if target != "" {
		target = "?" + target
	}
	b, err := marshal(struct {
		Headers map[string]string `json:"headers"`
		Time    string            `json:"time"`
		Address string            `json:"address"`
		XDomain bool              `json:"xdomain"`
		Secure  bool              `json:"secure"`
		Issued  int64             `json:"issued"`
		URL     string            `json:"url"`
		Query   map[string]any    `json:"query"`
		Auth    struct{}          `json:"auth"`
	}{
		headers, h.Time.UTC().Format(jsDate), address, h.Origin != "", h.Secure,
		h.Time.UnixMilli(), h.Path + target, query,
		struct{}{},
	})
	if err != nil { // nothing in it can fail to marshal
		return json.RawMessage("{}")
	}
	return b
}

// jsDate is how JavaScript prints a Date in UTC.
const jsDate = "Mon Jan 02 2006 15:04:05 GMT+0000 (Coordinated Universal Time)"

// secretNames are parts of the names of parameters that clients send credentials
// in, whether or not this gateway looks for one there.
var secretNames = []string{"token", "auth", "secret", "passw", "key", "jwt", "session", "signature", "credential", "cookie"}

func namesSecret(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(secretNames, func(s string) bool { return strings.Contains(name, s) })
}

// withoutSecrets drops the parameters that held a token from a query that
// cutToken has been over, and those that may hold another credential. The second
// result has a string for each other one, or a list of them for one that comes
// several times, as in Node.
func withoutSecrets(query string) (raw string, values map[string]any) {
	values = map[string]any{}
	var kept []string
	for pair := range strings.FieldsFuncSeq(query, func(r rune) bool { return r == '&' || r == ';' }) {
		name, value, _ := strings.Cut(pair, "=")
		name = unescape(name)
		if value == auth.Redacted || namesSecret(name) {
			continue
		}
		kept = append(kept, pair)
		value = unescape(value)
		switch old := values[name].(type) {
		case nil:
			values[name] = value
		case string:
			values[name] = []string{old, value}
		case []string:
			values[name] = append(old, value)
		}
	}
	return strings.Join(kept, "&"), values
}

// unescape decodes a part of a query as far as it can be.
func unescape(s string) string {
	if text, err := url.QueryUnescape(s); err == nil {
		return strings.ToValidUTF8(text, "\uFFFD")
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
