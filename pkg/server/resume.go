package server

import (
	"net/http"
	"slices"

	"github.com/realtime-toolkit/rtk/pkg/wire/rawjson"
	"github.com/realtime-toolkit/rtk/pkg/wire/sse"
)

// resumption is how a connection takes up what an earlier one left.
type resumption struct {
	rooms []string // to be joined

	// Of an event stream: the cursor as the client gave it, "" for a new one.
	lastEventID string

	// Of recovery. pid is the session's secret name; from is what the client
	// has seen; recovered is whether the session of an earlier connection goes
	// on.
	pid       string
	begin     place // at which the session began
	from      place
	recovered bool
	at        string // the present cursor, for clients that are told
	saving    saving // of sessions that other pods may give back

	// What goes out before and after the frame that says that the client is
	// connected.
	before, after []*frame
}

// Reasons of a gap, in the data of the event "gap".
const (
	gapExpired   = "expired"    // the history no longer holds all of it
	gapEpoch     = "epoch"      // the cursor is of another pod, or of this one before it was restarted
	gapInvalid   = "invalid"    // the cursor is none of this gateway
	gapLimit     = "limit"      // more was missed than may wait for one client
	gapNoHistory = "no_history" // these topics keep nothing

	gapUnavailable = "unavailable" // the journal that pods share can't be read now
)

// gap is what a client that comes back has missed and does not get.
type gap struct {
	reason string
	topics []string
}

// appendGap appends {"reason":…,"topics":[…]}.
func appendGap(dst []byte, g gap) []byte {
	dst = append(dst, `{"reason":`...)
	dst = rawjson.AppendQuote(dst, g.reason)
	dst = append(dst, `,"topics":[`...)
	for i, t := range g.topics {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = rawjson.AppendQuote(dst, t)
	}
	return append(dst, "]}"...)
}

// settle decides on the session before the connection gets its place. The caller
// holds q.mu.
func (r *resumption) settle(q *sequence, c *Conn) {
	if r.pid != "" {
		r.settleSession(q, c)
	}
}

// collect fills before and after. The caller holds q.mu.
func (r *resumption) collect(q *sequence, c *Conn) {
	if r.pid != "" {
		r.collectSession(q, c)
		return
	}
	at := q.here()
	if r.lastEventID != "" {
		p, gaps, from := q.resume(c.link.codec, r.rooms, r.lastEventID)
		id := at
		if len(p) > 0 {
			id = from // a client that gets no further than the gap is told again
		}
		for _, g := range gaps {
			r.after = append(r.after, controlBody(sse.Append(nil, &sse.Event{ID: id, Type: "gap", Data: appendGap(nil, g)})))
		}
		for _, m := range p {
			r.after = append(r.after, m.frame(c.link.codec))
		}
	}
	// An event without data only sets the id (WHATWG HTML, 9.2.6), so that a
	// client that comes back before the first event misses nothing either.
	r.after = append(r.after, controlBody(sse.Append(nil, &sse.Event{ID: at})))
}

// resume finds what topics were sent after a cursor, and what of it is lost. from
// is the position before the first message. The caller holds mu.
func (q *sequence) resume(c codec, topics []string, text string) (ms []*message, gaps []gap, from string) {
	q.ns.srv.count.resumed.Add(1)
	defer func() {
		if len(gaps) > 0 {
			q.ns.srv.count.gaps.Add(1)
		}
	}()
	after, reason := q.parse(text)
	if reason != "" {
		return nil, []gap{{reason, topics}}, ""
	}
	var kept, lost []string
	for _, t := range topics {
		if q.keepsRoom(t) {
			kept = append(kept, t)
		} else {
			lost = append(lost, t)
		}
	}
	rooms := kept
	if q.keepsRoom(everyone) {
		rooms = append(slices.Clone(kept), everyone)
	}
	p := q.since(c, rooms, after)
	if len(lost) > 0 {
		gaps = append(gaps, gap{gapNoHistory, lost})
	}
	if i := slices.Index(p.gone, everyone); i >= 0 {
		p.gone = kept // what went to all went to each
	}
	if len(p.gone) > 0 {
		gaps = append(gaps, gap{gapExpired, p.gone})
	}
	if p.cut {
		gaps = append(gaps, gap{gapLimit, kept})
	}
	return p.messages, gaps, text
}

// lastEventID is the cursor of a request for an event stream: the header of a
// client that comes back, or the query of one that can't set headers.
func lastEventID(r *http.Request) string {
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		return id
	}
	return r.URL.Query().Get("lastEventId")
}
