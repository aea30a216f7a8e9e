package loadgen

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/hist"
	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// Poll is how an endpoint of protocol longpoll is asked and what it answers.
type Poll struct {
	From  *Path  // the next cursor, within the answer
	Query string // parameter that carries the cursor
	First string // cursor of the first request, "" for none

	Items *Path // the list of events
	Event *Path // an event's name, nil when they have none
	Data  *Path // an event's data, nil for the whole event
	Gaps  *Path // holds something when events are missing

	WaitQuery string // parameter that says how long the server shall hold a request, "" for none
	Wait      string // its value
	NoWait    string // its value for a request that shall not be held

	Timeout time.Duration // of one request
}

// pollTally counts the polls of a cell.
type pollTally struct {
	hold          hist.ID      // poll_hold_time
	all, answered atomic.Int64 // polls, and those of them that the server could hold
	empty, gapped atomic.Int64
}

// pollDialer makes a stream of the requests of a cell's clients. A connection is
// there once a first request, which the server need not hold, has been answered.
type pollDialer struct {
	e       *engine
	cell    *cellRun
	poll    *Poll
	request rt.Requester
}

var _ rt.Dialer = (*pollDialer)(nil)

// pollConn is one client's series of requests.
type pollConn struct {
	d      *pollDialer
	r      *rt.DialRequest
	h      rt.Handler
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}
	byUs   atomic.Bool
	holed  atomic.Bool // a blackhole: answers do not arrive any more

	mu     sync.Mutex
	info   rt.ConnInfo
	cursor string
}

var (
	_ rt.Conn    = (*pollConn)(nil)
	_ rt.Breaker = (*pollConn)(nil)
)

func (d *pollDialer) Dial(ctx context.Context, r *rt.DialRequest, h rt.Handler) (rt.Conn, error) {
	c := &pollConn{d: d, r: r, h: h, done: make(chan struct{}), cursor: d.poll.First}
	if r.LastEventID != "" {
		c.cursor = r.LastEventID
	}
	c.info = rt.ConnInfo{Protocol: rt.LongPoll, Transport: rt.TransportPolling}
	c.ctx, c.cancel = context.WithCancel(context.WithoutCancel(ctx))
	start := time.Now()
	items, err := c.ask(ctx, false)
	if err != nil {
		c.cancel()
		return nil, err
	}
	c.info.Phases.Total = time.Since(start)
	go c.run(items)
	return c, nil
}

// run polls until something ends it.
func (c *pollConn) run(items []pollItem) {
	defer close(c.done)
	defer c.cancel()
	c.deliver(items)
	for {
		items, err := c.ask(c.ctx, true)
		if err != nil {
			c.h.OnClose(c.end(err))
			return
		}
		c.deliver(items)
	}
}

// end says how the series of requests ended.
func (c *pollConn) end(err error) rt.CloseInfo {
	i := rt.CloseInfo{At: time.Now(), By: rt.ByNetwork, Err: err}
	e, _ := errors.AsType[*rt.Error](err)
	switch {
	case c.byUs.Load():
		i.By, i.Err = rt.ByLocal, nil
	case e != nil && (e.Status != 0 || e.Kind == rt.KindProtocol):
		i.By, i.Reason = rt.ByPeer, e.Error()
	}
	return i
}

// pollItem is one event of an answer. Its slices alias the answer.
type pollItem struct{ event, data []byte }

// ask makes one request. hold lets the server wait for events.
func (c *pollConn) ask(ctx context.Context, hold bool) ([]pollItem, error) {
	p := c.d.poll
	c.mu.Lock()
	cursor := c.cursor
	c.mu.Unlock()
	req := &rt.Request{
		Method: http.MethodGet, URL: c.url(cursor, hold), Header: c.r.Header, LocalAddr: c.r.LocalAddr, Timeout: p.Timeout,
	}
	start := time.Now()
	resp, err := c.d.request.Request(ctx, req)
	if err == nil && c.holed.Load() {
		err = c.starve(ctx, start)
	}
	if err != nil {
		return nil, err
	}
	if resp.Status != http.StatusOK {
		kind := rt.KindProtocol
		switch {
		case resp.Status >= 500:
			kind = rt.KindUnreachable
		case resp.Status >= 400:
			kind = rt.KindRejected
		}
		return nil, c.fail(kind, resp.Status, nil)
	}
	items, err := c.read(resp.Body)
	if err != nil {
		return nil, err
	}
	if hold {
		c.tally(items, time.Since(start))
	}
	return items, nil
}

func (c *pollConn) fail(kind rt.ErrKind, status int, err error) *rt.Error {
	return &rt.Error{Op: "poll", Target: c.r.Target.String(), Kind: kind, Stage: rt.StageUpgrade, Status: status, Err: err}
}

