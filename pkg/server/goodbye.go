package server

import (
	"github.com/realtime-toolkit/rtk/pkg/wire/socketio"
)

// disconnect is Conn.Disconnect.
func (l *link) disconnect(c *Conn, closeTransport bool) {
	if l.expel(c, closeTransport) {
		c.ended(reasonServer)
	}
}

// expel does of disconnect what calls no handlers. It reports whether the caller
// has to call c.ended.
func (l *link) expel(c *Conn, closeTransport bool) bool {
	switch {
	case l.codec != codecSocketIO:
		l.bye(reasonServer, closeNormal)
		return false
	case closeTransport:
		l.bye(reasonServer, 0)
		return false
	}
	if l.drop(c) {
		l.put(disconnectFrame(c.ns.name), nil)
	}
	return c.mute()
}

func disconnectFrame(ns string) *frame {
	f := messageFrame(len(ns)+8, nil, func(dst []byte) []byte { return socketio.AppendDisconnect(dst, ns) })
	f.control = true
	return f
}

// bye ends the link in the way of its protocol, behind what is queued. code is
// the WebSocket close code, 0 for none.
func (l *link) bye(reason string, code int) {
	var finals []*frame
	// A Socket.IO client that gets DISCONNECT does not come back by itself, so
	// only those get it that should not.
	if l.codec == codecSocketIO && (reason == reasonServer || reason == reasonThrottled) {
		l.connsMu.Lock()
		for _, c := range l.conns {
			finals = append(finals, disconnectFrame(c.ns.name))
		}
		l.connsMu.Unlock()
	}
	l.mu.Lock()
	switch l.kind {
	case kindWebSocket, kindPlainWS:
		text := reason
		if code == 0 {
			text = ""
		}
		finals = append(finals, wsCloseFrame(code, text))
	case kindPolling:
		finals = append(finals, frameCloseText)
		l.closeOnFlush = true
	case kindSSE1, kindSSE2:
		if l.farewell != nil {
			finals = append(finals, l.farewell)
		}
		if reason == reasonShutdown && l.srv.opts.SSERetry > 0 {
			finals = append(finals, comeBackLater(l.srv.opts.SSERetry))
		}
		l.closeOnFlush = true
	}
	l.mu.Unlock()
	l.shut(reason, finals...)
	l.srv.group.Go(l.endConns)
}
