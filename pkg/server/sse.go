package server

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/realtime-toolkit/rtk/pkg/wire/sse"
)

// Bounds of a subscription.
const (
	maxTopics     = 100
	maxTopicBytes = 256
)

// serveSSE serves a stream of server-sent events (WHATWG HTML standard, 9.2).
// Everything that can be refused is refused with an HTTP status before the
// stream begins. Where history is kept, a stream goes on after Last-Event-ID.
func (s *Server) serveSSE(w http.ResponseWriter, r *http.Request) {
	if !s.enter(w, r, false) {
		return
	}
	defer s.group.Done()
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodOptions:
		s.origins.Load().preflight(w, r, "GET, HEAD")
		return
	default:
		w.Header().Set("Allow", "GET, HEAD, OPTIONS")
		s.refuseSSE(w, http.StatusMethodNotAllowed, "bad_method", "an event stream is fetched with GET")
		return
	}
	if !acceptsEvents(r.Header.Values("Accept")) {
		s.refuseSSE(w, http.StatusNotAcceptable, "not_acceptable", "this is a text/event-stream")
		return
	}
	topics, code, err := parseTopics(r.URL.RawQuery)
	if err != nil {
		s.refuseSSE(w, http.StatusBadRequest, code, err.Error())
		return
	}
	if s.leaks(r) {
		leakSSE(w)
		return
	}
	id, late, ok := s.authorize(w, r)
	if !ok {
		return
	}
	eventStreamHeader(w.Header())
	if r.Method == http.MethodHead {
		w.WriteHeader(http.StatusOK)
		return
	}
	cfg := streamConfig{Namespace: s.Of(EventsNamespace), Rooms: topics, Request: r, Identity: id, Late: late, Heartbeat: frameHeartbeat, LastEventID: lastEventID(r)}
	if r.ProtoMajor >= 2 {
		s.streamHTTP2(w, cfg)
		return
	}
	if fromBrowser(r) && s.count.sseHTTP1Browsers.Add(1) == 1 {
		s.log.Warn("a browser opened an event stream over HTTP/1.1, where it allows six connections to a host in all tabs together; serve HTTP/2, here or in the proxy in front (said once)")
	}
	s.streamHTTP1(w, cfg)
}

// parseTopics reads the topics of a query.
func parseTopics(query string) (topics []string, code string, err error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, "bad_query", errors.New("the query can't be parsed: escape what is not a letter or digit")
	}
	list := values["topic"]
	if len(list) == 0 {
		return nil, "missing_topic", errors.New("say what to follow, as in /events?topic=ticker; topic may stand several times")
	}
	if len(list) > maxTopics {
		return nil, "too_many_topics", fmt.Errorf("%d topics, the limit of a stream is %d", len(list), maxTopics)
	}
	for _, t := range list {
		switch {
		case t == "":
			return nil, "invalid_topic", errors.New("a topic is empty")
		case len(t) > maxTopicBytes:
			return nil, "invalid_topic", fmt.Errorf("a topic has %d bytes, the limit is %d", len(t), maxTopicBytes)
		case !utf8.ValidString(t) || strings.ContainsFunc(t, func(c rune) bool { return c < ' ' || c == 0x7f }):
			return nil, "invalid_topic", errors.New("a topic has control characters or is not UTF-8")
		}
		topics = append(topics, strings.Clone(t)) // not a part of the whole query
	}
	return topics, "", nil
}

// acceptsEvents reports whether a request's Accept takes an event stream. No
// Accept takes anything.
func acceptsEvents(accept []string) bool {
	if len(accept) == 0 {
		return true
	}
	for item := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		media, _, _ := strings.Cut(item, ";")
		switch strings.ToLower(strings.TrimSpace(media)) {
		case "text/event-stream", "text/*", "*/*", "":
			return true
		}
	}
	return false
}

// fromBrowser tells browsers, which open few connections, from other clients.
func fromBrowser(r *http.Request) bool {
	return r.Header.Get("Sec-Fetch-Mode") != "" || strings.HasPrefix(r.UserAgent(), "Mozilla/")
}

func eventStreamHeader(h http.Header) {
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-cache, no-store, no-transform")
	h.Set("X-Accel-Buffering", "no")
	h.Set("X-Content-Type-Options", "nosniff")
}

func (s *Server) refuseSSE(w http.ResponseWriter, status int, code, message string) {
	s.count.handshake.add("bad request")
	writeError(w, status, code, message)
}

// refuseStream answers for an error of openStream, before the stream.
func (s *Server) refuseStream(w http.ResponseWriter, err error) {
	w.Header().Del("X-Accel-Buffering")
	if errors.Is(err, ErrClosed) {
		w.Header().Set("Retry-After", "1")
		writeError(w, http.StatusServiceUnavailable, "unavailable", "the server is shutting down")
		return
	}
	if t, ok := errors.AsType[*throttled](err); ok {
		s.count.handshake.add("throttled")
		writeThrottled(w, t)
		return
	}
	s.count.handshake.add("guard")
	code, message, _ := publicError(err)
	writeError(w, http.StatusForbidden, code, message)
}

// appendRetry appends the reconnect delay that the client is told.
func (s *Server) appendRetry(dst []byte) []byte {
	if s.opts.SSERetry <= 0 {
		return dst
	}
	return sse.Append(dst, &sse.Event{Retry: s.opts.SSERetry})
}

// leakSSE serves the fault AuthLeak.
func leakSSE(w http.ResponseWriter) {
	eventStreamHeader(w.Header())
	_, _ = w.Write(sse.Append(nil, &sse.Event{Type: leakEvent, Data: []byte(leakData)}))
}
