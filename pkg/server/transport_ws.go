package server

import (
	"compress/flate"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"
)

// upgrader makes connections that read only, with a read buffer of ours (see
// hijacker) and pooled write buffers, because nothing is written with them.
var upgrader = websocket.Upgrader{
	WriteBufferSize: 512,
	WriteBufferPool: &sync.Pool{},
	CheckOrigin:     func(*http.Request) bool { return true }, // checked before
	Error: func(w http.ResponseWriter, _ *http.Request, status int, reason error) {
		writeError(w, status, codeBadRequest, reason.Error())
	},
}

// deflateUpgrader answers offers of permessage-deflate. The library takes any
// offer: those that it can't keep to never reach it, see offersDeflate.
var deflateUpgrader = func() websocket.Upgrader {
	u := upgrader
	u.EnableCompression = true
	return u
}()

// readBuffers holds buffers for one message. They grow with messages up to
// keepBytes; larger ones are not kept.
var readBuffers = sync.Pool{New: func() any {
	b := make([]byte, 0, 8<<10)
	return &b
}}

const keepBytes = 128 << 10

// socket is a WebSocket after its handshake.
type socket struct {
	ws       *websocket.Conn // nil while the library has nothing to do
	nc       *netConn
	deflates bool // permessage-deflate was negotiated

	fast *fastReader // of a busy connection; the read goroutine's only
}

// upgrade answers the handshake of RFC 6455. When it returns an error it has
// answered the request.
func (s *Server) upgrade(w http.ResponseWriter, r *http.Request) (*socket, error) {
	h := &hijacker{ResponseWriter: w}
	u, deflates := &upgrader, s.deflater != nil && offersDeflate(r.Header)
	if deflates {
		u = &deflateUpgrader
	}
	ws, err := u.Upgrade(h, r, nil)
	if err != nil {
		s.count.handshake.add("upgrade")
		return nil, err
	}
	_ = h.conn.Conn.SetDeadline(time.Time{})
	if deflates {
		// Inflated bytes are counted by readMessage. This bounds a message that
		// never inflates to anything.
		ws.SetReadLimit(int64(s.opts.MaxPayload) + int64(s.opts.MaxPayload)/64 + 1024)
	}
	return &socket{ws: ws, nc: h.conn, deflates: deflates}, nil
}

// bind makes the socket the transport of l. The caller holds l.mu or is alone.
func (k *socket) bind(l *link) {
	k.nc.link = l
	l.deflates.Store(k.deflates)
	l.attach(k.nc.Conn)
	l.reads = true
	k.handle(k.ws)
}

// handle sets what the library does with control frames, once a link is bound.
func (k *socket) handle(ws *websocket.Conn) {
	l := k.nc.link
	if l == nil {
		return
	}
	ws.SetPingHandler(func(data string) error {
		l.pinged([]byte(data))
		return nil
	})
	ws.SetPongHandler(func(string) error {
		l.ponged()
		return nil
	})
	ws.SetCloseHandler(func(int, string) error { return nil }) // answered by readLoop
}

// rest lets the library's part of an idle connection go, a tenth of what such a
// connection costs. Between two messages there is no state in it, unless it
// inflates, and nothing may be in its buffer.
func (k *socket) rest() {
	if k.ws == nil || k.deflates {
		return
	}
	readers.Put(k.nc.in)
	k.ws, k.nc.in = nil, nil
}

// library is the library's part of the connection, which is made again if need
// be. Its only way in is a handshake, so it gets one that nobody sees.
func (k *socket) library() (*websocket.Conn, error) {
	if k.ws != nil {
		return k.ws, nil
	}
	k.nc.mute = true
	ws, err := upgrader.Upgrade(again{conn: k.nc}, anyHandshake, nil)
	k.nc.mute = false
	if err != nil {
		return nil, err
	}
	k.handle(ws)
	k.ws = ws
	return ws, nil
}

var anyHandshake = &http.Request{Method: http.MethodGet, Header: http.Header{
	"Connection":            {"Upgrade"},
	"Upgrade":               {"websocket"},
	"Sec-Websocket-Version": {"13"},
	"Sec-Websocket-Key":     {"AAAAAAAAAAAAAAAAAAAAAA=="},
}}

func (l *link) pinged(data []byte) { l.put(wsControl(wsPong, data), nil) }

