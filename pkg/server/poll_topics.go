package server

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/wire/rawjson"
	"github.com/realtime-toolkit/rtk/pkg/wire/socketio"
)

// Bounds of a poll of topics.
const (
	maxPollWait  = 60 * time.Second
	maxPollLimit = 1000
	defPollLimit = 100
	maxPolls     = 10_000 // that wait at a time
)

// serveTopics answers GET /poll?topic=…&since=…&wait=…&limit=… with what topics
// were sent after a cursor, from the history that event streams resume from. It
// is for clients that can have no stream. When there is nothing it waits.
func (s *Server) serveTopics(w http.ResponseWriter, r *http.Request) {
	if !s.enter(w, r, false) {
		return
	}
	defer s.group.Done()
	switch r.Method {
	case http.MethodGet:
	case http.MethodOptions:
		s.origins.Load().preflight(w, r, "GET")
		return
	default:
		w.Header().Set("Allow", "GET, OPTIONS")
		s.refuseSSE(w, http.StatusMethodNotAllowed, "bad_method", "topics are polled with GET")
		return
	}
	topics, code, err := parseTopics(r.URL.RawQuery)
	if err != nil {
		s.refuseSSE(w, http.StatusBadRequest, code, err.Error())
		return
	}
	ask, err := parsePoll(r)
	if err != nil {
		s.refuseSSE(w, http.StatusBadRequest, "bad_query", err.Error())
		return
	}
	n := s.Of(EventsNamespace)
	for _, t := range topics {
		if n.seq == nil || !n.seq.keepsRoom(t) {
			s.refuseSSE(w, http.StatusNotFound, gapNoHistory, fmt.Sprintf("topic %q keeps no history, so it can't be polled", t))
			return
		}
	}
	id, late, ok := s.authorize(w, r)
	if !ok {
		return
	}
	// Guards get a connection to ask; it becomes a member of nothing.
	l := s.newLink(kindPolling, codecSSE, r)
	c := &Conn{id: newID(), ns: n, link: l, identity: id}
	if err := n.mayPoll(r.Context(), c, topics); err != nil {
		s.refuseStream(w, err)
		return
	}
	ctx := r.Context()
	if late {
		bounded, cancel := context.WithTimeout(ctx, AuthLateAfter)
		defer cancel()
		ctx = bounded
	}
	body, ok := n.seq.poll(ctx, topics, ask)
	if !ok {
		w.Header().Set("Retry-After", "1")
		writeError(w, http.StatusServiceUnavailable, "unavailable", "too many polls wait: come back later")
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.opts.WriteTimeout))
	_, _ = w.Write(body)
	s.count.bytesOut.Add(uint64(len(body)))
}

// mayPoll asks the guards and the policy.
func (n *Namespace) mayPoll(ctx context.Context, c *Conn, topics []string) (err error) {
	defer n.recovered("poll", c, &err)
	for _, g := range n.guards {
		if err := g(ctx, c); err != nil {
			return err
		}
	}
	return c.mayJoin(topics)
}

// pollAsk is what a poll asks for.
type pollAsk struct {
	since string
	wait  time.Duration
	limit int
}

func parsePoll(r *http.Request) (ask pollAsk, err error) {
	q := r.URL.Query()
	ask = pollAsk{since: q.Get("since"), limit: defPollLimit}
	if text := q.Get("wait"); text != "" {
		if ask.wait, err = time.ParseDuration(text); err != nil || ask.wait < 0 || ask.wait > maxPollWait {
			return ask, fmt.Errorf("wait=%s: want a duration from 0s to %v", clip(text, 32), maxPollWait)
		}
	}
	if text := q.Get("limit"); text != "" {
		if ask.limit, err = strconv.Atoi(text); err != nil || ask.limit < 1 || ask.limit > maxPollLimit {
			return ask, fmt.Errorf("limit=%s: want a number from 1 to %d", clip(text, 32), maxPollLimit)
		}
	}
	return ask, nil
}

