package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/admin"
	"github.com/realtime-toolkit/rtk/pkg/server/auth"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster/redis"
	"github.com/realtime-toolkit/rtk/pkg/server/console"
	"github.com/realtime-toolkit/rtk/pkg/server/service/chat"
	"github.com/realtime-toolkit/rtk/pkg/server/service/echo"
	"github.com/realtime-toolkit/rtk/pkg/server/service/feed"
)

// wantedDescriptors is the limit of open files that serve asks for.
const wantedDescriptors = 1 << 20

// overtime is how long a stop may take beyond what it was given, to free what
// has been cut. Past it the process ends all the same.
const overtime = 5 * time.Second

// pod is a running gateway with its listeners.
type pod struct {
	log     *slog.Logger
	gateway *server.Server
	admin   *admin.Admin // nil without an admin listener
	outside *boundServices

	public, private *http.Server   // private is nil without an admin listener
	listeners       []*listener    // of public
	adminListeners  []*listener    // of private
	secure, open    bool           // TLS; no key
	certs           *certificates  // nil without TLS
	verifier        *auth.Verifier // nil without a key
	leaving         atomic.Bool    // a signal has come

	notify func(state string) // tells the service manager

	cancel context.CancelFunc // ends the services
	done   []func()           // waits for them, in this order, and frees the rest
	failed chan error         // from the HTTP servers
	serve  sync.WaitGroup
}

func runServe(ctx context.Context, env *Env, f *serveFlags) error {
	log, err := f.logger(env)
	if err != nil {
		return err
	}
	if f.printAsyncAPI != "" {
		return printContract(env, f, log)
	}
	if f.printRedisACL {
		return printRedisACL(ctx, env, f, log)
	}
	signals, stopSignals := env.Notify()
	defer stopSignals()
	// Before anybody is told that the pod runs: a SIGHUP that nobody waits for
	// ends the process. One that comes early waits.
	reloads, stopReloads := reloadSignals(env)
	defer stopReloads()
	if n, err := raiseDescriptors(wantedDescriptors); err != nil {
		log.Warn("open files limit", "limit", n, "error", err)
	} else {
		log.Debug("open files limit", "limit", n)
	}

	if env.Machine != nil {
		tuneMemory(env, env.Machine, log)
	}
	p, err := startPod(ctx, env, f, log)
	if err != nil {
		return err
	}
	// Before the announcement too: it notes what is in force.
	r := newReloader(env, f, p)
	announce(env, f, p)
	p.notify = func(state string) {
		if err := notifySystemd(env, state); err != nil {
			log.Warn("tell the service manager", "state", state, "error", err)
		}
	}
	p.notify("READY=1")

	for stopping := false; !stopping; {
		select {
		case <-reloads:
			if stopping = r.hungUp(); !stopping {
				r.reload()
				continue
			}
			log.Info("stopping: the terminal is gone", "drain", f.drain.String())
		case s := <-signals:
			stopping = true
			log.Info("stopping", "signal", s.String(), "delay", f.drainDelay.String(), "drain", f.drain.String())
		case <-ctx.Done():
			stopping = true
			log.Info("stopping", "delay", f.drainDelay.String(), "drain", f.drain.String())
		case err := <-p.failed:
			p.abort()
			return fmt.Errorf("serve: %w", err)
		}
	}
	return p.stop(f.drainDelay, f.drain, signals)
}

// startPod starts everything or, on an error, nothing.
func startPod(ctx context.Context, env *Env, f *serveFlags, log *slog.Logger) (_ *pod, err error) {
	opts, err := f.options(env)
	if err != nil {
		return nil, err
	}
	opts.Logger = log
	if err = f.prepareDev(env); err != nil {
		return nil, err
	}
	p := &pod{log: log, failed: make(chan error, 2), secure: f.tls.cert != ""}
	defer func() {
		if err != nil {
			p.abort()
		}
	}()
	if opts.Auth, err = f.verifier(env, log); err != nil {
		return nil, err
	}
	if opts.Auth != nil && opts.Policy == nil {
		log.Info("no policy: a client with a good token may join every room and topic; see --policy")
	}
	p.verifier = opts.Auth
	if v := opts.Auth; v != nil {
		p.done = append(p.done, v.Close)
	} else {
		p.open = true
	}
	if p.secure {
		if p.certs, err = loadCertificates(f.tls, log); err != nil {
			return nil, err
		}
	}
	if opts.PodID == "" {
		opts.PodID = newPodID() // here, for the backplane tells it to the other pods
	}
	if f.redis != "" {
		o := f.backplane
		o.Logger, o.Pod, o.Version = log, opts.PodID, opts.Version
		if opts.Backplane, err = redis.New(o); err != nil {
			return nil, usagef("--redis: %w", err)
		}
	}
	var stopPeers func()
	if opts.Peers, stopPeers, err = f.peersOf(env, log); err != nil {
		return nil, err
	}
	if stopPeers != nil {
		p.done = append(p.done, stopPeers)
	}
	if opts.Limits.Shared, err = f.sharedThrottle(log); err != nil {
		return nil, err
	}
	if shared := opts.Limits.Shared; shared != nil {
		p.done = append(p.done, shared.Close)
	}
	if err = p.openAll(ctx, env, f); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			closeListeners(slices.Concat(p.listeners, p.adminListeners))
		}
	}()

	if p.gateway, err = server.New(opts); err != nil {
		return nil, usagef("%w", err)
	}
	serviceCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p.cancel = cancel
	startServices := p.register(serviceCtx, f)
	if p.outside, err = f.routing.bind(p.gateway, p.gateway.Stats().ID, log); err != nil {
		return nil, err
	}
	if err = p.gateway.Start(serviceCtx); err != nil {
		return nil, notStarted(err)
	}
	startServices()

	handler := front(p.gateway)
	if f.asyncAPI {
		doc, err := f.contract(p.gateway, "localhost", p.secure)
		if err != nil {
			return nil, err
		}
		handler = withContract(handler, doc)
	}
	p.serve.Go(func() { (&trimmer{free: debug.FreeOSMemory}).run(serviceCtx) })
	p.public = newHTTPServer(handler, log)
	if p.secure {
		p.public.TLSConfig = p.certs.server()
		p.serve.Go(func() { p.certs.watch(serviceCtx, tlsWatch) })
	}
	p.listen(p.public, p.listeners)
	if len(p.adminListeners) > 0 {
		p.admin, err = admin.New(admin.Options{
			Gateway:        gatewayStats{p.gateway, p.listeners, &p.leaving, p.outside},
			TopicNamespace: server.EventsNamespace,
			Logger:         log,
			Key:            f.adminKey,
			PublishKey:     f.publishKey,
		})
		if err != nil {
			return nil, err
		}
		p.private = newHTTPServer(p.admin, log)
		p.listen(p.private, p.adminListeners)
	}
	return p, nil
}

