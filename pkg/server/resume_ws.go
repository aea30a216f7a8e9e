package server

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/wire/nestws"
	"github.com/realtime-toolkit/rtk/pkg/wire/rawjson"
	"github.com/realtime-toolkit/rtk/pkg/wire/socketio"
)

// encodeNestWSResume is encodeNestWS with the cursor of the message:
// {"event":…,"data":…,"cursor":…}.
func encodeNestWSResume(m *message) *frame {
	name, args, _ := socketio.SplitEvent(m.array)
	data := oneArgument(inlineBinary(args, m.attachments))
	return wsFrame(wsText, len(m.array)+64, func(dst []byte) []byte {
		dst = nestws.Append(dst, name, data)
		if m.cursor == "" {
			return dst
		}
		dst = append(dst[:len(dst)-1], `,"cursor":`...)
		dst = rawjson.AppendQuote(dst, m.cursor)
		return append(dst, '}')
	})
}

// A plain WebSocket connection that asks for it with ?resume=1 begins with a
// frame of the client, {"event":"resume","data":{"session":…,"cursor":…}}, empty
// data for a new session. The answer is {"event":"session","data":{"session":…,
// "cursor":…,"recovered":…}}, after what was missed.

// maxResumeBytes bounds the frame that asks for a session.
const maxResumeBytes = 1 << 10

// wantsSession reports whether the client asks for sessions. When it does where
// there are none, ok is false and the request has been answered.
func (s *Server) wantsSession(w http.ResponseWriter, r *http.Request, n *Namespace) (wants, ok bool) {
	text := r.URL.Query().Get("resume")
	if text == "" {
		return false, true
	}
	if text == "1" && n.recovers() {
		return true, true
	}
	message := "this gateway keeps no sessions (--recovery)"
	if text != "1" {
		message = "resume=1 is how sessions are asked for"
	}
	s.count.handshake.add("bad request")
	writeError(w, http.StatusBadRequest, "no_recovery", message)
	return false, false
}

var errNoResume = errors.New("the first frame is not resume")

// readResume reads the frame that asks for a session.
func (k *socket) readResume(s *Server) (want comeback, err error) {
	done := make(chan struct{})
	defer close(done)
	s.group.Go(func() { // a server that stops does not wait for it
		select {
		case <-s.stop:
			_ = k.nc.Conn.SetReadDeadline(time.Unix(1, 0))
		case <-done:
		}
	})
	_ = k.nc.Conn.SetReadDeadline(time.Now().Add(s.opts.HandshakeTimeout))
	b, err := k.readText(maxResumeBytes)
	if err != nil {
		return want, err
	}
	_ = k.nc.Conn.SetReadDeadline(time.Time{})
	var data struct {
		Session string `json:"session"`
		Cursor  string `json:"cursor"`
	}
	f, err := nestws.Parse(b)
	if err != nil || f.Event != "resume" || len(f.Data) > 0 && json.Unmarshal(f.Data, &data) != nil {
		return want, errNoResume
	}
	return comeback{PID: data.Session, Offset: data.Cursor}, nil
}

// sessionFrame tells the client its session.
func (c *Conn) sessionFrame() *frame {
	r := c.resume
	return wsFrame(wsText, 128, func(dst []byte) []byte {
		dst = append(dst, `{"event":"session","data":{"session":"`...)
		dst = append(dst, r.pid...)
		dst = append(dst, `","cursor":"`...)
		dst = append(dst, r.at...)
		dst = append(dst, `","recovered":`...)
		dst = strconv.AppendBool(dst, r.recovered)
		return append(dst, "}}"...)
	})
}
