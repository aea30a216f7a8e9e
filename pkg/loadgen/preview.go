package loadgen

import (
	"net/http"
	"net/url"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/hist"
	"github.com/realtime-toolkit/rtk/pkg/loadgen/ledger"
	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// Preview is what the first client of a group would do.
type Preview struct {
	Group *GroupPlan
	Cell  *CellPlan // the client's, the group's first
	// Dial is its handshake, nil for one that holds no connection.
	Dial *rt.DialRequest
	// Poll is the first of the requests that a long poll is made of.
	Poll  *rt.Request
	Steps []StepPreview
}

// StepPreview is one step of the client.
type StepPreview struct {
	Step     *Step
	Outgoing *rt.Outgoing // the first message that it sends, or
	Request  *rt.Request  // the first request
	Sends    float64      // messages of the whole group, 0 for steps that send nothing
}

// Preview tells what the first client of each group would do at an instant,
// with the very templates and tokens of a run. Values that only a run has, such
// as {{vars.NAME}}, are empty.
func (p *Plan) Preview(now time.Time) ([]Preview, error) {
	set := hist.NewSet(1)
	inherit := declaredOutcomes(p)
	var out []Preview
	for _, gp := range p.Groups {
		g := newGroupRun(gp)
		cell, err := newCellRun(g, gp.Cells[0], set, inherit)
		if err != nil {
			return nil, err
		}
		e := &engine{plan: p, epoch: now, epochUS: now.UnixMicro()}
		c := &client{eng: e, cell: cell, id: int32(gp.first), index: int32(cell.plan.First), pub: int32(gp.firstPublisher)}
		v := Preview{Group: gp, Cell: cell.plan}
		vars := c.template()
		vars.NowMS = now.UnixMilli()
		if cell.target.Protocol != rt.HTTP {
			if v.Dial, err = cell.dialRequest(&vars, now); err != nil {
				return nil, err
			}
		}
		if poll := cell.plan.Target.Poll; poll != nil {
			pc := &pollConn{d: &pollDialer{poll: poll}, r: v.Dial}
			v.Poll = &rt.Request{Method: http.MethodGet, URL: pc.url(poll.First, false), Header: v.Dial.Header}
		}
		if cell.tokens != nil && c.publishes() {
			token, err := cell.tokens.token(&vars, now)
			if err != nil {
				return nil, err
			}
			cred := place(token, c.requestPlace(), cell.perClient.header(cell.plan.Header, &vars))
			c.cred = &cred
		}
		for i, st := range cell.steps {
			c.step = int16(i)
			v.Steps = append(v.Steps, c.preview(st, vars))
		}
		out = append(out, v)
	}
	return out, nil
}

// preview is the first message of a step.
func (c *client) preview(st *stepRun, v TemplateVars) StepPreview {
	out := StepPreview{Step: st.step, Sends: st.step.sends(c.cell.group.plan.size(), c.eng.plan.phases)}
	v.Rand = c.eng.random(c, int64(c.step)<<40)
	if st.marked() {
		m := ledger.Marker{Run: c.eng.plan.run, Publisher: uint32(c.pub), Seq: c.seq, At: c.eng.epochUS}
		if c.seq++; st.markerSize > 0 {
			v.Marker = m.AppendFilled(nil, st.markerSize)
		} else {
			v.Marker = m.Append(nil)
		}
	}
	switch st.kind {
	case stepEmit:
		o := &rt.Outgoing{Event: st.step.Emit.Event, AckID: rt.NoAck, Body: appendArgs(nil, st.step.Emit.Args, &v)}
		if st.wantsAck {
			o.AckID = c.nextAck
			c.nextAck++
		}
		out.Outgoing = o
	case stepPublish:
		p := st.step.Publish
		r := &rt.Request{Method: p.Method, URL: c.publishURL(p, &v), Header: c.publishHeader(p.HasBody, &v)}
		if p.HasBody {
			r.Body = p.JSON.Append(nil, &v)
		}
		out.Request = r
	}
	return out
}

// Mask hides the scenario's secrets, and every token, in a text: as they are,
// and as they stand in a URL or in JSON.
func (p *Plan) Mask() func(string) string {
	all := p.Scenario.Secrets
	for _, s := range p.Scenario.Secrets {
		for _, other := range []string{url.QueryEscape(s), escapeURL(s), string(appendJSONText(nil, s))} {
			if other != s {
				all = append(all[:len(all):len(all)], other)
			}
		}
	}
	return newMasker(all).mask
}
