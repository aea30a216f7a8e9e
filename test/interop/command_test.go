package interop_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/wire/rawjson"
)

// command is what a client tells a server to do; test/node/interop/commands.js
// understands the same.
type command struct {
	Op       string          `json:"op"`
	Via      string          `json:"via,omitempty"` // socket (all but the sender) or, in Node, emitter
	To       []string        `json:"to,omitempty"`
	Except   []string        `json:"except,omitempty"`
	Volatile bool            `json:"volatile,omitempty"`
	Timeout  int             `json:"timeout,omitempty"` // ms
	Event    string          `json:"event,omitempty"`
	Rooms    []string        `json:"rooms,omitempty"`
	Close    bool            `json:"close,omitempty"`
	Data     json.RawMessage `json:"data,omitempty"`
	Count    int             `json:"count,omitempty"`
	All      bool            `json:"all,omitempty"` // every second one to all
}

// order is a command with the arguments to emit.
type order struct {
	command
	args        []byte // JSON without brackets
	attachments [][]byte
}

func parseOrder(e *server.Event) (o *order, err error) {
	first, rest, ok := rawjson.Next(e.Args)
	if !ok {
		return nil, fmt.Errorf("no command in %q", e.Args)
	}
	o = &order{args: bytes.Clone(bytes.TrimPrefix(rest, []byte(",")))}
	// The event's slices are the connection's again after the handler.
	for _, a := range e.Attachments {
		o.attachments = append(o.attachments, bytes.Clone(a))
	}
	return o, json.Unmarshal(first, &o.command)
}

// values are the arguments one by one; an attachment must be one of its own.
func (o *order) values() (list []any) {
	var raw []json.RawMessage
	_ = json.Unmarshal(append(append([]byte{'['}, o.args...), ']'), &raw) // checked by the server
	attachments := o.attachments
	for _, r := range raw {
		if bytes.HasPrefix(r, []byte(`{"_placeholder"`)) && len(attachments) > 0 {
			list, attachments = append(list, attachments[0]), attachments[1:]
			continue
		}
		list = append(list, r)
	}
	return list
}

// listen registers what commands.js does.
func (g *gateway) listen(n *server.Namespace) {
	n.On("cmd", func(_ context.Context, c *server.Conn, e *server.Event) (server.Reply, error) {
		o, err := parseOrder(e)
		if err != nil {
			return server.Reply{}, err
		}
		answer := e.Later() // an order may wait for what its own client has to say
		g.waiting.Go(func() { answer(acknowledge(g.obey(n, c, o))) })
		return server.Reply{None: true}, nil
	})
	n.OnServerSideEmit("tell", func(_ context.Context, e *server.ServerSideEvent) (server.Reply, error) {
		args := fmt.Appendf(nil, "%q", g.name)
		if len(e.Args) > 0 {
			args = append(append(args, ','), e.Args...)
		}
		return server.Reply{}, n.Local().EmitRaw("told", args, e.Attachments...)
	})
	n.OnServerSideEmit("ask", func(_ context.Context, e *server.ServerSideEvent) (server.Reply, error) {
		return server.Reply{Args: fmt.Appendf(nil, `{"name":%q,"args":[%s]}`, g.name, e.Args), Attachments: e.Attachments}, nil
	})
}

// acknowledge makes {"value":…,"error":…} of an outcome.
func acknowledge(value any, failure error) (server.Reply, error) {
	r := map[string]any{"value": value}
	if failure != nil {
		r["error"] = failure.Error()
	}
	b, err := json.Marshal(r)
	return server.Reply{Args: b}, err
}

func (g *gateway) obey(n *server.Namespace, c *server.Conn, o *order) (any, error) {
	to := n.To(o.To...).Except(o.Except...)
	if o.Via == "socket" {
		to = to.ExceptConn(c)
	}
	if o.Volatile {
		to = to.Volatile()
	}
	if o.Timeout > 0 {
		to = to.Timeout(time.Duration(o.Timeout) * time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience/2)
	defer cancel()
	switch o.Op {
	case "emit":
		return nil, to.EmitRaw(o.Event, o.args, o.attachments...)
	case "burst":
		for i := range o.Count {
			target := to
			if i%2 == 1 && o.All {
				target = n.To()
			}
			if err := target.Emit(o.Event, i); err != nil {
				return nil, err
			}
		}
		return nil, nil
	case "emitWithAck":
		replies, err := to.EmitAck(ctx, o.Event, o.values()...)
		return shown(replies), err
	case "fetchSockets":
		sockets, err := to.FetchSockets(ctx)
		list := []map[string]any{}
		for _, s := range sockets {
			list = append(list, map[string]any{"id": s.ID, "rooms": s.Rooms, "data": s.Data, "handshake": s.Handshake})
		}
		return list, err
	case "allRooms":
		return n.AllRooms(ctx)
	case "socketsJoin":
		to.SocketsJoin(o.Rooms...)
	case "socketsLeave":
		to.SocketsLeave(o.Rooms...)
	case "disconnectSockets":
		to.DisconnectSockets(o.Close)
	case "serverSideEmit":
		return nil, n.ServerSideEmit(o.Event, o.values()...)
	case "serverSideEmitWithAck":
		replies, err := n.ServerSideEmitAck(ctx, o.Event, o.values()...)
		return shown(replies), err
	case "serverCount":
		return n.Servers(ctx)
	case "join":
		return nil, c.Join(o.Rooms...)
	case "rooms":
		return append(slices.Clone(c.Rooms()), c.ID()), nil
	case "data":
		return nil, c.SetData(o.Data)
	default:
		return nil, fmt.Errorf("unknown command %q", o.Op)
	}
	return nil, nil
}

// shown makes values of replies, with text in place of what is binary.
func shown(replies []server.Reply) []json.RawMessage {
	list := []json.RawMessage{}
	for _, r := range replies {
		text := string(r.Args)
		for i, a := range r.Attachments {
			text = strings.Replace(text, fmt.Sprintf(`{"_placeholder":true,"num":%d}`, i), `{"hex":"`+hex.EncodeToString(a)+`"}`, 1)
		}
		list = append(list, json.RawMessage(text))
	}
	return list
}
