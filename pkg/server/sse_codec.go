package server

import (
	"crypto/rand"
	"strconv"
	"sync/atomic"

	"github.com/realtime-toolkit/rtk/pkg/wire/socketio"
	"github.com/realtime-toolkit/rtk/pkg/wire/sse"
)

// frameHeartbeat is the comment on an idle stream.
var frameHeartbeat = controlBody(sse.Append(nil, &sse.Event{Comment: "hb"}))

// Event ids are unique over pods and restarts: a random epoch of the process
// and a running number.
var (
	sseEpoch = rand.Text()[:8]
	sseLast  atomic.Uint64
)

// encodeSSE makes an event with a new id or, where history is kept, the cursor
// of the message as its id, of the type name, with the JSON of the argument as
// data. Several arguments are an array, binary ones base64
// text.
func encodeSSE(m *message) *frame {
	name, args, _ := socketio.SplitEvent(m.array)
	data := oneArgument(inlineBinary(args, m.attachments))
	id := m.cursor
	if id == "" {
		id = sseEpoch + "-" + strconv.FormatUint(sseLast.Add(1), 10)
	}
	if len(data) == 0 {
		data = []byte("null") // an event without data is not dispatched
	}
	body := sse.Append(make([]byte, 0, len(data)+len(name)+48), &sse.Event{ID: id, Type: name, Data: data})
	return &frame{wire: body, body: body}
}

// controlBody makes a frame of bytes that are no message of the application.
func controlBody(b []byte) *frame { return &frame{wire: b, body: b, control: true} }
