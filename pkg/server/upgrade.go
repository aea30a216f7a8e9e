package server

import (
	"net/http"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/wire/engineio"
)

// upgradeSession moves a polling session to WebSocket (Engine.IO 4, upgrade):
//
//	client  ws: 2probe            ws: 5
//	server           ws: 3probe        everything from here on
//	                 GET: 6 (if one waits)
//
// What the client sends between is taken from both transports, what the server
// sends goes by GET until the 5.
func (s *Server) upgradeSession(w http.ResponseWriter, r *http.Request, l *link) {
	if !l.beginUpgrade() {
		// engine.io completes the handshake first, and ws clients tell a close
		// from a failed handshake.
		if k, err := s.upgrade(w, r); err == nil {
			s.count.handshake.add("second upgrade")
			s.group.Go(func() { k.refuse(wsCloseFrame(0, ""), s.opts.CloseTimeout) })
		}
		return
	}
	k, err := s.upgrade(w, r)
	if err != nil {
		l.cancelUpgrade()
		return
	}
	s.group.Go(func() {
		if !s.probe(k, l) {
			l.cancelUpgrade()
			k.refuse(wsCloseFrame(0, ""), s.opts.CloseTimeout)
			return
		}
		s.group.Go(func() { k.readLoop(l) }) // this stack has grown
	})
}

func (l *link) beginUpgrade() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.kind != kindPolling || l.phase != phaseOpen || l.engine.poll.probing {
		return false
	}
	l.engine.poll.probing = true
	return true
}

func (l *link) cancelUpgrade() {
	l.mu.Lock()
	l.engine.poll.probing, l.engine.poll.upgrading = false, false
	l.mu.Unlock()
}

// probe goes through the probe and switches the transport. When it returns false
// the session is as it was and goes on polling.
func (s *Server) probe(k *socket, l *link) bool {
	end := time.Now().Add(s.opts.UpgradeTimeout)
	_ = k.nc.Conn.SetDeadline(end)
	stop := make(chan struct{})
	defer close(stop)
	s.group.Go(func() {
		select {
		case <-l.done():
			_ = k.nc.Conn.SetDeadline(time.Now()) // the session has ended meanwhile
		case <-stop:
		}
	})
	if text, err := k.readSmall(); err != nil || text != "2probe" {
		return false
	}
	l.mu.Lock()
	l.engine.poll.upgrading = true
	waits := l.engine.poll.getting && l.queue.empty()
	l.mu.Unlock()
	if _, err := k.nc.Write(framePongProbe.wire); err != nil {
		return false
	}
	if waits {
		l.put(frameNoop, nil)
	}
	text, err := k.readSmall()
	if err != nil || text != "5" {
		return false
	}
	_ = k.nc.Conn.SetDeadline(time.Time{})
	if l.switchTransport(k) {
		return true
	}
	if words := l.lastWords(); len(words) > 0 {
		_ = k.nc.Conn.SetWriteDeadline(time.Now().Add(s.opts.WriteTimeout))
		_, _ = k.nc.Write(words)
	}
	l.flushed()
	return false
}

// lastWords takes what a session that was ended during its upgrade had still to
// say, such as why it refused a namespace, as WebSocket frames: the client has
// stopped polling by now and listens here.
func (l *link) lastWords() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.engine.poll.getting {
		return nil // a GET gets it
	}
	var words []byte
	for !l.queue.empty() {
		if f := l.queue.pop(); f != frameCloseText {
			words = append(words, f.wire...)
		}
	}
	return words
}

var framePongProbe = controlFrame(engineio.Pong, []byte("probe"))

// switchTransport makes the socket the transport. A GET that has frames in its
// hands keeps the baton until it has written them.
func (l *link) switchTransport(k *socket) bool {
	l.mu.Lock()
	if l.phase != phaseOpen {
		l.mu.Unlock()
		return false
	}
	k.bind(l)
	l.kind = kindWebSocket
	l.pulls = false
	kick := false
	if !l.taking {
		l.held = !l.queue.empty()
		kick = l.held
	}
	l.signal() // a GET that still waits
	l.mu.Unlock()
	s := l.srv
	s.count.upgrades.Add(1)
	s.count.clients[kindPolling].Add(-1)
	s.count.clients[kindWebSocket].Add(1)
	if kick {
		l.kick(nil)
	}
	return true
}
