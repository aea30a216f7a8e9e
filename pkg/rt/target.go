package rt

import (
	"fmt"
	"net/url"
	"strings"
)

// Target is an endpoint to connect to.
type Target struct {
	Name       string      // label in reports; the URL's host when empty
	URL        *url.URL    // http(s) for all protocols; ws(s) was folded into http(s)
	Protocol   Protocol    // "" when the user did not say and it must be probed
	Namespace  string      // Socket.IO, "/" by default
	Transports []Transport // Socket.IO: in order; polling first means upgrade. nil means WebSocket only
	Framing    Framing     // plain WebSocket
	Insecure   bool        // do not verify certificates
	// HTTPVersion of SSE streams and plain requests: "1.1", "2" (over plain TCP
	// with prior knowledge), or "" for what ALPN chooses, which is 1.1 without TLS.
	HTTPVersion string
}

// String is the target without credentials and query, fit for logs.
func (t Target) String() string {
	if t.URL == nil {
		return t.Name
	}
	return t.URL.Scheme + "://" + t.URL.Host + t.URL.Path
}

// ParseTarget reads the target grammar of the command line:
//
//	ws://host/path, wss://…      plain WebSocket, except a path under /socket.io
//	http(s)://host/socket.io/    Socket.IO (also sio+http://host, socketio+http://host)
//	sse+http(s)://host/events    Server-Sent Events (also http://host/events…)
//	:3000/chat, host:3000        http://localhost:3000/chat, protocol probed
//
// It fails with KindUsage and a text that says how to mend the target.
func ParseTarget(s string) (Target, error) {
	in := s
	bad := func(format string, a ...any) (Target, error) {
		return Target{}, &Error{Op: "target", Kind: KindUsage, Err: fmt.Errorf("%q: %s", redactTarget(in), fmt.Sprintf(format, a...))}
	}
	s = strings.TrimSpace(s)
	if s == "" {
		return bad("empty target, want a URL such as http://127.0.0.1:3000")
	}
	var t Target
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		scheme, rest = "http", s
		if strings.HasPrefix(rest, ":") {
			rest = "localhost" + rest
		}
	}
	scheme = strings.ToLower(scheme)
	if proto, base, ok := strings.Cut(scheme, "+"); ok {
		switch proto {
		case "sio", "socketio", "socket.io":
			t.Protocol = SocketIO
		case "ws", "websocket":
			t.Protocol = WebSocket
		case "sse":
			t.Protocol = SSE
		default:
			return bad("unknown protocol %q, want sio, ws or sse", proto)
		}
		scheme = base
	}
	switch scheme {
	case "ws", "wss":
		if t.Protocol == "" {
			t.Protocol = WebSocket
		}
		scheme = map[string]string{"ws": "http", "wss": "https"}[scheme]
	case "http", "https":
	default:
		return bad("unknown scheme %q, want http, https, ws or wss", scheme)
	}
	u, err := url.Parse(scheme + "://" + rest)
	if err != nil {
		return bad("not a URL")
	}
	if u.Hostname() == "" {
		return bad("no host, want a URL such as http://127.0.0.1:3000")
	}
	if strings.HasSuffix(u.Host, ":") {
		return bad("no port after the colon, want a URL such as http://127.0.0.1:3000, or no colon")
	}
	t.URL = u
	if strings.HasPrefix(u.Path, "/socket.io") && (t.Protocol == "" || t.Protocol == WebSocket) {
		t.Protocol = SocketIO
	}
	return t, nil
}

// redactTarget hides credentials and the query in a target that could not be
// parsed, because errors must not carry secrets.
func redactTarget(s string) string {
	s, _, _ = strings.Cut(s, "?")
	if at := strings.LastIndexByte(s, '@'); at >= 0 {
		if i := strings.Index(s, "://"); i >= 0 && i < at {
			return s[:i+3] + "…" + s[at:]
		}
		return "…" + s[at:]
	}
	return s
}
