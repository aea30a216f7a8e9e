package client

import (
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// maxCode bounds the server's words that go into an error, in runes.
const maxCode = 120

// refusal builds the error of an HTTP answer that did not do what was asked.
// 4xx is an explicit refusal; 5xx says that nobody is there to decide; anything
// else is not what the protocol allows.
func refusal(op string, t *rt.Target, stage rt.Stage, status int, body []byte) *rt.Error {
	kind := rt.KindProtocol
	switch {
	case status >= 400 && status < 500:
		kind = rt.KindRejected
	case status >= 500:
		kind = rt.KindUnreachable
	}
	return &rt.Error{Op: op, Target: t.String(), Kind: kind, Stage: stage, Status: status, Code: bodyCode(body)}
}

// bodyCode finds the server's own code or message in a JSON body: a code that
// is a word, else a message or error, else a code that is a number, at the top
// or inside an "error" object. A body that is not JSON has none.
func bodyCode(body []byte) string {
	var v struct {
		Code    json.RawMessage `json:"code"`
		Message json.RawMessage `json:"message"`
		Error   json.RawMessage `json:"error"`
	}
	if json.Unmarshal(body, &v) != nil {
		return ""
	}
	if s := text(v.Code); s != "" {
		return s
	}
	if len(v.Error) > 0 && v.Error[0] == '{' {
		if s := bodyCode(v.Error); s != "" {
			return s
		}
	}
	for _, raw := range []json.RawMessage{v.Message, v.Error} {
		if s := text(raw); s != "" {
			return s
		}
	}
	return number(v.Code)
}

// connectErrorCode finds the code of a CONNECT_ERROR payload: data.code or the
// message (Socket.IO 5, CONNECT_ERROR; older servers send a bare string).
func connectErrorCode(payload []byte) string {
	if s := text(payload); s != "" {
		return s
	}
	var v struct {
		Message json.RawMessage `json:"message"`
		Data    json.RawMessage `json:"data"`
	}
	if json.Unmarshal(payload, &v) != nil {
		return ""
	}
	var data struct {
		Code json.RawMessage `json:"code"`
	}
	if json.Unmarshal(v.Data, &data) == nil {
		if s := text(data.Code); s != "" {
			return s
		}
		if s := number(data.Code); s != "" {
			return s
		}
	}
	return text(v.Message)
}

func text(raw []byte) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return clean(s)
}

func number(raw []byte) string {
	var n json.Number
	if len(raw) == 0 || raw[0] == '"' || json.Unmarshal(raw, &n) != nil {
		return ""
	}
	return clean(n.String())
}

// clean makes a peer's text fit for an error: one line, bounded, without
// control characters.
func clean(s string) string {
	if len(s) > 4*maxCode {
		s = s[:4*maxCode]
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\r', r == '\t':
			return ' '
		case r == utf8.RuneError, !unicode.IsPrint(r):
			return -1
		}
		return r
	}, s)
	s = strings.TrimSpace(s)
	if utf8.RuneCountInString(s) > maxCode {
		s = string([]rune(s)[:maxCode-1]) + "…"
	}
	return s
}
