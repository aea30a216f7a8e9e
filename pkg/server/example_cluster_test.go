package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
)

// example is a cluster of two pods in one process, with Socket.IO clients.
type example struct {
	pods    [2]*server.Server
	web     [2]*httptest.Server
	clients []*websocket.Conn
}

func newExample(register func(pod int, s *server.Server)) *example {
	x := &example{}
	hub := cluster.NewHub()
	for i := range x.pods {
		s, err := server.New(server.Options{Backplane: hub.Backplane(), Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			panic(err)
		}
		register(i, s)
		if err := s.Start(context.Background()); err != nil {
			panic(err)
		}
		x.pods[i], x.web[i] = s, httptest.NewServer(s)
	}
	return x
}

// client connects to a pod; it prints the events that it gets, and acknowledges
// those that ask for it with its name.
func (x *example) client(pod int, name string) {
	url := "ws" + strings.TrimPrefix(x.web[pod].URL, "http") + "/socket.io/?EIO=4&transport=websocket"
	c, _, err := websocket.DefaultDialer.Dial(url, nil)
	if err != nil {
		panic(err)
	}
	_, _, _ = c.ReadMessage() // Engine.IO's OPEN
	_ = c.WriteMessage(websocket.TextMessage, []byte("40"))
	_, _, _ = c.ReadMessage() // CONNECT
	x.clients = append(x.clients, c)
	go func() {
		for {
			_, m, err := c.ReadMessage()
			if err != nil {
				return
			}
			id, event, ok := strings.Cut(strings.TrimPrefix(string(m), "42"), "[")
			switch {
			case ok && id != "":
				_ = c.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, "43%s[%q]", id, name))
			case ok:
				fmt.Printf("%s got [%s\n", name, event)
			}
		}
	}()
}

func (x *example) close() {
	for i, s := range x.pods {
		_ = s.Shutdown(context.Background())
		x.web[i].Close()
	}
	for _, c := range x.clients {
		_ = c.Close()
	}
}

// EmitAck asks the clients of all pods and waits for their answers.
func ExampleEmitter_EmitAck() {
	x := newExample(func(_ int, s *server.Server) {
		s.Of("/").OnConnect(func(_ context.Context, c *server.Conn) error { return c.Join("players") })
	})
	defer x.close()
	x.client(0, "ann")
	x.client(1, "bob")

	replies, err := x.pods[0].Of("/").To("players").Timeout(10*time.Second).EmitAck(context.Background(), "ready?")
	for _, r := range replies {
		fmt.Printf("%s is ready\n", r.Args)
	}
	if missing, ok := errors.AsType[*server.AckError](err); ok {
		fmt.Printf("%d of %d are not\n", missing.Asked-missing.Answered, missing.Asked)
	}
	// Unordered output:
	// "ann" is ready
	// "bob" is ready
}

// FetchSockets tells of the connections of all pods, and moves them.
func ExampleEmitter_FetchSockets() {
	x := newExample(func(pod int, s *server.Server) {
		s.Of("/").OnConnect(func(_ context.Context, c *server.Conn) error {
			_ = c.SetData(map[string]int{"table": pod + 1})
			return c.Join("lobby")
		})
	})
	defer x.close()
	x.client(0, "ann")
	x.client(1, "bob")

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	sockets, err := x.pods[0].Of("/").To("lobby").FetchSockets(ctx)
	if errors.Is(err, cluster.ErrPartial) {
		fmt.Println("not all pods have answered")
	}
	for _, s := range sockets {
		var data struct{ Table int }
		_ = json.Unmarshal(s.Data, &data)
		s.Join(fmt.Sprint("table ", data.Table))
		fmt.Printf("%v %s\n", s.Rooms[1:], s.Data)
	}
	// Unordered output:
	// [lobby] {"table":1}
	// [lobby] {"table":2}
}

// SocketsJoin moves connections of all pods at once; what is sent to the room
// afterwards reaches them.
func ExampleEmitter_SocketsJoin() {
	got := make(chan string, 2)
	x := newExample(func(_ int, s *server.Server) {
		n := s.Of("/").OnJoin(func(_ *server.Conn, room string) { got <- room })
		n.OnConnect(func(_ context.Context, c *server.Conn) error { return c.SetData("guest") })
	})
	defer x.close()
	x.client(0, "ann")
	x.client(1, "bob")

	n := x.pods[1].Of("/")
	n.SocketsJoin("guests")
	fmt.Println(<-got, <-got)
	rooms, _ := n.AllRooms(context.Background())
	fmt.Println(len(rooms), "rooms: one, and one for each connection's id")
	// Output:
	// guests guests
	// 3 rooms: one, and one for each connection's id
}

// ServerSideEmitAck asks the other pods themselves.
func ExampleNamespace_ServerSideEmitAck() {
	x := newExample(func(pod int, s *server.Server) {
		n := s.Of("/")
		n.OnServerSideEmit("load", func(context.Context, *server.ServerSideEvent) (server.Reply, error) {
			return server.Reply{Args: fmt.Appendf(nil, `{"pod":%d,"clients":%d}`, pod, n.Conns())}, nil
		})
	})
	defer x.close()
	x.client(1, "bob")

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	replies, err := x.pods[0].Of("/").ServerSideEmitAck(ctx, "load")
	for _, r := range replies {
		fmt.Printf("%s %v\n", r.Args, err)
	}
	servers, _ := x.pods[0].Of("/").Servers(ctx)
	fmt.Println(servers, "servers")
	// Output:
	// {"pod":1,"clients":1} <nil>
	// 2 servers
}
