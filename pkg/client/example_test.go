package client_test

import (
	"context"
	"fmt"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/client"
	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// printer prints the events of a connection.
type printer struct{}

func (printer) OnMessage(m *rt.Message) {
	if m.Kind == rt.KindEvent {
		fmt.Printf("%s %s\n", m.Event, m.Body) // m is valid during the call only
	}
}

func (printer) OnClose(i rt.CloseInfo) { fmt.Println("closed", i.Reason) }

func ExampleDialer_Dial() {
	target, err := rt.ParseTarget("http://127.0.0.1:3000/socket.io/")
	if err != nil {
		return
	}
	target.Namespace = "/chat"

	d := client.New(client.Options{})
	defer d.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	c, err := d.Dial(ctx, &rt.DialRequest{Target: target, Auth: []byte(`{"token":"…"}`)}, printer{})
	if err != nil {
		fmt.Println("not connected:", rt.KindOf(err))
		if c != nil {
			_ = c.Close() // the server refused the namespace in an open connection
		}
		return
	}
	defer c.Close()
	_ = c.Send(ctx, &rt.Outgoing{Event: "join", Body: []byte(`{"room":"lobby"}`), AckID: 0})
}
