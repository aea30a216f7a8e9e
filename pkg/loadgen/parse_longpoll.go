package loadgen

import (
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// defaultPollTimeout is longer than servers hold a request.
const defaultPollTimeout = 90 * time.Second

// longPoll reads what only targets of protocol longpoll have.
func (p *parse) longPoll(o *object, proto rt.Protocol) *Poll {
	cursor, poll := o.get("cursor"), o.get("poll")
	if proto != rt.LongPoll && proto != "" {
		for _, key := range []string{"cursor", "poll"} {
			if o.has(key) {
				p.errorf(o.keyPos(key), "%s is for longpoll targets, this one is %s", key, proto)
			}
		}
	}
	x := &Poll{Query: "since", WaitQuery: "", Timeout: defaultPollTimeout}
	from, items, gaps := "$.cursor", "$.events", "$.gaps"
	if cursor != nil {
		if c := p.object(cursor, cursorDef); c != nil {
			from = textOr(c.str("from"), from)
			x.Query = textOr(c.str("query"), x.Query)
			x.First = c.str("first")
			x.From = p.pathAt(c.get("from"), from)
		}
	}
	if poll != nil {
		if c := p.object(poll, pollDef); c != nil {
			x.Items = p.pathAt(c.get("items"), textOr(c.str("items"), items))
			x.Event = p.pathAt(c.get("event"), c.str("event"))
			x.Data = p.pathAt(c.get("data"), c.str("data"))
			x.Gaps = p.pathAt(c.get("gaps"), textOr(c.str("gaps"), gaps))
			x.Wait = c.str("wait")
			x.Timeout = c.duration("timeout", defaultPollTimeout)
			if query := c.str("waitQuery"); x.Wait != "" {
				x.WaitQuery, x.NoWait = textOr(query, "wait"), noWait(x.Wait)
			} else if c.has("waitQuery") {
				p.hintf(c.keyPos("waitQuery"), "add wait: 20s", "waitQuery needs wait")
			}
		}
	}
	for _, d := range []struct {
		path **Path
		text string
	}{{&x.From, from}, {&x.Items, items}, {&x.Gaps, gaps}} {
		if *d.path == nil {
			*d.path, _ = ParsePath(d.text) // a constant, or reported
		}
	}
	if proto != rt.LongPoll {
		return nil
	}
	return x
}

func textOr(s, def string) string {
	if s == "" {
		return def
	}
	return s
}

// pathAt compiles a JSONPath, nil for none.
func (p *parse) pathAt(n *node, text string) *Path {
	if n == nil || text == "" {
		return nil
	}
	path, err := ParsePath(text)
	if err != nil {
		p.errorf(n.pos, "%s: %v", n.describe(), err)
	}
	return path
}