// openAll opens the listeners, all or none.
func (p *pod) openAll(ctx context.Context, env *Env, f *serveFlags) error {
	mode, err := parseMode(f.socketMode)
	if err != nil {
		return err
	}
	passed, err := passedSockets(env)
	if err != nil {
		return err
	}
	if p.listeners, err = openListeners(ctx, "listen", f.listen, mode, passed, notForAdmin); err != nil || f.adminListen == "off" {
		return err
	}
	if p.adminListeners, err = openListeners(ctx, "admin-listen", []string{f.adminListen}, mode, passed, forAdmin); err != nil {
		closeListeners(p.listeners)
	}
	return err
}

// register puts the services on the gateway and returns what starts those that
// act by themselves.
func (p *pod) register(ctx context.Context, f *serveFlags) (start func()) {
	if f.serves("chat") {
		chat.Register(p.gateway, chat.New(chat.Options{}))
	}
	if f.serves("echo") {
		echo.Register(p.gateway)
	}
	if !f.serves("feed") {
		return func() {}
	}
	feed.Declare(p.gateway)
	return func() {
		p.done = append(p.done, feed.Register(ctx, p.gateway, feed.New(feed.Options{})))
	}
}

// front serves the page at / and leaves everything else to the gateway.
func front(gateway http.Handler) http.Handler {
	page := console.Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			page.ServeHTTP(w, r)
			return
		}
		gateway.ServeHTTP(w, r)
	})
}

// listen serves the listeners. TLS is for networks: who may use a unix socket is
// a matter of its permissions.
func (p *pod) listen(s *http.Server, ls []*listener) {
	secure := s.TLSConfig != nil // net/http sets it for HTTP/2 once it serves
	for _, l := range ls {
		p.serve.Go(func() {
			var err error
			if secure && l.Addr().Network() != "unix" {
				err = s.ServeTLS(l, "", "")
			} else {
				err = s.Serve(l)
			}
			if errors.Is(err, http.ErrServerClosed) {
				return
			}
			select {
			case p.failed <- err:
			default: // one is enough to end the pod
			}
		})
	}
}

// stop ends the pod gracefully: readiness goes off, for delay everything else
// goes on, then the clients are told within drain. Another signal cuts it short.
func (p *pod) stop(delay, drain time.Duration, signals <-chan os.Signal) error {
	p.leaving.Store(true)
	p.notify("STOPPING=1")
	select {
	case <-time.After(delay):
	case <-signals:
		p.abort()
		p.log.Warn("stopped at once")
		return &exitError{code: exitInterrupted}
	}
	ctx, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	finished := make(chan error, 1)
	go func() { finished <- p.shutdown(ctx) }()
	select {
	case err := <-finished:
		if err != nil {
			p.log.Warn("stopped before every client was told", "error", err)
		}
		return nil
	case <-signals:
		cancel()
		p.closeServers()
		select {
		case err := <-finished:
			p.log.Warn("stopped at once", "left", err)
		case <-time.After(overtime):
			p.log.Error("stopped at once, with work left undone")
		}
		return &exitError{code: exitInterrupted}
	case <-time.After(drain + overtime):
		return fmt.Errorf("stop: not done %v after the drain time of %v", overtime, drain)
	}
}

// shutdown tells the clients, flushes their queues and frees everything. What
// is left when ctx ends is cut.
func (p *pod) shutdown(ctx context.Context) error {
	// The listeners stay open until the last client has gone: long polling needs
	// them to get what is queued, and a newcomer is told 503 with Retry-After. The
	// admin listener answers to the end: its readiness tells that the pod drains.
	err := p.gateway.Shutdown(ctx)
	p.outside.close(ctx)
	if e := p.public.Shutdown(ctx); err == nil {
		err = e
	}
	p.release()
	return err
}

// release frees what is left, without waiting for clients.
func (p *pod) release() {
	if p.cancel != nil {
		p.cancel()
	}
	if p.admin != nil {
		p.admin.Close()
	}
	p.closeServers()
	p.serve.Wait()
	for _, wait := range p.done {
		wait()
	}
}

func (p *pod) closeServers() {
	for _, s := range []*http.Server{p.public, p.private} {
		if s != nil {
			s.Close()
		}
	}
}

// abort frees what was started, when the start or the serving failed.
func (p *pod) abort() {
	if p.gateway != nil {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = p.gateway.Shutdown(ctx) // the context has ended: everything is cut
		p.outside.close(ctx)
	}
	p.release()
}
