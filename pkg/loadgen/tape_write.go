package loadgen

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// RecordingID is the value of "rtk" in the first line of a recording.
const RecordingID = "recording/v1"

type (
	tapeHeader struct {
		RTK      string       `json:"rtk"`
		Target   string       `json:"target"`
		Started  time.Time    `json:"started"`
		Scenario string       `json:"scenario"`
		Seed     uint64       `json:"seed"`
		RunID    string       `json:"run_id"`
		Repeat   string       `json:"repeat,omitempty"`
		Clients  []tapeFailed `json:"clients"`
	}
	tapeFailed struct {
		Conn   int    `json:"conn"`
		Group  string `json:"group"`
		Index  int    `json:"index"`
		Target string `json:"target"`
		Failed string `json:"failed,omitempty"`
	}
	tapeLine struct {
		T     int64           `json:"t"`
		Conn  int             `json:"conn"`
		Dir   string          `json:"dir"`
		NS    string          `json:"ns,omitempty"`
		Kind  string          `json:"kind,omitempty"`
		Event string          `json:"ev"`
		Data  json.RawMessage `json:"data,omitempty"`
		Enc   string          `json:"enc,omitempty"`
		Ack   *int64          `json:"ack,omitempty"`
		Bytes int             `json:"bytes,omitempty"` // of the whole frame, where data is a part of it
		Files int             `json:"attachments,omitempty"`
		Times int             `json:"times,omitempty"`
	}
)

// WriteTape writes the frames of the clients that failed, and of a healthy
// neighbour, as a recording: lines of JSON, of which the first says what it is
// of and the others are one frame each in order of time. Each report with a tape
// begins with a header of its own.
func WriteTape(w io.Writer, reports []*Report) error {
	b := bufio.NewWriter(w)
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	for _, r := range reports {
		if len(r.Tape) == 0 {
			continue
		}
		m := newMasker(r.Secrets)
		if err := enc.Encode(r.tapeHeader(m)); err != nil {
			return err
		}
		for _, l := range r.tapeLines() {
			if err := enc.Encode(l); err != nil {
				return err
			}
		}
	}
	return b.Flush()
}

func (r *Report) tapeHeader(m *masker) tapeHeader {
	h := tapeHeader{RTK: RecordingID, Started: r.Started, Scenario: m.mask(r.Scenario), Seed: r.Seed, RunID: r.RunID, Repeat: m.mask(r.Repeat)}
	if len(r.Targets) > 0 {
		h.Target = m.mask(r.Targets[0].URL)
	}
	for _, c := range r.Tape {
		h.Clients = append(h.Clients, tapeFailed{c.Client, c.Group, c.Index, c.Target, m.mask(c.Why)})
	}
	return h
}

// tapeLines are the frames of all clients, by time.
func (r *Report) tapeLines() []tapeLine {
	var out []tapeLine
	for _, c := range r.Tape {
		for i := range c.Frames {
			out = append(out, c.Frames[i].line(c.Client))
		}
	}
	slices.SortStableFunc(out, func(a, b tapeLine) int { return int(min(max(a.T-b.T, -1), 1)) })
	return out
}

var directionNames = map[rt.Direction]string{rt.In: "in", rt.Out: "out", rt.Local: "local"}

var kindNames = map[rt.Kind]string{
	rt.KindAck: "ack", rt.KindConnect: "connect", rt.KindConnectError: "connect_error", rt.KindDisconnect: "disconnect",
	rt.KindPing: "ping", rt.KindPong: "pong", rt.KindComment: "comment", rt.KindRetry: "retry", rt.KindOpen: "open",
	rt.KindUpgrade: "upgrade", rt.KindResponse: "response",
}

// kindWord names what is no event.
func (f *TapeFrame) kindWord() string {
	if f.Dir == rt.Local {
		return ""
	}
	return kindNames[f.Kind]
}

func (f *TapeFrame) line(conn int) tapeLine {
	l := tapeLine{
		T: f.At.Nanoseconds(), Conn: conn, Dir: directionNames[f.Dir], NS: f.Namespace, Kind: f.kindWord(), Event: f.Event,
		Files: f.Attachments, Times: f.Times,
	}
	if l.Event == "" {
		l.Event = l.Kind
	}
	if f.Ack != rt.NoAck && f.Dir != rt.Local {
		l.Ack = &f.Ack
	}
	if f.Size > len(f.Body) {
		l.Bytes = f.Size
	}
	l.Data, l.Enc = f.data()
	return l
}

// data is the body as JSON: what it is, a text, or base64 of what is no text.
func (f *TapeFrame) data() (data json.RawMessage, enc string) {
	body := f.Body
	if len(body) == 0 {
		return nil, ""
	}
	if f.Multi {
		body = slices.Concat([]byte("["), body, []byte("]"))
	}
	if _, ok := jsonValue(body); ok && utf8.Valid(body) {
		var b bytes.Buffer
		if json.Compact(&b, body) == nil {
			return b.Bytes(), ""
		}
	}
	if utf8.Valid(f.Body) {
		text, _ := json.Marshal(string(f.Body)) // a string does not fail
		return text, ""
	}
	text, _ := json.Marshal(base64.StdEncoding.EncodeToString(f.Body))
	return text, "base64"
}

// Word is what a frame is called: its event, or its kind.
func (f *TapeFrame) Word() string {
	if f.Event != "" {
		return printable(f.Event)
	}
	return f.kindWord()
}

// Text is the body for people, in one line.
func (f *TapeFrame) Text() string {
	data, enc := f.data()
	if len(data) == 0 {
		return ""
	}
	s := printable(string(data))
	if enc != "" {
		s = enc + " " + s
	}
	if f.Size > len(f.Body) {
		s += ellipsis
	}
	return s
}
