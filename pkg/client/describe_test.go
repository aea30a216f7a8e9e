package client_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"

	"github.com/realtime-toolkit/rtk/pkg/client"
	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// noting is a server of every protocol that notes what reaches it in the form
// of client.Described.
type noting struct {
	t     *testing.T
	mu    sync.Mutex
	heard []client.Described
	got   chan struct{}
}

// transportHeaders belong to the connection, not to what the client says.
var transportHeaders = []string{"Connection", "Upgrade", "Sec-Websocket-Key", "Sec-Websocket-Version", "Accept-Encoding", "Content-Length", "Sec-Websocket-Extensions"}

func (n *noting) note(d client.Described) {
	n.mu.Lock()
	n.heard = append(n.heard, d)
	n.mu.Unlock()
	n.got <- struct{}{}
}

func (n *noting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	d := client.Described{Request: r.Method + " " + r.URL.RequestURI(), Body: string(body)}
	for name, values := range r.Header {
		if !slices.Contains(transportHeaders, name) {
			d.Header = append(d.Header, name+": "+values[0])
		}
	}
	slices.Sort(d.Header)
	n.note(d)
	switch {
	case websocket.IsWebSocketUpgrade(r):
		up := websocket.Upgrader{}
		c, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer c.Close()
		sio := strings.HasPrefix(r.URL.Path, "/socket.io/")
		if sio {
			_ = c.WriteMessage(websocket.TextMessage, []byte(`0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`))
		}
		for {
			_, frame, err := c.ReadMessage()
			if err != nil || string(frame) == "41/chat," || string(frame) == "1" {
				return
			}
			n.note(client.Described{Body: string(frame)})
			if sio && strings.HasPrefix(string(frame), "40/chat,") {
				_ = c.WriteMessage(websocket.TextMessage, []byte(`40/chat,{"sid":"x"}`))
			}
		}
	case r.Header.Get("Accept") == "text/event-stream":
		w.Header().Set("Content-Type", "text/event-stream")
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}
}

type silent struct{}

func (silent) OnMessage(*rt.Message) {}
func (silent) OnClose(rt.CloseInfo)  {}

// What Describe says is what a server hears.
func TestDescribeIsWhatIsWritten(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, path string
		target     rt.Target
	}{
		{"Socket.IO", "/", rt.Target{Protocol: rt.SocketIO, Namespace: "/chat"}},
		{"Nest frames", "/ws?a=b", rt.Target{Protocol: rt.WebSocket, Framing: rt.FramingNest}},
		{"raw frames", "/ws", rt.Target{Protocol: rt.WebSocket, Framing: rt.FramingRaw}},
		{"SSE", "/events?topic=x", rt.Target{Protocol: rt.SSE}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n := &noting{t: t, got: make(chan struct{}, 100)}
			s := httptest.NewServer(n)
			defer s.Close()
			d := client.New(client.Options{UserAgent: "rtk/test"})
			defer d.Close()
			parsed, err := rt.ParseTarget(s.URL + tt.path)
			if err != nil {
				t.Fatal(err)
			}
			tt.target.URL = parsed.URL
			r := &rt.DialRequest{Target: tt.target, Header: http.Header{"X-Tenant": {"acme"}}, Query: [][2]string{{"token", "a b"}}, Auth: []byte(`{"token":"t"}`)}
			messages := []*rt.Outgoing{{Event: "say", Body: []byte(`{"text":"hi"}`), AckID: rt.NoAck}}
			if tt.target.Protocol == rt.SocketIO {
				messages = append(messages, &rt.Outgoing{Event: "join", Body: []byte(`"lobby",1`), AckID: 0})
			}
			if tt.target.Protocol == rt.SSE {
				r.LastEventID, messages = "42", nil
			}
			c, err := d.Dial(t.Context(), r, silent{})
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range messages {
				if err := c.Send(t.Context(), m); err != nil {
					t.Fatal(err)
				}
			}
			handshake, sends := d.Describe(r, messages)
			want := append(handshake, sends...)
			for range want {
				select {
				case <-n.got:
				case <-time.After(20 * time.Second):
					t.Fatalf("the server heard only %+v", n.heard)
				}
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
			n.mu.Lock()
			defer n.mu.Unlock()
			if diff := cmp.Diff(want, n.heard); diff != "" {
				t.Errorf("described (-) and heard (+):\n%s", diff)
			}
		})
	}
}

func TestDescribePollingAndRequests(t *testing.T) {
	t.Parallel()
	d := client.New(client.Options{UserAgent: "rtk/test"})
	defer d.Close()
	parsed, err := rt.ParseTarget("http://user:pw@h:1/")
	if err != nil {
		t.Fatal(err)
	}
	parsed.Protocol, parsed.Transports = rt.SocketIO, []rt.Transport{rt.TransportPolling}
	handshake, sends := d.Describe(&rt.DialRequest{Target: parsed}, []*rt.Outgoing{{Event: "x", AckID: rt.NoAck}})
	want := []client.Described{
		{Request: "GET /socket.io/?EIO=4&transport=polling", Header: []string{"Authorization: Basic dXNlcjpwdw==", "User-Agent: rtk/test"}},
		{Request: "POST /socket.io/?EIO=4&transport=polling&sid=SID", Body: "40"},
		{Request: "POST /socket.io/?EIO=4&transport=polling&sid=SID", Body: `42["x"]`},
	}
	if diff := cmp.Diff(want, append(handshake, sends...)); diff != "" {
		t.Error(diff)
	}
	got, err := d.DescribeRequest(&rt.Request{Method: "POST", URL: "http://h/p?a=b", Header: http.Header{"X-A": {"b"}}, Body: []byte(`{}`)})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(client.Described{Request: "POST /p?a=b", Header: []string{"User-Agent: rtk/test", "X-A: b"}, Body: "{}"}, got); diff != "" {
		t.Error(diff)
	}
	if _, err := d.DescribeRequest(&rt.Request{URL: "http://h\x7f"}); rt.KindOf(err) != rt.KindUsage {
		t.Errorf("got %v", err)
	}
}
