package server_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"

	"github.com/gorilla/websocket"

	"github.com/realtime-toolkit/rtk/pkg/server"
)

type post struct {
	Room string `json:"room"`
	Text string `json:"text"`
}

// A chat gateway: typed handlers, rooms, and one namespace for Socket.IO and
// plain WebSocket clients.
func Example() {
	s, err := server.New(server.Options{WSNamespace: "/chat", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		fmt.Println(err)
		return
	}
	chat := s.Of("/chat")
	server.Handle(chat, "join", func(_ context.Context, c *server.Conn, room string) (server.NoAck, error) {
		return server.NoAck{}, c.Join(room)
	})
	server.Handle(chat, "message", func(_ context.Context, c *server.Conn, p post) (map[string]bool, error) {
		if !c.InRoom(p.Room) {
			return nil, server.Errorf("not_a_member", "join %s first", p.Room)
		}
		return map[string]bool{"ok": true}, chat.To(p.Room).Emit("message", p)
	})
	if err := s.Start(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	defer s.Shutdown(context.Background())
	web := httptest.NewServer(s)
	defer web.Close()

	c, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(web.URL, "http")+"/ws", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	for _, frame := range []string{
		`{"event":"message","id":1,"data":{"room":"go","text":"too early"}}`,
		`{"event":"join","data":"go"}`,
		`{"event":"message","id":2,"data":{"room":"go","text":"hello"}}`,
	} {
		_ = c.WriteMessage(websocket.TextMessage, []byte(frame))
	}
	for range 3 {
		_, m, _ := c.ReadMessage()
		fmt.Printf("%s\n", m)
	}
	// Output:
	// {"event":"ack","id":1,"data":{"ok":false,"error":{"code":"not_a_member","message":"join go first"}}}
	// {"event":"message","data":{"room":"go","text":"hello"}}
	// {"event":"ack","id":2,"data":{"ok":true}}
}
