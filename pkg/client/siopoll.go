package client

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
	"github.com/realtime-toolkit/rtk/pkg/wire/engineio"
)

// polling is the HTTP long-polling transport of one session (Engine.IO 4, HTTP
// long-polling): one GET is always open for what the server says, one POST at a
// time carries what the client says. Each session has connections of its own, as
// a browser has.
type polling struct {
	c      *sioConn
	t      *rt.Target
	rt     *http.Transport
	url    *url.URL // with the session id
	header http.Header

	ctx    context.Context // ends all requests of the session
	cancel context.CancelFunc

	holed atomic.Bool // a blackhole: see rt.Breaker

	mu    sync.Mutex
	conns map[net.Conn]struct{} // for abort

	pause   chan struct{} // closed by an upgrade that wants no more GET
	stopped chan struct{} // closed when the poll loop has ended
	handed  bool          // the upgrade reads on; set before stopped is closed
}

// maxPollPackets bounds the packets in one answer, which the peer chooses.
const maxPollPackets = 100_000

func (c *sioConn) openPolling(ctx context.Context, d *Dialer, r *rt.DialRequest, h rt.Handler, info rt.ConnInfo) error {
	p := &polling{c: c, url: sioURL(r, rt.TransportPolling, ""), header: r.Header.Clone(), conns: map[net.Conn]struct{}{}, pause: make(chan struct{}), stopped: make(chan struct{})}
	target := r.Target
	p.t = &target
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.rt = d.newTransport(p.t, routeOf(r), http11)
	p.track()
	c.poll.Store(p)

	tr := &traced{}
	a, err := p.request(tr.with(ctx), d, http.MethodGet, nil)
	if err != nil {
		p.end()
		return requestFailure("dial", p.t, ctxError(ctx, err))
	}
	defer giveAssembly(a.body)
	if a.status != http.StatusOK {
		p.end()
		return refusal("dial", p.t, rt.StageUpgrade, a.status, *a.body)
	}
	tr.answered(&info)
	p.keepCookies(a.cookies)
	hs, err := p.begin(*a.body)
	if err != nil {
		p.end()
		return &rt.Error{Op: "dial", Target: p.t.String(), Kind: rt.KindProtocol, Stage: rt.StageUpgrade, Err: err}
	}
	p.url = sioURL(r, rt.TransportPolling, hs.SID)
	c.init(d, r, h, info)
	first := bytes.Clone(*a.body)
	c.running.Add(1)
	go p.run(first)
	if wantsUpgrade(&r.Target, hs) {
		c.running.Add(1)
		go p.upgrade(sioURL(r, rt.TransportWebSocket, hs.SID), routeOf(r))
	}
	return nil
}

// begin finds the handshake at the beginning of the first answer.
func (p *polling) begin(body []byte) (hs engineio.Handshake, err error) {
	enough := errors.New("enough")
	err = engineio.DecodePayload(body, maxPollPackets, func(pkt engineio.Packet) error {
		if pkt.Type != engineio.Open {
			return &protocolError{text: "first packet is " + pkt.Type.String() + ", not open"}
		}
		var err error
		if hs, err = engineio.ParseHandshake(pkt.Data); err != nil {
			return err
		}
		return enough
	})
	if errors.Is(err, enough) {
		err = nil
	}
	return hs, err
}

// keepCookies sends the cookies of the first answer with all later requests:
// load balancers use them to find the pod of the session.
func (p *polling) keepCookies(cookies []*http.Cookie) {
	var pairs []string
	for _, ck := range cookies {
		pairs = append(pairs, ck.Name+"="+ck.Value)
	}
	if len(pairs) == 0 {
		return
	}
	if p.header == nil {
		p.header = http.Header{}
	}
	if own := p.header.Get("Cookie"); own != "" {
		pairs = append([]string{own}, pairs...)
	}
	p.header.Set("Cookie", strings.Join(pairs, "; "))
}

// track remembers the open connections of the session, so that abort can reset
// them.
func (p *polling) track() {
	dial := p.rt.DialContext
	p.rt.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if p.holed.Load() {
			select {
			case <-ctx.Done():
			case <-p.ctx.Done():
			}
			return nil, context.Canceled
		}
		nc, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		tc := &trackedConn{Conn: nc, p: p}
		p.mu.Lock()
		p.conns[tc] = struct{}{}
		p.mu.Unlock()
		return tc, nil
	}
}

type trackedConn struct {
	net.Conn
	p *polling
}

func (t *trackedConn) Close() error {
	t.p.mu.Lock()
	delete(t.p.conns, t)
	t.p.mu.Unlock()
	return t.Conn.Close()
}

// abort resets all connections of the session.
func (p *polling) abort() {
	p.mu.Lock()
	for c := range p.conns {
		if tcp, ok := c.(*trackedConn).Conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
	}
	p.mu.Unlock()
	p.end()
}

