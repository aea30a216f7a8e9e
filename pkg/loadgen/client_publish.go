package loadgen

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// startRequest sends the HTTP request that is due in a goroutine of its own,
// so that a slow answer does not hold up the next one. It returns false when
// too many are under way. mu is held.
func (c *client) startRequest(st *stepRun, due, now time.Duration) bool {
	select {
	case c.eng.inflight <- struct{}{}:
	default:
		c.send.free = now // waiting for a slot is the server's doing
		return false
	}
	s := c.send
	b := buffers.Get().(*buffer)
	seq := c.fill(b, st, due, now)
	p := st.step.Publish
	r := &rt.Request{
		Method: p.Method,
		URL:    c.publishURL(p, &b.vars),
		Header: c.publishHeader(p.HasBody, &b.vars),
	}
	if p.HasBody {
		r.Body = p.JSON.Append(nil, &b.vars)
	}
	buffers.Put(b)
	r.LocalAddr, r.DialAddr = c.eng.route(c)
	c.noteSend(st, due, now)
	s.requests++
	st.published.Add(1)
	c.eng.wg.Go(func() {
		defer func() { <-c.eng.inflight }()
		c.request(st, s, r, due, seq)
	})
	return true
}

// request sends one request and judges the answer.
func (c *client) request(st *stepRun, s *sendState, r *rt.Request, due time.Duration, seq uint32) {
	ctx, cancel := context.WithTimeout(c.eng.work, connectTimeout(c.cell.group.plan.Group))
	defer cancel()
	resp, err := c.eng.opt.Requester.Request(ctx, r)
	c.eng.noteReach(err)
	at := c.eng.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	s.requests--
	c.eng.hists.Record(c.shard(), st.publish, at-due)
	why := ""
	switch {
	case err != nil:
		why = err.Error()
		c.cell.fail(rt.KindOf(err))
	case !accepts(st.step.Publish.Status, resp.Status):
		why = fmt.Sprintf("%s: status %d", st.step.Name, resp.Status)
		c.cell.fail(rt.KindRejected)
	default:
		st.sent.Add(1)
		c.cell.sent.Add(1)
		c.eng.tally[c.shard()%len(c.eng.tally)].sent.Add(1)
		if st.marked() {
			c.accept(seq, at)
		}
	}
	if why != "" {
		s.failed = true
		st.publishFailures.Add(1)
		st.noteFailure(func() string { return c.eng.errs.clean(why) })
		c.eng.errs.add(why)
	}
	if s.requests == 0 {
		c.kick()
	}
}

func accepts(want []int, status int) bool {
	if want == nil {
		return status >= 200 && status < 300
	}
	return slices.Contains(want, status)
}

// publishURL is the target's URL with the step's path appended, keeping the
// query of both.
func (c *client) publishURL(p *Publish, v *TemplateVars) string {
	u := *c.cell.perClient.url(c.cell.target.URL, v)
	path := p.Path
	if p.PathVars.parts != nil {
		path = string(p.PathVars.appendEscaped(nil, v, escapeURL))
	}
	if extra, query, ok := strings.Cut(path, "?"); ok {
		path = extra
		u.RawQuery = joinQuery(u.RawQuery, query)
	}
	if path != "" {
		u = *u.JoinPath(path)
	}
	if c.cred != nil {
		for _, q := range c.cred.query {
			u.RawQuery = joinQuery(u.RawQuery, url.QueryEscape(q[0])+"="+url.QueryEscape(q[1]))
		}
	}
	return u.String()
}

// escapeURL escapes a value for a path as well as for a query.
func escapeURL(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

func joinQuery(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "&" + b
}

func (c *client) publishHeader(hasBody bool, v *TemplateVars) http.Header {
	h := c.cell.plan.Header
	if c.cred != nil {
		h = c.cred.header
	} else {
		h = c.cell.perClient.header(h, v)
	}
	if !hasBody || h.Get("Content-Type") != "" {
		return h
	}
	h = h.Clone()
	if h == nil {
		h = http.Header{}
	}
	h.Set("Content-Type", "application/json")
	return h
}
