package tui

import (
	"net/http"
	"strconv"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// previewBytes bounds how much of a payload one line of the log looks at.
const previewBytes = 1024

// maskMargin is how far behind the end of a preview secrets are looked for, so
// that one that crosses the end is hidden as a whole.
const maskMargin = 4096

// preview is the payload of e on one line, safe for a terminal.
func (e *Event) preview(m *Mask, limit int) string {
	if e.Dir == rt.Local {
		return printableText(m.Text(e.Note))
	}
	var s string
	if e.Binary && len(e.Body) > 0 {
		s = binaryText(e.Body)
	} else {
		body := e.Body
		if limit > 0 && len(body) > limit+maskMargin {
			body = body[:limit+maskMargin]
		}
		s = printable(m.Bytes(body), limit)
	}
	for i := len(e.Attachments) - 1; i >= 0; i-- { // they say more than their placeholders
		s = binaryText(e.Attachments[i]) + " " + s
	}
	if e.AckID != rt.NoAck && (e.Kind == rt.KindEvent || e.Kind == rt.KindAck) {
		s = "#" + strconv.FormatInt(e.AckID, 10) + " " + s
	}
	if e.Latency > 0 {
		s += "  +" + duration(e.Latency)
	}
	return s
}

// binaryText describes binary data: "<binary 1,204 B image/png>".
func binaryText(b []byte) string {
	kind := http.DetectContentType(b)
	if kind == "application/octet-stream" {
		return "<binary " + count(uint64(len(b))) + " B>"
	}
	return "<binary " + count(uint64(len(b))) + " B " + kind + ">"
}
