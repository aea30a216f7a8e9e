package loadgen

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// FailedClient is a client that something went wrong with.
type FailedClient struct {
	Client int // its number in the run, for Options of a run of it alone
	Group  string
	Index  int // in its group
	Target string
	Why    string
}

// TapeClient is what went over the connection of a client last.
type TapeClient struct {
	FailedClient // Why is empty for the healthy neighbour
	Frames       []TapeFrame
}

// TapeFrame is one frame of a tape. Secrets are masked in all of it.
type TapeFrame struct {
	At          time.Duration // since the start of the run
	Dir         rt.Direction
	Kind        rt.Kind
	Namespace   string
	Event       string
	Body        []byte // at most 4 KiB
	Multi       bool   // Body is the arguments of a Socket.IO packet
	Ack         int64  // rt.NoAck for none
	Attachments int
	Size        int // bytes of the whole body
	Times       int // heartbeats in a row, 0 for other frames
}

// TraceFrame is a frame as it happens.
type TraceFrame struct {
	FailedClient // Why is empty
	TapeFrame
}

func (c *client) identity() FailedClient {
	return FailedClient{Client: int(c.id) + c.cell.plan.shiftID, Group: c.cell.group.plan.Group.Name, Index: int(c.index), Target: c.cell.plan.Target.Name}
}

// traceFrame copies a frame for a trace.
func (c *client) traceFrame(at time.Duration, f *frame) TraceFrame {
	body := f.body[:min(len(f.body), tapeClip)]
	ns := f.namespace
	if ns == "" {
		ns = c.cell.target.Namespace
	}
	return TraceFrame{c.identity(), TapeFrame{
		At: at, Dir: f.dir, Kind: f.kind, Namespace: ns, Event: c.eng.errs.masker.mask(f.event), Body: []byte(c.eng.errs.masker.mask(string(body))),
		Multi: f.multi, Ack: f.ack, Attachments: f.attachments, Size: len(f.body),
	}}
}

// failures are the clients that failed, with the first reason of each. It is
// bounded: the first that failed are kept.
type failures struct {
	mu   sync.Mutex
	why  map[int32]string
	more int64
}

// maxFailures bounds the clients whose failure is kept.
const maxFailures = 10_000

func (f *failures) add(id int32, why string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, known := f.why[id]; known {
		return
	}
	if len(f.why) >= maxFailures {
		f.more++
		return
	}
	if f.why == nil {
		f.why = map[int32]string{}
	}
	f.why[id] = why
}

// failed notes that something went wrong with the client. mu is held.
func (c *client) failed(why string) {
	if !c.flawed {
		c.flawed = true
		c.eng.failures.add(c.id, c.clean(why))
	}
}

// failedClients are those that the report names: first those to which something
// was not delivered, or that got what they must not have, then the others.
func (e *engine) failedClients(ev *evidence) (list []*client, why map[int32]string) {
	e.failures.mu.Lock()
	defer e.failures.mu.Unlock()
	why = map[int32]string{}
	add := func(c *client, text string) {
		if _, known := why[c.id]; !known && len(list) < tapeClients {
			why[c.id] = text
			list = append(list, c)
		}
	}
	for _, acc := range ev.accounts {
		sub := func(i int) *client { return &e.clients[acc.audience.group.plan.first+i] }
		name := acc.watch.verify.Name
		for _, s := range acc.stuck {
			add(sub(s.Subscriber), fmt.Sprintf("%s: stuck, missed %s that others on its target got", name, plural(s.Missed, "message")))
		}
		for _, l := range acc.losses {
			add(sub(l.Subscriber), fmt.Sprintf("%s: lost %s (%s)", name, plural(l.Count, "message"), l.Cause))
		}
		for _, l := range acc.leaks {
			add(sub(l.Subscriber), fmt.Sprintf("%s: received %s that it must not have", name, plural(l.Count, "message")))
		}
	}
	ids := make([]int32, 0, len(e.failures.why))
	for id := range e.failures.why {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		add(&e.clients[id], e.failures.why[id])
	}
	return list, why
}

// noteFailures puts the failed clients and their tapes into the report.
func (e *engine) noteFailures(r *Report, ev *evidence) {
	list, why := e.failedClients(ev)
	for _, c := range list {
		x := c.identity()
		x.Why = e.errs.masker.mask(why[c.id])
		r.Failed = append(r.Failed, x)
	}
	r.Repeat = e.opt.Repeat
	if e.rec == nil || e.rec.ring == 0 || len(list) == 0 {
		return
	}
	for i, c := range list {
		r.Tape = append(r.Tape, c.tapeOf(r.Failed[i]))
	}
	if c := e.healthyNeighbour(list[0]); c != nil {
		r.Tape = append(r.Tape, c.tapeOf(c.identity()))
	}
}

// healthyNeighbour is a client of the same group, on the same target if there is
// one, with which nothing went wrong.
func (e *engine) healthyNeighbour(beside *client) *client {
	var found *client
	e.failures.mu.Lock()
	defer e.failures.mu.Unlock()
	g := beside.cell.group.plan
	for i := range g.Count {
		c := &e.clients[g.first+i]
		if _, bad := e.failures.why[c.id]; bad || c == beside || !c.hasTape() {
			continue
		}
		if c.targetNo == beside.targetNo {
			return c
		}
		if found == nil {
			found = c
		}
	}
	return found
}

func (c *client) hasTape() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tape != nil
}

// tapeOf copies the client's tape, with secrets masked.
func (c *client) tapeOf(who FailedClient) TapeClient {
	out := TapeClient{FailedClient: who}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tape == nil {
		return out
	}
	m := c.eng.errs.masker
	c.tape.each(func(h *tapeHead, body []byte) {
		out.Frames = append(out.Frames, TapeFrame{
			At: h.at, Dir: h.dir, Kind: h.kind, Namespace: c.cell.target.Namespace, Event: m.mask(h.event), Body: []byte(m.mask(string(body))), Multi: h.multi,
			Ack: h.ack, Attachments: h.attachments, Size: h.size, Times: h.times,
		})
	})
	return out
}
