package peers

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// Defaults of Options.
const (
	DefaultMaxForwards = 10_000
	DefaultDialTimeout = 2 * time.Second
	DefaultTTL         = 30 * time.Second
)

// minSecret is the shortest secret in bytes.
const minSecret = 16

// Directory tells the pods each other's addresses.
type Directory interface {
	// Announce makes a pod known for ttl and returns the addresses of all known
	// pods, this one included, by tag.
	Announce(ctx context.Context, tag, address string, ttl time.Duration) (map[string]string, error)
	// Withdraw makes the pod unknown.
	Withdraw(ctx context.Context, tag string) error
}

// Options configure New. 0 in a number means its default.
type Options struct {
	// Advertise is the base URL under which the other pods reach the client
	// listener of this one, such as http://10.0.0.7:3000. All pods share a
	// Secret of at least 16 bytes.
	Advertise string
	Secret    []byte

	Static    []string  // base URLs of all pods; this one may be among them
	Directory Directory // nil: Static is all there is

	MaxForwards int           // requests of other pods' sessions at a time
	DialTimeout time.Duration // for a connection to a peer
	// AnswerTimeout is how long a peer may take to begin its answer. It must be
	// longer than the longest poll.
	AnswerTimeout time.Duration
	WriteTimeout  time.Duration // for a stalled client to take an answer
	ReadTimeout   time.Duration // for the body of a client's POST
	MaxBody       int64         // bytes of a request's body
	TTL           time.Duration // of the announcement in the Directory

	Transport http.RoundTripper // nil: one of its own, without a proxy
	Logger    *slog.Logger      // nil: slog.Default()
}

// Peers is one pod's view of the cluster. It is safe for concurrent use.
type Peers struct {
	opts  Options
	tag   string
	key   []byte // of the signature
	log   *slog.Logger
	table table
	slots chan struct{}
	proxy proxy
	own   *http.Transport // nil: Options.Transport

	stop    context.Context // ends what is under way
	cut     context.CancelFunc
	stopped atomic.Bool

	forwarded, failed atomic.Uint64
}

// TagLength is how many characters of a session's id name its pod.
const TagLength = 4

// Tag is the tag of the pod with the address: 4 characters of base64url. Two of
// a hundred pods have the same one with a probability of 0.0003; see New.
func Tag(address string) string {
	sum := sha256.Sum256([]byte(address))
	return base64.RawURLEncoding.EncodeToString(sum[:])[:TagLength]
}

// New checks the options. It refuses a static list in which two addresses have
// the same tag.
func New(o Options) (*Peers, error) {
	var err error
	if o.Advertise, err = baseURL(o.Advertise); err != nil {
		return nil, fmt.Errorf("peers: advertised address: %w", err)
	}
	if len(o.Secret) < minSecret {
		return nil, fmt.Errorf("peers: the shared secret has %d bytes, want at least %d", len(o.Secret), minSecret)
	}
	o.MaxForwards = or(o.MaxForwards, DefaultMaxForwards)
	o.DialTimeout = or(o.DialTimeout, DefaultDialTimeout)
	o.AnswerTimeout = or(o.AnswerTimeout, time.Minute)
	o.WriteTimeout = or(o.WriteTimeout, 10*time.Second)
	o.ReadTimeout = or(o.ReadTimeout, 10*time.Second)
	o.MaxBody = or(o.MaxBody, 1_000_000)
	o.TTL = or(o.TTL, DefaultTTL)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	p := &Peers{opts: o, tag: Tag(o.Advertise), log: o.Logger, slots: make(chan struct{}, o.MaxForwards)}
	p.stop, p.cut = context.WithCancel(context.Background())
	if p.key, err = hkdf.Key(sha256.New, o.Secret, nil, "rtk peer hop 1", sha256.Size); err != nil {
		return nil, fmt.Errorf("peers: %w", err)
	}
	static := map[string]*url.URL{}
	for _, s := range o.Static {
		base, err := baseURL(s)
		if err != nil {
			return nil, fmt.Errorf("peers: static list: %w", err)
		}
		tag := Tag(base)
		u, _ := url.Parse(base)
		if other := static[tag]; other != nil && other.String() != base || tag == p.tag && base != o.Advertise {
			return nil, fmt.Errorf("peers: static list: the address %s has the tag of another pod: give one of them another name or port", base)
		}
		static[tag] = u
	}
	p.table.init(o.Directory, static)
	if o.Transport == nil {
		p.own = &http.Transport{
			DialContext:           (&net.Dialer{Timeout: o.DialTimeout, KeepAlive: 15 * time.Second}).DialContext,
			TLSHandshakeTimeout:   o.DialTimeout,
			ResponseHeaderTimeout: o.AnswerTimeout,
			IdleConnTimeout:       90 * time.Second,
			MaxIdleConnsPerHost:   256,
			DisableCompression:    true,
		}
		o.Transport = p.own
	}
	p.proxy.init(p, o.Transport)
	return p, nil
}

func or[T int | int64 | time.Duration](v, def T) T {
	if v == 0 {
		return def
	}
	return v
}

// baseURL is an address without a slash at its end.
func baseURL(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", errors.New("want http://host:port or https://host:port")
	}
	if strings.Trim(u.Path, "/") != "" {
		return "", errors.New("an address has no path")
	}
	return strings.ToLower(u.Scheme + "://" + u.Host), nil
}

// Tag is this pod's tag.
func (p *Peers) Tag() string { return p.tag }

// Owns reports whether a session id has this pod's tag, or none.
func (p *Peers) Owns(sid string) bool { return len(sid) < TagLength || sid[:TagLength] == p.tag }

// Stats are the totals of the requests that were passed on, and of those that
// could not be.
func (p *Peers) Stats() (forwarded, failed uint64) { return p.forwarded.Load(), p.failed.Load() }

// Run keeps the pod announced and its view of the others fresh until Close, then
// withdraws the announcement.
func (p *Peers) Run() {
	if p.opts.Directory != nil {
		p.table.run(p.stop, p)
	}
}

// Close ends Run and the requests under way, and refuses new ones.
func (p *Peers) Close() {
	p.stopped.Store(true)
	p.cut()
	if p.own != nil {
		p.own.CloseIdleConnections()
	}
}
