package loadgen

import (
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// The failure tape keeps the last frames of every client, so that those of the
// clients that failed can be looked at after the run. Frames are copied into a
// ring of bytes that a client gets with its first frame; heartbeats alone do not
// give it one, so that idle clients cost nothing.
const (
	tapeFrames  = 64       // of one client
	tapeClip    = 4 << 10  // bytes of one frame
	tapeRing    = 16 << 10 // bytes of one client's frames, at most
	tapeRingMin = 1 << 10
	tapeTotal   = 32 << 20 // bytes of all clients' frames
	tapeClients = 50       // whose frames a report keeps
)

// tape is one client's ring.
type tape struct {
	heads   []tapeHead // circular once there are tapeFrames
	count   int        // frames so far
	ring    []byte     // circular
	written int        // bytes so far
}

// tapeHead is one frame of a tape. Its body is ring[start:start+n], as far as
// that was not overwritten.
type tapeHead struct {
	at          time.Duration
	dir         rt.Direction
	kind        rt.Kind
	multi       bool
	event       string
	ack         int64
	attachments int
	size        int // of the whole body
	start, n    int
	times       int // heartbeats in a row
}

// recorder says how frames are kept.
type recorder struct {
	ring  int // bytes for each client, 0 for none
	trace func(TraceFrame)
}

// newRecorder returns nil where nothing is to be recorded.
func newRecorder(o *Options, clients int) *recorder {
	r := &recorder{trace: o.Trace}
	if o.Tape {
		r.ring = min(max(tapeTotal/max(clients, 1), tapeRingMin), tapeRing)
	}
	if r.ring == 0 && r.trace == nil {
		return nil
	}
	return r
}

// frame is one thing that went over a client's connection, or that the client
// notes about it. Its body is valid during the call.
type frame struct {
	dir         rt.Direction
	kind        rt.Kind
	namespace   string
	event       string
	body        []byte
	multi       bool
	ack         int64
	attachments int
}

// noteIn records what came in. mu is held.
func (c *client) noteIn(m *rt.Message, at time.Duration) {
	if c.eng.rec != nil {
		c.eng.rec.note(c, at, frame{rt.In, m.Kind, m.Namespace, m.Event, m.Body, m.Multi, m.AckID, len(m.Attachments)})
	}
}

// noteOut records what goes out. mu is held.
func (c *client) noteOut(m *rt.Outgoing, at time.Duration) {
	if c.eng.rec != nil {
		multi := c.cell.target.Protocol == rt.SocketIO
		c.eng.rec.note(c, at, frame{rt.Out, rt.KindEvent, m.Namespace, m.Event, m.Body, multi, m.AckID, len(m.Attachments)})
	}
}

// noteLocal records what the client itself has to say. mu is held.
func (c *client) noteLocal(what, text string) {
	if c.eng.rec != nil {
		c.eng.rec.note(c, c.eng.now(), frame{dir: rt.Local, event: what, body: []byte(text), ack: rt.NoAck})
	}
}

func isHeartbeat(k rt.Kind) bool { return k == rt.KindPing || k == rt.KindPong || k == rt.KindComment }

func (r *recorder) note(c *client, at time.Duration, f frame) {
	if r.trace != nil {
		r.trace(c.traceFrame(at, &f))
	}
	if r.ring == 0 {
		return
	}
	beat := f.dir == rt.In && isHeartbeat(f.kind)
	if c.tape == nil {
		if beat {
			return
		}
		c.tape = &tape{}
	}
	c.tape.add(r.ring, at, &f, beat)
}

// add puts a frame behind the others. Heartbeats in a row are one.
func (t *tape) add(size int, at time.Duration, f *frame, beat bool) {
	if beat && t.count > 0 {
		if last := t.head(t.count - 1); last.times > 0 {
			last.at = at
			last.times++
			return
		}
	}
	if t.ring == nil {
		t.ring = make([]byte, size)
	}
	n := min(len(f.body), tapeClip, size/2)
	h := tapeHead{
		at: at, dir: f.dir, kind: f.kind, multi: f.multi, event: f.event, ack: f.ack,
		attachments: f.attachments, size: len(f.body), start: t.written, n: n,
	}
	if beat {
		h.times, h.n = 1, 0
	}
	for left := f.body[:h.n]; len(left) > 0; {
		k := copy(t.ring[t.written%len(t.ring):], left)
		left = left[k:]
		t.written += k
	}
	if len(t.heads) < tapeFrames {
		t.heads = append(t.heads, h)
	} else {
		t.heads[t.count%tapeFrames] = h
	}
	t.count++
}

func (t *tape) head(i int) *tapeHead { return &t.heads[i%tapeFrames] }

// each calls f for the frames that are kept, oldest first. The body is nil where
// it was overwritten meanwhile.
func (t *tape) each(f func(h *tapeHead, body []byte)) {
	for i := max(0, t.count-tapeFrames); i < t.count; i++ {
		h := t.head(i)
		if t.written-h.start > len(t.ring) {
			continue // newer ones took its place
		}
		body := make([]byte, 0, h.n)
		for at := h.start; at < h.start+h.n; {
			from := at % len(t.ring)
			k := min(len(t.ring)-from, h.start+h.n-at)
			body = append(body, t.ring[from:from+k]...)
			at += k
		}
		f(h, body)
	}
}
