package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Options configure a Dialer. The zero value works; a duration or size of zero
// means the default.
type Options struct {
	HandshakeTimeout time.Duration // bound of Dial and of Request, default 20 s; the context may be shorter
	WriteTimeout     time.Duration // how long a peer may refuse to read, default 10 s
	CloseTimeout     time.Duration // how long Close waits for the peer's goodbye, default 2 s

	MaxMessage     int // bytes of one message after inflation, default 16 MiB
	MaxAttachments int // of one Socket.IO packet, default 10 as in socket.io-parser
	ReadBuffer     int // bytes, default 16 KiB; pooled, so idle connections hold none
	WriteBuffer    int // bytes, default 64 KiB; pooled. Longer messages are copied once more

	// Pollers is how many goroutines read all WebSocket connections over plain TCP,
	// each many of them, where the system can do that (Linux). 0 means a goroutine
	// for each connection. Handlers then hold up other connections: they must not
	// wait for anything, nor send.
	Pollers int

	UserAgent   string // default "rtk"
	Compression bool   // offer permessage-deflate, without context takeover

	Insecure     bool           // do not verify any certificate, as Target.Insecure for one target
	RootCAs      *x509.CertPool // nil means the system's
	Certificates []tls.Certificate

	// Resolver looks host names up, net.DefaultResolver when nil.
	Resolver *net.Resolver
	// Resolve maps "host" or "host:port" to the "address" or "address:port" to
	// connect to instead. TLS and the Host header keep the original name.
	Resolve map[string]string
	// DialContext replaces the TCP dial, for instance by an in-memory one.
	// Resolver, Resolve and a request's LocalAddr are then not used.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
}

func (o Options) withDefaults() Options {
	setDuration := func(p *time.Duration, def time.Duration) {
		if *p <= 0 {
			*p = def
		}
	}
	setSize := func(p *int, def, least int) {
		if *p <= 0 {
			*p = def
		}
		*p = max(*p, least)
	}
	setDuration(&o.HandshakeTimeout, 20*time.Second)
	setDuration(&o.WriteTimeout, 10*time.Second)
	setDuration(&o.CloseTimeout, 2*time.Second)
	setSize(&o.MaxMessage, 16<<20, 128)
	setSize(&o.MaxAttachments, 10, 1)
	setSize(&o.ReadBuffer, 16<<10, 512)
	setSize(&o.WriteBuffer, 64<<10, 512)
	if o.UserAgent == "" {
		o.UserAgent = "rtk"
	}
	return o
}

// Dialer opens connections and sends requests. It implements rt.Dialer and
// rt.Requester, and all its methods are safe for concurrent use.
type Dialer struct {
	opt       Options
	readBufs  sync.Pool // *readBuf
	sendBufs  sync.Pool // *[]byte: encoded messages on their way out
	frameBufs sync.Pool // gorilla's write buffers, all of opt.WriteBuffer
	names     interner
	beats     heartbeats
	pollers   []poller
	polls     atomic.Uint32 // connections that a poller took or was to take

	mu         sync.Mutex
	transports map[transportKey]*http.Transport
	sseProto   map[string]string // host → HTTP version that its ALPN chose
}

// defaultPollers is Options.Pollers where it is 0. Tests change it.
var defaultPollers = 0

// New returns a Dialer.
func New(o Options) *Dialer {
	d := &Dialer{opt: o.withDefaults(), pollers: make([]poller, max(o.Pollers, defaultPollers))}
	d.readBufs.New = func() any { return &readBuf{b: make([]byte, d.opt.ReadBuffer)} }
	d.sendBufs.New = func() any { b := make([]byte, 0, 512); return &b }
	return d
}

// Close closes the idle HTTP connections that the Dialer kept for reuse. Open
// connections are not touched, and the Dialer stays usable.
func (d *Dialer) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, t := range d.transports {
		t.CloseIdleConnections()
	}
	return nil
}

// poll lets a poller read w, if there is one and it can.
func (d *Dialer) poll(w *ws) bool {
	if len(d.pollers) == 0 {
		return false
	}
	return d.pollers[int(d.polls.Add(1))%len(d.pollers)].take(w)
}

// takeSendBuf returns an empty pooled buffer; giveSendBuf takes it back unless
// one long message made it too big to keep.
func (d *Dialer) takeSendBuf() *[]byte { return d.sendBufs.Get().(*[]byte) }

func (d *Dialer) giveSendBuf(b *[]byte) {
	if cap(*b) <= maxPooled {
		*b = (*b)[:0]
		d.sendBufs.Put(b)
	}
}

// maxPooled bounds the buffers that pools keep, in bytes.
const maxPooled = 1 << 20