// end ends all requests and connections of the session.
func (p *polling) end() {
	p.cancel()
	p.rt.CloseIdleConnections()
}

// run is the read goroutine while the session is polling.
func (p *polling) run(first []byte) {
	c := p.c
	defer c.running.Done()
	err := p.receive(first, time.Now())
	for err == nil && !c.ended() && !p.paused() {
		err = p.poll()
	}
	if err == nil && p.paused() {
		p.handed = true
		close(p.stopped)
		return
	}
	c.lost(err)
	close(p.stopped) // an upgrade under way gives the write lock back
	if errors.Is(err, errServerLeft) {
		p.leave()
	}
	p.end()
	c.ending()
}

func (p *polling) paused() bool {
	select {
	case <-p.pause:
		return true
	default:
		return false
	}
}

// leave tells the server that the session is over.
func (p *polling) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), p.c.d.opt.CloseTimeout)
	defer cancel()
	if p.c.lock(ctx) == nil {
		defer p.c.unlock()
		_ = p.post(ctx, []byte{byte(engineio.Close)}, nil)
	}
}

// poll makes one GET and takes what it brings.
func (p *polling) poll() error {
	a, err := p.request(p.ctx, p.c.d, http.MethodGet, nil)
	if err != nil {
		return err
	}
	at := time.Now()
	defer giveAssembly(a.body)
	if a.status != http.StatusOK {
		return p.refused(a.status, *a.body)
	}
	return p.receive(*a.body, at)
}

// refused builds the error of a request inside the session. Only 401 and 403 are
// a refusal there; an unknown session, for instance, is a lost one.
func (p *polling) refused(status int, body []byte) error {
	e := refusal("receive", p.t, rt.StageConnected, status, body)
	if e.Kind == rt.KindRejected && status != http.StatusUnauthorized && status != http.StatusForbidden {
		e.Kind = rt.KindProtocol
	}
	return e
}

func (p *polling) receive(body []byte, at time.Time) error {
	var m rt.Message
	var taken error // from our side of the decoder; other errors are the payload's
	err := engineio.DecodePayload(body, maxPollPackets, func(pkt engineio.Packet) error {
		m = rt.Message{At: at, Transport: rt.TransportPolling, AckID: rt.NoAck, Size: len(pkt.Data)}
		if !pkt.Binary {
			m.Size++
		}
		taken = p.c.packet(pkt, &m)
		return taken
	})
	if err != nil && taken == nil {
		return broken(err)
	}
	return err
}

// post sends one payload. The caller holds the write lock, because a server
// closes a session whose requests overlap.
func (p *polling) post(ctx context.Context, text []byte, attachments [][]byte) error {
	payload := append([]byte(nil), text...)
	for _, a := range attachments {
		payload = engineio.AppendRecord(payload, engineio.Packet{Type: engineio.Message, Binary: true, Data: a})
	}
	ctx, cancel := context.WithTimeout(ctx, p.c.d.opt.WriteTimeout)
	defer cancel()
	defer context.AfterFunc(p.ctx, cancel)()
	a, err := p.request(ctx, p.c.d, http.MethodPost, payload)
	if err != nil {
		return err
	}
	defer giveAssembly(a.body)
	if a.status != http.StatusOK {
		return p.refused(a.status, *a.body)
	}
	return nil
}

// pollAnswer is the answer to one request. The body is a pooled buffer.
type pollAnswer struct {
	status  int
	cookies []*http.Cookie
	body    *[]byte
}

// request makes one request of the session.
func (p *polling) request(ctx context.Context, d *Dialer, method string, payload []byte) (pollAnswer, error) {
	req := d.newRequest(ctx, method, p.url, p.header, payload)
	if payload != nil {
		req.Header.Set("Content-Type", "text/plain;charset=UTF-8")
	}
	resp, err := p.rt.RoundTrip(req)
	if err != nil {
		return pollAnswer{}, plain(err)
	}
	defer func() { _ = resp.Body.Close() }()
	buf := assemblyBufs.Get().(*[]byte)
	// Binary data takes a third more as base64.
	limit := 2 * d.opt.MaxMessage
	if err := readAll(buf, resp.Body, limit); err != nil {
		giveAssembly(buf)
		return pollAnswer{}, err
	}
	return pollAnswer{resp.StatusCode, resp.Cookies(), buf}, nil
}

// readAll appends all of r, which must not exceed limit bytes.
func readAll(dst *[]byte, r io.Reader, limit int) error {
	for {
		if len(*dst) == cap(*dst) {
			*dst = append(*dst, 0)[:len(*dst)]
		}
		n, err := r.Read((*dst)[len(*dst):cap(*dst)])
		*dst = (*dst)[:len(*dst)+n]
		switch {
		case len(*dst) > limit:
			return &protocolError{text: "answer is too long"}
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}
