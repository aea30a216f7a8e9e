package redis

import (
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
	"github.com/realtime-toolkit/rtk/pkg/wire/redisadapter"
)

const (
	// answerPatience is npm's requestsTimeout: who asked has given up by then.
	answerPatience = 5 * time.Second
	// sidLength is the length of all socket ids.
	sidLength = 20
)

// request does what a peer tells, or answers what it asks.
func (in *inbox) request(r *redisadapter.Request) {
	in.received.Add(1)
	if r.SID != "" {
		in.legacy(r)
		return
	}
	c := cluster.Command{
		Namespace: in.namespace, Rooms: r.Rooms, Except: r.Except, Targets: r.Targets,
		Close: r.Close, Args: r.Args, Attachments: r.Attachments,
	}
	q := cluster.Query{
		Namespace: in.namespace, Rooms: r.Rooms, Except: r.Except,
		Args: r.Args, Attachments: r.Attachments, NoCompress: r.NoCompress,
	}
	switch r.Type {
	case redisadapter.RequestJoin:
		c.Op = cluster.OpJoin
	case redisadapter.RequestLeave:
		c.Op = cluster.OpLeave
	case redisadapter.RequestDisconnect:
		c.Op = cluster.OpDisconnect
	case redisadapter.RequestServerSideEmit:
		if c.Op = cluster.OpServerSideEmit; r.ID != "" {
			c.Op, q.Op = 0, cluster.OpServerSideEmit
		}
	case redisadapter.RequestSockets, redisadapter.RequestFetch:
		q.Op = cluster.OpFetchSockets
	case redisadapter.RequestAllRooms:
		q.Op = cluster.OpAllRooms
	case redisadapter.RequestBroadcast:
		q.Op = cluster.OpBroadcastAck
		if q.Timeout = min(r.Timeout, maxAckTimeout); q.Timeout <= 0 {
			q.Timeout = defaultTimeout
		}
	}
	if c.Op != 0 {
		in.sink.Execute(&c)
		return
	}
	patience := answerPatience + q.Timeout
	asker := redisadapter.Request{Type: r.Type, UID: r.UID, ID: r.ID} // not what it asked
	in.sink.Answer(&q, func(a *cluster.Answer) { in.reply(&asker, a, patience) })
}

// legacy does what a server of @socket.io/redis-adapter before 7 asks about one
// connection, if it is here.
func (in *inbox) legacy(r *redisadapter.Request) {
	if len(r.SID) != sidLength || !in.sink.HasRoom(in.namespace, r.SID) {
		return
	}
	c := &cluster.Command{Namespace: in.namespace, Rooms: []string{r.SID}, Targets: r.Targets, Close: r.Close}
	switch r.Type {
	case redisadapter.RequestJoin:
		c.Op = cluster.OpJoin
	case redisadapter.RequestLeave:
		c.Op = cluster.OpLeave
	default:
		c.Op = cluster.OpDisconnect
	}
	in.sink.Execute(c)
	if r.ID != "" {
		in.reply(r, &cluster.Answer{}, answerPatience)
	}
}

// reply publishes one answer. It doesn't block.
func (in *inbox) reply(r *redisadapter.Request, a *cluster.Answer, patience time.Duration) {
	b := in.backplane
	// npm's adapter sends the answer to a server-side emit to all; older servers
	// and who has no name can be reached in no other way.
	uid := ""
	if b.options.SpecificResponses && r.Type != redisadapter.RequestServerSideEmit {
		uid = r.UID
	}
	answer := redisadapter.Response{
		Type: r.Type, ID: r.ID, Rooms: a.Rooms, Clients: a.Clients, Args: a.Args, Attachments: a.Attachments,
	}
	switch r.Type {
	case redisadapter.RequestServerSideEmit:
		if answer.Args == nil {
			answer.Args = []byte("null")
		}
	case redisadapter.RequestFetch:
		answer.Sockets = make([]redisadapter.Socket, len(a.Sockets))
		for i, s := range a.Sockets {
			answer.Sockets[i] = redisadapter.Socket(s)
		}
	case redisadapter.RequestSockets:
		for _, s := range a.Sockets {
			answer.Rooms = append(answer.Rooms, s.ID)
		}
	}
	payload, err := redisadapter.AppendResponse(nil, &answer)
	b.post(message{
		channel: redisadapter.ResponseChannel(b.options.Prefix, in.namespace, uid),
		payload: payload,
		expires: time.Now().Add(patience),
	}, err)
}

// answer hands what a peer answers to the one who asked, if that still waits,
// and reports whether it could be read.
func (in *inbox) answer(msg []byte) bool {
	id, _ := redisadapter.PeekResponseID(msg)
	kind, ok := questionTypes[in.backplane.pending.op(id)]
	if !ok {
		return true
	}
	r, err := redisadapter.DecodeResponse(msg, kind)
	if err != nil {
		return false
	}
	in.received.Add(1)
	a := &cluster.Answer{Rooms: r.Rooms, Clients: r.Clients, Args: r.Args, Attachments: r.Attachments}
	for _, s := range r.Sockets {
		a.Sockets = append(a.Sockets, cluster.Socket(s))
	}
	in.backplane.pending.answer(id, "", a)
	return true
}
