package client

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/realtime-toolkit/rtk/pkg/rt"
	"github.com/realtime-toolkit/rtk/pkg/wire/engineio"
	"github.com/realtime-toolkit/rtk/pkg/wire/socketio"
)

// Described is one thing that a client writes: an HTTP request, or the text of
// a WebSocket frame.
type Described struct {
	Request string   // "GET /socket.io/?EIO=4&transport=websocket", "" for a frame
	Header  []string // of the request, without what belongs to its transport (Host, Connection, keys)
	Body    string   // of the request, or the frame
}

// Describe tells what Dial writes for r and what Send writes for messages on
// that connection, without connecting. Binary attachments are left out.
func (d *Dialer) Describe(r *rt.DialRequest, messages []*rt.Outgoing) (handshake, sends []Described) {
	switch r.Target.Protocol {
	case rt.SocketIO:
		return d.describeSocketIO(r, messages)
	case rt.SSE:
		req := d.sseRequest(context.Background(), r, requestURL(r, nil))
		return []Described{described(req.Method, req.URL, req.Header, nil)}, nil
	case rt.WebSocket:
		u := requestURL(r, nil)
		for _, m := range messages {
			frame := m.Body
			if r.Target.Framing != rt.FramingRaw {
				frame = appendNest(nil, m)
			}
			sends = append(sends, Described{Body: string(frame)})
		}
		return []Described{d.upgradeRequest(r, u)}, sends
	}
	return nil, nil
}

// DescribeRequest tells what Request writes for r.
func (d *Dialer) DescribeRequest(r *rt.Request) (Described, error) {
	u, err := url.Parse(r.URL)
	if err != nil {
		return Described{}, &rt.Error{Op: "request", Kind: rt.KindUsage, Err: err}
	}
	req := d.newRequest(context.Background(), r.Method, u, r.Header, r.Body)
	return described(req.Method, req.URL, req.Header, r.Body), nil
}

func (d *Dialer) upgradeRequest(r *rt.DialRequest, u *url.URL) Described {
	return described(http.MethodGet, u, d.header(u, r.Header), nil)
}

func (d *Dialer) describeSocketIO(r *rt.DialRequest, messages []*rt.Outgoing) (handshake, sends []Described) {
	c := &sioConn{ns: r.Target.Namespace}
	if c.ns == "" {
		c.ns = "/"
	}
	join := socketio.AppendConnect([]byte{byte(engineio.Message)}, c.ns, r.Auth)
	polling := len(r.Target.Transports) > 0 && r.Target.Transports[0] == rt.TransportPolling
	carry := func(packet []byte) Described { return Described{Body: string(packet)} }
	if polling {
		u := sioURL(r, rt.TransportPolling, "")
		req := d.newRequest(context.Background(), http.MethodGet, u, r.Header, nil)
		handshake = []Described{described(http.MethodGet, req.URL, req.Header, nil)}
		post := sioURL(r, rt.TransportPolling, "SID")
		carry = func(packet []byte) Described {
			return Described{Request: "POST " + post.RequestURI(), Body: string(packet)}
		}
	} else {
		handshake = []Described{d.upgradeRequest(r, sioURL(r, rt.TransportWebSocket, ""))}
	}
	handshake = append(handshake, carry(join))
	for _, m := range messages {
		sends = append(sends, carry(c.appendPacket(nil, m)))
	}
	return handshake, sends
}

func described(method string, u *url.URL, header http.Header, body []byte) Described {
	out := Described{Request: method + " " + u.RequestURI(), Body: string(bytes.Clone(body))}
	for name, values := range header {
		for _, v := range values {
			out.Header = append(out.Header, name+": "+v)
		}
	}
	slices.SortFunc(out.Header, strings.Compare)
	return out
}
