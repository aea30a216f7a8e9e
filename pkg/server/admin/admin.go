// Package admin is the operator's side of a gateway pod: one http.Handler for a
// listener of its own, which should not be reachable from the internet.
//
//	GET  /healthz         200 while the process runs
//	GET  /readyz          200 while the pod takes clients, otherwise 503 with the reason
//	GET  /metrics         Prometheus, names begin with rtk_
//	GET  /stats           stats.Pod as JSON
//	POST /api/publish     a message to rooms, a namespace or an SSE topic
//	POST /api/revoke      ends tokens before they expire
//	GET  /admin/events    the operator feed: Server-Sent Events, for people and dashboards
//	GET  /debug/pprof/    profiles of the process
//
// With Options.Key set, /admin/events, /debug/pprof and, unless Options.PublishKey
// has one of its own, /api/publish want it as
// a bearer token; probes, metrics and statistics stay open, as their readers
// can rarely be given one.
//
// The package sees the gateway through an interface. It may import server/stats
// and nothing else of the module.
package admin

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server/stats"
)

// Gateway is what the package needs of a *server.Server.
type Gateway interface {
	Stats() stats.Pod
	// Ready reports whether the pod takes new clients, and if not, why.
	Ready() (ready bool, reason string)
	// Publish sends one event to the members of rooms of a namespace but those
	// of except, on all pods; to the whole namespace when rooms is empty. args
	// is a comma-separated list of JSON values.
	Publish(namespace string, rooms, except []string, event string, args []byte) error
}

// Options of an Admin.
type Options struct {
	Gateway Gateway // required
	// TopicNamespace is the namespace whose rooms are the SSE topics.
	TopicNamespace string
	Logger         *slog.Logger
	// Key is the bearer key for what changes or reveals more than figures;
	// empty asks for none.
	Key string
	// PublishKey is the bearer key for /api/publish, which Key doesn't open then;
	// empty: Key.
	PublishKey string
	// FeedInterval is the time between two statistics events of the operator
	// feed; 0 means 2 s.
	FeedInterval time.Duration
}

// Admin serves the operator's endpoints. It is safe for concurrent use.
type Admin struct {
	opts    Options
	log     *slog.Logger
	handler http.Handler
	feed    *feed
	keys    *idempotency
}

var _ http.Handler = (*Admin)(nil)

// New returns an Admin and starts its feed; Close ends it.
func New(opts Options) (*Admin, error) {
	if opts.Gateway == nil {
		return nil, errors.New("admin: Options.Gateway is nil")
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.TopicNamespace == "" {
		opts.TopicNamespace = "/events"
	}
	if opts.FeedInterval <= 0 {
		opts.FeedInterval = 2 * time.Second
	}
	metrics, err := metricsHandler(opts.Gateway)
	if err != nil {
		return nil, err
	}
	a := &Admin{opts: opts, log: opts.Logger, feed: newFeed(opts.Gateway, opts.FeedInterval), keys: newIdempotency()}
	publishKey, publishRealm := opts.PublishKey, "publish"
	if publishKey == "" {
		publishKey, publishRealm = opts.Key, "admin"
	}

	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", a.healthz)
	mux.HandleFunc("GET /readyz", a.readyz)
	mux.Handle("GET /metrics", metrics)
	mux.HandleFunc("GET /stats", a.stats)
	mux.Handle("POST /api/publish", bearer(publishKey, publishRealm, http.HandlerFunc(a.publish)))
	if r, ok := opts.Gateway.(Revoker); ok {
		mux.Handle("POST /api/revoke", a.keyed(a.revoke(r)))
	}
	mux.Handle("GET /admin/events", a.keyed(a.feed))
	mux.Handle("/debug/pprof/", a.keyed(http.HandlerFunc(pprof.Index)))
	mux.Handle("/debug/pprof/cmdline", a.keyed(http.HandlerFunc(a.cmdline)))
	mux.Handle("/debug/pprof/profile", a.keyed(http.HandlerFunc(pprof.Profile)))
	mux.Handle("/debug/pprof/symbol", a.keyed(http.HandlerFunc(pprof.Symbol)))
	mux.Handle("/debug/pprof/trace", a.keyed(http.HandlerFunc(pprof.Trace)))
	// A page in the operator's own browser must not be able to publish.
	cross := http.NewCrossOriginProtection()
	cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeError(w, http.StatusForbidden, "cross_origin", "cross-origin requests from browsers are refused")
	}))
	a.handler = cross.Handler(mux)
	return a, nil
}

// ServeHTTP implements http.Handler.
func (a *Admin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime))
	}
	a.handler.ServeHTTP(w, r)
}

// bodyTime is how long the body of a request may take.
const bodyTime = 10 * time.Second

// Close ends the operator feed and its streams, and waits for them.
func (a *Admin) Close() { a.feed.close() }

func (a *Admin) healthz(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]bool{"ok": true})
}

func (a *Admin) readyz(w http.ResponseWriter, _ *http.Request) {
	type answer struct {
		Ready  bool   `json:"ready"`
		Reason string `json:"reason,omitempty"`
	}
	ready, reason := a.opts.Gateway.Ready()
	status := http.StatusOK
	if !ready {
		status = http.StatusServiceUnavailable
	}
	writeJSON(w, status, answer{ready, reason})
}

func (a *Admin) stats(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, a.opts.Gateway.Stats())
}

// cmdline stands in for pprof.Cmdline, which would show secrets that were
// given as flags.
func (a *Admin) cmdline(w http.ResponseWriter, _ *http.Request) {
	writeError(w, http.StatusNotFound, "not_shown", "the command line may hold secrets and is not shown")
}

// writeJSON answers with one JSON value that no cache keeps.
func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "encode answer", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // the client may have gone
}

// writeError answers in the form of the services' acks.
func writeError(w http.ResponseWriter, status int, code, message string) {
	writeJSON(w, status, json.RawMessage(errorBody(code, message)))
}

func errorBody(code, message string) []byte {
	type body struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	b, err := json.Marshal(struct {
		OK    bool `json:"ok"`
		Error body `json:"error"`
	}{Error: body{code, message}})
	if err != nil {
		return []byte(`{"ok":false}`) // strings always marshal
	}
	return b
}