// poll makes the answer: {"events":[{"id","topic","event","data"}…],"cursor":…},
// with "gaps" when something is missing. Without a cursor it tells the present
// one at once. ok is false when too many wait.
func (q *sequence) poll(ctx context.Context, topics []string, ask pollAsk) (body []byte, ok bool) {
	q.listen(topics)
	if ask.since == "" {
		q.mu.Lock()
		defer q.mu.Unlock()
		return appendPoll(nil, topics, nil, nil, q.here()), true
	}
	q.reach(ctx, ask.since)
	deadline := time.NewTimer(ask.wait)
	defer deadline.Stop()
	for first := true; ; first = false {
		q.mu.Lock()
		if first {
			q.ns.srv.count.resumed.Add(1)
		}
		ms, gaps, cursor := q.page(topics, ask)
		if len(ms) > 0 || len(gaps) > 0 || ask.wait == 0 {
			if len(gaps) > 0 {
				q.ns.srv.count.gaps.Add(1)
			}
			q.mu.Unlock()
			return appendPoll(nil, topics, ms, gaps, cursor), true
		}
		if q.polls >= maxPolls {
			q.mu.Unlock()
			return nil, false
		}
		wake := q.await(topics)
		q.mu.Unlock()
		over := false
		select {
		case <-wake:
		case <-deadline.C:
			over = true
		case <-ctx.Done():
			over = true
		case <-q.ns.srv.stop:
			over = true
		}
		q.mu.Lock()
		q.unwait(topics, wake)
		if over {
			body = appendPoll(nil, topics, nil, nil, cursor)
			q.mu.Unlock()
			return body, true
		}
		q.mu.Unlock()
	}
}

// page is what a poll gets: the oldest of what it missed, up to its limit and
// half of an outbound queue. The caller holds mu.
func (q *sequence) page(topics []string, ask pollAsk) (ms []*message, gaps []gap, cursor string) {
	after, reason := q.parse(ask.since)
	if reason != "" {
		return nil, []gap{{reason, topics}}, q.here()
	}
	rooms := topics
	if q.keepsRoom(everyone) {
		rooms = append(slices.Clone(topics), everyone)
	}
	missed, gone := q.missed(rooms, after)
	if slices.Contains(gone, everyone) {
		gone = topics
	}
	if len(gone) > 0 {
		gaps = []gap{{gapExpired, gone}}
	}
	bytes := 0
	for _, m := range missed {
		bytes += len(m.array)
		if len(ms) == ask.limit || len(ms) > 0 && bytes > q.ns.srv.opts.QueueBytes/2 {
			return ms, gaps, ms[len(ms)-1].cursor
		}
		ms = append(ms, m)
	}
	return ms, gaps, q.here()
}

// await returns a channel that gets a token with the next message that one of
// topics, or all, get. The caller holds mu and calls unwait afterwards.
func (q *sequence) await(topics []string) chan struct{} {
	q.polls++
	w := make(chan struct{}, 1)
	for _, t := range append([]string{everyone}, topics...) {
		q.waits[t] = append(q.waits[t], w)
	}
	return w
}

func (q *sequence) unwait(topics []string, w chan struct{}) {
	q.polls--
	for _, t := range append([]string{everyone}, topics...) {
		left := slices.DeleteFunc(q.waits[t], func(x chan struct{}) bool { return x == w })
		if len(left) == 0 {
			delete(q.waits, t)
		} else {
			q.waits[t] = left
		}
	}
}

func appendPoll(dst []byte, topics []string, ms []*message, gaps []gap, cursor string) []byte {
	dst = append(dst, `{"events":[`...)
	for i, m := range ms {
		if i > 0 {
			dst = append(dst, ',')
		}
		name, args, _ := socketio.SplitEvent(m.array)
		data := oneArgument(inlineBinary(args, m.attachments))
		if len(data) == 0 {
			data = []byte("null")
		}
		dst = append(dst, `{"id":`...)
		dst = rawjson.AppendQuote(dst, m.cursor)
		if i := slices.IndexFunc(topics, func(t string) bool { return slices.Contains(m.rooms, t) }); i >= 0 {
			dst = append(dst, `,"topic":`...)
			dst = rawjson.AppendQuote(dst, topics[i])
		}
		dst = append(dst, `,"event":`...)
		dst = rawjson.AppendQuote(dst, name)
		dst = append(dst, `,"data":`...)
		dst = append(dst, data...)
		dst = append(dst, '}')
	}
	dst = append(dst, ']')
	if len(gaps) > 0 {
		dst = append(dst, `,"gaps":[`...)
		for i, g := range gaps {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendGap(dst, g)
		}
		dst = append(dst, ']')
	}
	dst = append(dst, `,"cursor":`...)
	dst = rawjson.AppendQuote(dst, cursor)
	return append(dst, "}\n"...)
}
