package server

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/realtime-toolkit/rtk/pkg/wire/rawjson"
)

// The events of presence.
const (
	presenceEvent     = "presence"
	presenceListEvent = "presence.list"
	codeNoPresence    = "no_presence"
)

// tell sends what is pending for rooms to their members and to the other pods. It is
// called without a lock but inMu.
func (p *presence) tell(rooms []string) {
	if p == nil {
		return
	}
	for _, room := range rooms {
		if r := p.roster(room); r != nil {
			r.turn.Lock()
			p.drain(r)
			p.forget(r)
			r.turn.Unlock()
		}
	}
	p.hub.flush()
}

// drain tells what is pending. The caller holds r.turn.
func (p *presence) drain(r *roster) {
	changes := p.take(r)
	p.hub.note(p.ns.name, r.room, changes)
	if p.ns.srv.state.Load() != stateRunning {
		// The clients of a pod that stops all leave: telling each of them of the
		// others would be a storm for nothing.
		return
	}
	for i := range changes {
		ch := &changes[i]
		if ch.action == "" {
			continue
		}
		e := p.ns.To(r.room).Local() // the other pods tell their own
		if ch.action == presenceLeave {
			e = e.Except(ch.key.conn) // a client that comes back to its session is not told that it left
		}
		if err := e.EmitRaw(presenceEvent, ch.appendJSON(nil, r.room, p.hub.scope())); err != nil {
			p.ns.srv.log.Warn("presence event", "namespace", p.ns.name, "error", err)
		}
		p.hub.events.Add(1)
	}
}

func (ch *change) appendJSON(dst []byte, room, scope string) []byte {
	dst = append(dst, `{"room":`...)
	dst = rawjson.AppendQuote(dst, room)
	dst = append(dst, `,"action":"`...)
	dst = append(dst, ch.action...)
	dst = append(dst, '"')
	if ch.action == presenceJoin || ch.action == presenceLeave {
		dst = append(dst, `,"id":`...)
		dst = rawjson.AppendQuote(dst, ch.who.id)
		dst = append(dst, `,"user":`...)
		dst = rawjson.AppendQuote(dst, ch.who.user)
	}
	dst = append(dst, `,"count":`...)
	dst = strconv.AppendInt(dst, int64(ch.count), 10)
	dst = append(dst, `,"scope":"`...)
	dst = append(dst, scope...)
	return append(dst, `"}`...)
}

// list is the handler of "presence.list". Its acknowledgement takes its place
// between the events: a client that applies both in the order in which they come
// is right.
func (p *presence) list(_ context.Context, c *Conn, e *Event) (Reply, error) {
	var in struct {
		Room string `json:"room"`
	}
	first, _, _ := rawjson.Next(e.Args)
	if len(first) == 0 || json.Unmarshal(first, &in) != nil || in.Room == "" {
		return Reply{}, Errorf(codeBadRequest, "event %q: want {\"room\":NAME}", presenceListEvent)
	}
	if !c.InRoom(in.Room) && (p.ns.srv.policy.Load() == nil || c.MayJoin(in.Room) != nil) {
		return Reply{}, Errorf(codeForbidden, "not a member of this room")
	}
	if !p.has(in.Room) {
		return Reply{}, Errorf(codeNoPresence, "this room has no presence")
	}
	answer := e.Later()
	r := p.roster(in.Room)
	if r == nil {
		answer(Reply{Args: p.appendList(nil, in.Room, nil, 0, false)}, nil)
		return Reply{None: true}, nil
	}
	defer p.hub.flush()
	r.turn.Lock()
	defer r.turn.Unlock()
	p.drain(r)
	members, count, off := p.snapshot(r)
	answer(Reply{Args: p.appendList(nil, in.Room, members, count, off)}, nil)
	p.forget(r)
	return Reply{None: true}, nil
}

// appendList appends the acknowledgement of a list. It is truncated as well
// before it fills half of the client's queue.
func (p *presence) appendList(dst []byte, room string, members []present, count int, off bool) []byte {
	dst = append(dst, `{"ok":true,"room":`...)
	dst = rawjson.AppendQuote(dst, room)
	dst = append(dst, `,"members":[`...)
	told := 0
	for _, who := range members {
		if len(dst) > p.ns.srv.opts.QueueBytes/2 {
			break
		}
		if told++; told > 1 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"id":`...)
		dst = rawjson.AppendQuote(dst, who.id)
		dst = append(dst, `,"user":`...)
		dst = rawjson.AppendQuote(dst, who.user)
		dst = append(dst, `,"since":`...)
		dst = strconv.AppendInt(dst, who.since, 10)
		dst = append(dst, '}')
	}
	dst = append(dst, `],"count":`...)
	dst = strconv.AppendInt(dst, int64(count), 10)
	dst = append(dst, `,"truncated":`...)
	dst = strconv.AppendBool(dst, told < count)
	dst = append(dst, `,"off":`...)
	dst = strconv.AppendBool(dst, off)
	dst = append(dst, `,"scope":"`...)
	dst = append(dst, p.hub.scope()...)
	return append(dst, `"}`...)
}

// Schemas of the contract.
var (
	schemaPresence = json.RawMessage(`{"type":"object","required":["room","action","count","scope"],"properties":{` +
		`"room":{"type":"string"},"action":{"type":"string","enum":["join","leave","off","on"]},` +
		`"id":{"type":"string","description":"tells members apart; of join and leave"},` +
		`"user":{"type":"string","description":"subject of the token, or anon-…; of join and leave"},` +
		`"count":{"type":"integer","description":"members after it"},"scope":{"type":"string","enum":["pod","cluster"],"description":"whose members are counted"}}}`)
	schemaPresenceList = json.RawMessage(`{"type":"object","required":["room"],"properties":{"room":{"type":"string"}}}`)
	schemaPresenceAck  = json.RawMessage(`{"type":"object","required":["ok","room","members","count","truncated","off","scope"],"properties":{` +
		`"ok":{"type":"boolean"},"room":{"type":"string"},"members":{"type":"array","items":{"type":"object","required":["id","user","since"],` +
		`"properties":{"id":{"type":"string"},"user":{"type":"string"},"since":{"type":"integer","description":"Unix time in milliseconds"}}}},` +
		`"count":{"type":"integer"},"truncated":{"type":"boolean"},"off":{"type":"boolean","description":"the room is too large to tell of each change"},` +
		`"scope":{"type":"string","enum":["pod","cluster"]}}}`)
)

// contract is what presence adds to that of its namespace.
func (p *presence) contract() []Declaration {
	if p == nil {
		return nil
	}
	all := []Declaration{{
		Namespace: p.ns.name, Event: presenceEvent, Payload: Shape{Schema: schemaPresence},
		Summary: "Somebody has joined or left a room that the receiver is in.",
	}}
	if p.ns.name != EventsNamespace { // its streams send nothing
		all = append(all, Declaration{
			Namespace: p.ns.name, Event: presenceListEvent, FromClient: true,
			Payload: Shape{Schema: schemaPresenceList}, Ack: Shape{Schema: schemaPresenceAck},
			Summary: "Tells who is in a room.",
		})
	}
	return all
}