func (l *link) ponged() {
	if l.codec != codecSocketIO { // which has a heartbeat of its own
		l.alive()
	}
}

var errTooBig = errors.New("message is larger than MaxPayload")

// violation is an error of a message's content, as opposed to one of reading.
type violation struct{ error }

func (v violation) Unwrap() error { return v.error }

// readLoop reads messages until the connection ends, and ends the link.
func (k *socket) readLoop(l *link) {
	err := k.readAll(l)
	if errors.Is(err, errRenew) {
		l.srv.group.Go(func() { k.readLoop(l) })
		return
	}
	l.flushOwn()
	if l.readEnded(err) {
		k.awaitClose()
	}
	l.finish(readReason(err))
	l.teardown()
}

// The goroutine of an idle connection should keep the smallest stack there is,
// which the library and the handlers outgrow, and a stack never shrinks to the
// smallest again. Therefore it waits for the socket by itself, at the bottom of
// its stack, and the first messages after a quiet time are read and handled by
// a goroutine of their own. Only a busy connection does everything in place.
// When it has become quiet, its next message renews the goroutine.
const (
	quietTime  = time.Second
	asideFirst = 8
)

// errRenew ends a read loop that goes on in a fresh goroutine.
var errRenew = errors.New("the goroutine is to be renewed")

// readAll reads messages until the first error.
func (k *socket) readAll(l *link) error {
	for burst := 0; ; {
		quiet, err := k.wait(l, burst)
		if err != nil {
			return err
		}
		if quiet && burst > asideFirst {
			k.fast = nil
			return errRenew
		}
		if quiet {
			burst = 0
		}
		if burst++; burst > asideFirst || l.raw == nil { // a second goroutine would do the waiting
			err = k.readSome(l, &k.fast)
		} else {
			err = k.readAside(l)
		}
		if err != nil {
			return err
		}
	}
}

// wait returns when there is something to read, and whether that took long. On a
// busy connection, or when the socket can't tell, it leaves the waiting to the
// read, and quiet is what became of the last one.
func (k *socket) wait(l *link, burst int) (quiet bool, err error) {
	if burst <= asideFirst && l.raw != nil && k.nc.buffered() == 0 {
		l.flushOwn()
		k.rest()
		if err := l.raw.Read(readable); err != nil {
			return false, err
		}
	}
	return l.came(l.srv.wheel.now()), nil
}

// came notes that something has come, and reports whether that took long.
func (l *link) came(now time.Duration) (quiet bool) {
	quiet = now-l.lastIn > quietTime
	l.lastIn = now
	return quiet
}

// readAside is readSome in another goroutine.
func (k *socket) readAside(l *link) error {
	a, _ := l.srv.asides.Get().(*aside)
	if a == nil {
		a = newAside()
	}
	a.socket, a.link = k, l
	l.srv.group.Add(1)
	go a.read()
	err := <-a.done
	a.socket, a.link = nil, nil
	l.srv.asides.Put(a)
	return err
}

// aside is what readAside needs. It is pooled, because a heartbeat comes this
// way as well, and is all that most connections have to say.
type aside struct {
	socket *socket
	link   *link
	fast   *fastReader
	done   chan error
	read   func()
}

func newAside() *aside {
	a := &aside{done: make(chan error, 1)}
	a.read = func() {
		group := &a.link.srv.group
		a.done <- a.socket.readSome(a.link, &a.fast)
		group.Done()
	}
	return a
}

// readOne reads and handles one message.
func (k *socket) readOne(l *link) error {
	ws, err := k.library()
	if err != nil {
		return err
	}
	kind, r, err := ws.NextReader()
	if err != nil {
		return err
	}
	buf := readBuffers.Get().(*[]byte)
	message, err := readMessage((*buf)[:0], r, l.srv.opts.MaxPayload)
	*buf = message[:0]
	if err == nil {
		l.srv.count.bytesIn.Add(uint64(len(message)))
		err = l.message(kind == websocket.BinaryMessage, message)
	}
	if cap(*buf) <= keepBytes {
		readBuffers.Put(buf)
	}
	return err
}

// message handles one message of a WebSocket; b is valid during the call.
func (l *link) message(binary bool, b []byte) error {
	if !binary && !utf8.Valid(b) {
		return errNotUTF8
	}
	l.inMu.Lock()
	l.reading = true
	var err error
	if l.engine != nil {
		err = l.engineMessage(binary, b)
	} else {
		err = l.plainMessage(b)
	}
	l.reading = false
	l.inMu.Unlock()
	if err != nil {
		return violation{err}
	}
	return nil
}

