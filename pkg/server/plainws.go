package server

import (
	"errors"
	"net/http"
	"strings"

	"github.com/realtime-toolkit/rtk/pkg/wire/nestws"
	"github.com/realtime-toolkit/rtk/pkg/wire/rawjson"
	"github.com/realtime-toolkit/rtk/pkg/wire/socketio"
)

var framePingWS = wsControl(wsPing, nil)

// servePlainWS opens a plain WebSocket connection.
func (s *Server) servePlainWS(w http.ResponseWriter, r *http.Request) {
	if !s.enter(w, r, false) {
		return
	}
	defer s.group.Done()
	if !headerHas(r.Header, "Connection", "upgrade") || !headerHas(r.Header, "Upgrade", "websocket") {
		s.count.handshake.add("bad request")
		w.Header().Set("Upgrade", "websocket")
		writeError(w, http.StatusUpgradeRequired, codeBadRequest, "this endpoint speaks WebSocket")
		return
	}
	name := r.URL.Query().Get("namespace")
	if name == "" {
		name = s.opts.WSNamespace
	}
	var n, family *Namespace
	if len(name) <= maxNamespaceBytes && strings.HasPrefix(name, "/") {
		n, family = s.find(name, nil)
	}
	if n == nil && family == nil {
		s.count.handshake.add("invalid namespace")
		writeError(w, http.StatusNotFound, "invalid_namespace", "no such namespace")
		return
	}
	if s.leaks(r) {
		s.leakPlainWS(w, r)
		return
	}
	id, late, ok := s.authorize(w, r)
	if !ok {
		return
	}
	if family != nil {
		var err error
		if n, err = s.member(family, name); err != nil {
			s.count.handshake.add("too many namespaces")
			writeError(w, http.StatusServiceUnavailable, errTooManyNamespaces.Code, errTooManyNamespaces.Message)
			return
		}
	}
	c := &Conn{id: newID(), ns: n, identity: id}
	session, ok := s.wantsSession(w, r, n)
	if !ok {
		c.release()
		return
	}
	k, err := s.upgrade(w, r)
	if err != nil {
		c.release()
		return
	}
	l := s.newLink(kindPlainWS, codecNestWS, r)
	c.link = l
	l.beat, l.beatAt = framePingWS, s.wheel.now()+s.opts.PingInterval
	k.bind(l)
	s.group.Go(func() {
		if !session {
			s.runPlainWS(k, l, c, late)
			return
		}
		want, err := k.readResume(s)
		if err != nil {
			c.release()
			k.refuse(wsCloseFrame(closePolicy, errNoResume.Error()), s.opts.CloseTimeout)
			return
		}
		l.codec = codecNestWSResume
		n.seq.claim(c, want)
		s.runPlainWS(k, l, c, late)
	})
}

func (s *Server) runPlainWS(k *socket, l *link, c *Conn, late bool) {
	hello := func() *frame { return nil }
	if l.codec == codecNestWSResume {
		hello = c.sessionFrame
	}
	if err := s.open(l, c, hello, nil); err != nil {
		c.release()
		code, reason := closePolicy, "refused"
		if _, message, told := publicError(err); told {
			reason = message
		} else if errors.Is(err, ErrClosed) {
			code, reason = closeRestart, "server is shutting down"
		}
		k.refuse(wsCloseFrame(code, reason), s.opts.CloseTimeout)
		return
	}
	c.saveFirst()
	l.bound(c.identity)
	if late {
		l.evict()
	}
	l.watch()
	s.group.Go(func() { k.readLoop(l) }) // this stack has grown
}

// plainMessage handles one {"event","data"} frame (NestJS WsAdapter).
func (l *link) plainMessage(b []byte) error {
	c := l.conn(nil)
	if c == nil {
		return nil // the goodbye has been said
	}
	l.srv.count.messagesIn.Add(1)
	profile := l.srv.opts.WSProfile
	ok, retry, err := l.allow(nil, len(b), func() string { return plainEvent(b) })
	if !ok {
		object := c.errorObject(errRateLimited, retry)
		if id, has := rawjson.Member(b, "id"); has && rawjson.Valid(id) {
			c.plainReply(func(dst []byte) []byte { return nestws.AppendAck(dst, id, object) })
		} else {
			c.plainReply(func(dst []byte) []byte { return nestws.AppendExceptionObject(dst, profile, object) })
		}
		return err
	}
	f, err := nestws.Parse(b)
	if err != nil {
		return nil // NestJS stays silent and keeps the connection
	}
	reply, err := c.ns.dispatch(c, []byte(f.Event), f.Data, nil, returnAddress{ack: socketio.NoID, frame: f.ID})
	if err != nil {
		if f.ID != nil {
			object := c.errorObject(err, 0)
			c.plainReply(func(dst []byte) []byte { return nestws.AppendAck(dst, f.ID, object) })
			return nil
		}
		if errors.Is(err, errUnknownEvent) {
			return nil
		}
		c.plainReply(func(dst []byte) []byte { return c.appendException(dst, err, f.Event, f.Data) })
		return nil
	}
	if reply.None {
		return nil
	}
	data := oneArgument(inlineBinary(reply.Args, reply.Attachments))
	switch {
	case f.ID != nil:
		c.plainReply(func(dst []byte) []byte { return nestws.AppendAck(dst, f.ID, data) })
	case len(data) > 0 && string(data) != "null":
		c.plainReply(func(dst []byte) []byte { return append(dst, data...) })
	}
	return nil
}

// plainEvent is the name of the event in a frame, "" when there is none.
func plainEvent(b []byte) string {
	f, err := nestws.Parse(b)
	if err != nil {
		return ""
	}
	return f.Event
}

// plainReply queues a text frame of what fill appends, nothing if that is empty.
func (c *Conn) plainReply(fill func([]byte) []byte) {
	if f := wsFrame(wsText, 128, fill); len(f.body) > 0 {
		c.link.putOwn(f)
	}
}

// leakPlainWS serves the fault AuthLeak.
func (s *Server) leakPlainWS(w http.ResponseWriter, r *http.Request) {
	k, err := s.upgrade(w, r)
	if err != nil {
		return
	}
	f := wsFrame(wsText, 64, func(dst []byte) []byte { return nestws.Append(dst, leakEvent, []byte(leakData)) })
	f.wire = append(f.wire, wsCloseFrame(closePolicy, reasonUnauthorized).wire...)
	s.group.Go(func() { k.refuse(f, s.opts.CloseTimeout) })
}
