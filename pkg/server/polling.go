package server

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/realtime-toolkit/rtk/pkg/wire/engineio"
)

// poll is the state of the polling transport of a session. link.mu guards it.
type poll struct {
	getting, posting bool // a GET, a POST is under way: a second one is an error
	probing          bool // a WebSocket is trying to take over
	upgrading        bool // its probe has been answered: GETs don't wait long
}

const (
	// maxRecords bounds the packets of one POST.
	maxRecords = 10_000
	// maxPollBytes is about how much one GET returns.
	maxPollBytes = 1 << 20
	// upgradePoll is how long a GET waits during an upgrade (engine.io: the
	// client pauses only when its GET has been answered).
	upgradePoll = 100 * time.Millisecond
)

// openPolling opens a Socket.IO connection over long polling.
func (s *Server) openPolling(w http.ResponseWriter, r *http.Request, raw EngineHandler) {
	id, late, ok := s.authorizeRaw(w, r, raw)
	if !ok {
		return
	}
	l := s.newSession(kindPolling, r, raw)
	l.engine.poll = &poll{getting: true}
	l.pulls, l.wake = true, make(chan struct{}, 1)
	if !s.remember(l) {
		writeError(w, http.StatusServiceUnavailable, "unavailable", "the server is shutting down")
		return
	}
	l.put(l.openFrame("websocket"), nil)
	l.admitted(id, late)
	s.answerPoll(w, r, l, nil)
}

// servePoll answers a GET with what is queued, now or later.
func (s *Server) servePoll(w http.ResponseWriter, r *http.Request, l *link) {
	p := l.engine.poll
	l.mu.Lock()
	if l.phase != phaseOpen && l.queue.empty() {
		l.mu.Unlock()
		s.badHandshake(w, engineio.ErrSessionUnknown) // its end has been told already
		return
	}
	overlap := p.getting
	p.getting = true
	upgrading := p.upgrading
	l.mu.Unlock()
	if overlap {
		l.abort(reasonTransportError)
		s.badHandshake(w, engineio.ErrBadRequest)
		return
	}
	var limit <-chan time.Time
	if upgrading {
		limit = time.After(upgradePoll)
	}
	s.answerPoll(w, r, l, limit)
}

// answerPoll writes the answer of the one GET of a session.
func (s *Server) answerPoll(w http.ResponseWriter, r *http.Request, l *link, limit <-chan time.Time) {
	var body []byte
	frames, bytes, err := l.pullFrames(r.Context(), limit, func(f *frame) bool {
		body = appendRecords(body, f)
		return len(body) < maxPollBytes
	})
	l.mu.Lock()
	l.engine.poll.getting = false
	l.mu.Unlock()
	switch {
	case errors.Is(err, errUpgraded) && limit != nil:
		// A client that sends the 5 has no GET under way (Engine.IO 4, upgrade):
		// this one came for a session that has left polling.
		s.badHandshake(w, engineio.ErrBadRequest)
		return
	case errors.Is(err, errUpgraded), err == nil && frames == 0:
		body = append(body, byte(engineio.Noop))
	case errors.Is(err, ErrClosed):
		body = append(body, byte(engineio.Close))
	case err != nil:
		l.abort(reasonTransportError) // the client has hung up
		return
	}
	if err := writePoll(w, body, s.opts.WriteTimeout); err != nil {
		l.abort(reasonTransportError)
		return
	}
	if frames > 0 {
		l.pulled(frames, bytes)
	}
}

// appendRecords appends a frame as records of a payload.
func appendRecords(dst []byte, f *frame) []byte {
	if len(dst) > 0 {
		dst = append(dst, engineio.Separator)
	}
	dst = append(dst, f.body...)
	for _, a := range f.attachments {
		dst = engineio.AppendRecord(dst, engineio.Packet{Type: engineio.Message, Binary: true, Data: a})
	}
	return dst
}

func writePoll(w http.ResponseWriter, body []byte, timeout time.Duration) error {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=UTF-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	rc := http.NewResponseController(w)
	_ = rc.SetWriteDeadline(time.Now().Add(timeout))
	if _, err := w.Write(body); err != nil {
		return err
	}
	err := rc.Flush()
	_ = rc.SetWriteDeadline(time.Time{})
	if errors.Is(err, http.ErrNotSupported) {
		err = nil
	}
	return err
}

// servePost takes the packets of a POST.
func (s *Server) servePost(w http.ResponseWriter, r *http.Request, l *link) {
	p := l.engine.poll
	l.mu.Lock()
	overlap := p.posting
	p.posting = true
	l.mu.Unlock()
	if overlap {
		l.abort(reasonTransportError)
		s.badHandshake(w, engineio.ErrBadRequest)
		return
	}
	defer func() {
		l.mu.Lock()
		p.posting = false
		l.mu.Unlock()
	}()
	body := readBuffers.Get().(*[]byte)
	defer func() {
		if cap(*body) <= keepBytes {
			readBuffers.Put(body)
		}
	}()
	if r.ContentLength > int64(s.opts.MaxPayload) {
		s.tooLarge(w)
		return
	}
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Now().Add(s.opts.HandshakeTimeout))
	data, err := readMessage((*body)[:0], r.Body, s.opts.MaxPayload)
	*body = data[:0]
	if err == nil { // otherwise it holds for what net/http still reads of the body
		_ = rc.SetReadDeadline(time.Time{})
	}
	switch {
	case errors.Is(err, errTooBig):
		s.tooLarge(w)
		return
	case err != nil:
		l.abort(reasonTransportError)
		s.badHandshake(w, engineio.ErrBadRequest)
		return
	}
	s.count.bytesIn.Add(uint64(len(data)))
	if err := l.payload(data); err != nil && !l.postEnded(err) {
		s.badHandshake(w, engineio.ErrBadRequest)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html")
	h.Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, "ok")
}

func (s *Server) tooLarge(w http.ResponseWriter) {
	s.count.protocol.Add(1)
	w.Header().Set("Connection", "close") // the rest of the body is not read
	writeError(w, http.StatusRequestEntityTooLarge, "too_large", "payload is larger than maxPayload")
}

// payload handles the records of one POST.
func (l *link) payload(body []byte) error {
	if !utf8.Valid(body) {
		return errNotUTF8
	}
	l.inMu.Lock()
	defer l.inMu.Unlock()
	return engineio.DecodePayload(body, maxRecords, l.enginePacket)
}

// postEnded ends a polling session for the error of one of its packets. It
// reports whether the end is an orderly one: then the request itself was
// sound and is answered with ok; why the session ended goes out with the GET.
func (l *link) postEnded(err error) (orderly bool) {
	switch {
	case errors.Is(err, errPeerClosed):
		// A GET that waits gets a noop, not the client's own packet back.
		l.mu.Lock()
		l.closeOnFlush = true
		l.mu.Unlock()
		l.shut(reasonTransportClose, frameNoop)
		l.srv.group.Go(l.endConns)
	case errors.Is(err, errTokenRejected):
		l.bye(reasonUnauthorized, 0)
	case errors.Is(err, errStruckOut):
		l.bye(reasonThrottled, 0)
	default:
		l.srv.count.protocol.Add(1)
		l.abort(reasonParse)
		return false
	}
	return true
}