// readMessage reads a whole message of at most limit bytes, which are counted
// after inflation.
func readMessage(dst []byte, r io.Reader, limit int) ([]byte, error) {
	for {
		if len(dst) == cap(dst) {
			dst = append(dst, 0)[:len(dst)]
		}
		room := min(cap(dst)-len(dst), limit+1-len(dst))
		n, err := r.Read(dst[len(dst) : len(dst)+room])
		dst = dst[:len(dst)+n]
		if len(dst) > limit {
			return dst, errTooBig
		}
		if err == io.EOF {
			return dst, nil
		}
		if err != nil {
			return dst, err
		}
	}
}

// readEnded says goodbye for what ended the reading. It reports whether the
// peer's close frame should be waited for.
func (l *link) readEnded(err error) (await bool) {
	if closed, ok := errors.AsType[*websocket.CloseError](err); ok {
		if closed.Code == websocket.CloseAbnormalClosure {
			return false // no close frame has come
		}
		// RFC 6455, 5.5.1: echo the status code.
		code := closed.Code
		if code == websocket.CloseNoStatusReceived {
			code = 0
		}
		l.shut(reasonTransportClose, wsCloseFrame(code, ""))
		return false
	}
	switch {
	case errors.Is(err, errPeerClosed):
		l.shut(reasonTransportClose, wsCloseFrame(0, ""))
	case errors.Is(err, errTokenRejected):
		l.bye(reasonUnauthorized, 0)
	case errors.Is(err, errStruckOut):
		l.bye(reasonThrottled, closePolicy)
	case errors.Is(err, errTooBig):
		l.refuse(closeTooBig, "message too big")
	case errors.Is(err, errNotUTF8):
		l.refuse(closeInvalidData, "text is not UTF-8")
	case errors.Is(err, websocket.ErrReadLimit):
		l.srv.count.protocol.Add(1)
		l.shut(reasonParse) // the library has queued the close frame
	case isInflate(err):
		l.refuse(closeInvalidData, "bad compressed data")
	case isViolation(err):
		l.refuse(0, "")
	case isFraming(err):
		l.refuse(closeProtocol, "protocol error")
		return false
	default:
		return false
	}
	return true
}

func isViolation(err error) bool {
	_, ok := errors.AsType[violation](err)
	return ok
}

// isInflate reports whether a message could not be inflated.
func isInflate(err error) bool {
	_, corrupt := errors.AsType[flate.CorruptInputError](err)
	return corrupt || errors.Is(err, io.ErrUnexpectedEOF)
}

// refuse closes a connection whose client broke the protocol.
func (l *link) refuse(code int, text string) {
	l.srv.count.protocol.Add(1)
	l.shut(reasonParse, wsCloseFrame(code, text))
}

// isFraming reports whether the library found a violation of RFC 6455 itself.
// It has no type for that, only a text with this prefix.
func isFraming(err error) bool {
	const prefix = "websocket: "
	text := err.Error()
	return len(text) > len(prefix) && text[:len(prefix)] == prefix && !errors.Is(err, websocket.ErrCloseSent)
}

// awaitClose reads on until the peer's close frame or the end of the
// connection, which the link's closeBy deadline brings about.
func (k *socket) awaitClose() {
	ws, err := k.library()
	for err == nil {
		_, _, err = ws.NextReader()
	}
}

// refuse closes a socket that has not become a link.
func (k *socket) refuse(f *frame, timeout time.Duration) {
	k.nc.link = nil
	_ = k.nc.Conn.SetDeadline(time.Now().Add(timeout))
	if _, err := k.nc.Write(f.wire); err == nil {
		k.awaitClose()
	}
	_ = k.nc.Close()
}

// readSmall reads a text message of the upgrade probe.
func (k *socket) readSmall() (string, error) {
	b, err := k.readText(16)
	return string(b), err
}

// readText reads one text message of at most limit bytes.
func (k *socket) readText(limit int) ([]byte, error) {
	kind, r, err := k.ws.NextReader()
	if err != nil {
		return nil, err
	}
	if kind != websocket.TextMessage {
		return nil, errInterleaved
	}
	return readMessage(nil, r, limit)
}
