package server

import (
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