// tally counts a poll that the server could hold.
func (c *pollConn) tally(items []pollItem, took time.Duration) {
	t := c.d.cell.polls
	t.answered.Add(1)
	if len(items) == 0 {
		t.empty.Add(1)
	}
	c.d.e.hists.Record(0, t.hold, took)
}

// url is the request's URL. A cursor is left out of the first one, unless the
// scenario names one.
func (c *pollConn) url(cursor string, hold bool) string {
	p := c.d.poll
	u := *c.r.Target.URL
	add := func(key, value string) {
		u.RawQuery = joinQuery(u.RawQuery, url.QueryEscape(key)+"="+url.QueryEscape(value))
	}
	if cursor != "" {
		add(p.Query, cursor)
	}
	switch {
	case p.WaitQuery == "":
	case hold:
		add(p.WaitQuery, p.Wait)
	default:
		add(p.WaitQuery, p.NoWait)
	}
	for _, q := range c.r.Query {
		add(q[0], q[1])
	}
	return u.String()
}

// maxPollItems bounds the events of one answer.
const maxPollItems = 100_000

// read takes an answer apart and moves the cursor on.
func (c *pollConn) read(body []byte) ([]pollItem, error) {
	p := c.d.poll
	doc, ok := jsonValue(body)
	if !ok {
		return nil, c.fail(rt.KindProtocol, 0, errors.New("answer is no JSON"))
	}
	next := p.From.find(doc)
	if len(next) == 0 || string(next) == "null" {
		return nil, c.fail(rt.KindProtocol, 0, fmt.Errorf("answer has no cursor at %s", p.From))
	}
	if next[0] == '"' {
		next = jsonUnquote(next)
	}
	var items []pollItem
	list := p.Items.find(doc)
	if len(list) > 0 && list[0] == '[' {
		for i := skipJSONSpace(list, 1); i < len(list) && list[i] != ']' && len(items) < maxPollItems; {
			start, end, ok := scanJSON(list, i, 0)
			if !ok {
				break
			}
			items = append(items, p.item(list[start:end]))
			if i = skipJSONSpace(list, end); i < len(list) && list[i] == ',' {
				i = skipJSONSpace(list, i+1)
			}
		}
	}
	c.d.cell.polls.all.Add(1)
	if p.Gaps != nil && holdsSomething(p.Gaps.find(doc)) {
		c.d.cell.polls.gapped.Add(1)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cursor = string(next)
	return items, nil
}

// holdsSomething tells whether a JSON value is more than nothing.
func holdsSomething(v []byte) bool {
	switch string(v) {
	case "", "null", "false", "0", "[]", "{}", `""`:
		return false
	}
	return true
}

func (p *Poll) item(v []byte) pollItem {
	it := pollItem{event: []byte("message"), data: v}
	if p.Event != nil {
		if name := p.Event.find(v); len(name) > 0 && name[0] == '"' {
			it.event = jsonUnquote(name)
		}
	}
	if p.Data != nil {
		it.data = p.Data.find(v)
	}
	return it
}

func (c *pollConn) deliver(items []pollItem) {
	at := time.Now()
	for _, it := range items {
		m := rt.Message{
			At: at, Kind: rt.KindEvent, Transport: rt.TransportPolling, Event: string(it.event), Body: it.data,
			AckID: rt.NoAck, Size: len(it.data),
		}
		c.h.OnMessage(&m)
	}
}

// Send fails: the client asks and has nothing to say.
func (c *pollConn) Send(context.Context, *rt.Outgoing) error {
	return c.fail(rt.KindUsage, 0, errors.New("a long poll carries messages in one direction only"))
}

// Close ends the request under way.
func (c *pollConn) Close() error {
	c.Abort()
	<-c.done
	return nil
}

// Abort ends the request under way.
func (c *pollConn) Abort() {
	c.byUs.Store(true)
	c.cancel()
}

// Break ends the request under way as a network that fails would, or lets no
// answer arrive any more.
func (c *pollConn) Break(how rt.BreakHow) error {
	if how == rt.BreakBlackhole {
		c.holed.Store(true)
		return nil
	}
	c.cancel()
	return nil
}

// starve waits for an answer in vain.
func (c *pollConn) starve(ctx context.Context, since time.Time) error {
	timer := time.NewTimer(time.Until(since.Add(c.d.poll.Timeout)))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
	return c.fail(rt.KindTimeout, 0, errors.New("no answer"))
}

// Info describes the connection. What a later one needs to go on is the cursor.
func (c *pollConn) Info() rt.ConnInfo {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := c.info
	i.Resume = &rt.Resume{Offset: c.cursor}
	return i
}

// noWait is the value that asks for an answer at once, in the form of wait.
func noWait(wait string) string {
	if _, err := strconv.ParseFloat(wait, 64); err == nil {
		return "0"
	}
	return "0s"
}
