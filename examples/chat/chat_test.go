package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// The rules are tested without a socket.
func TestRooms(t *testing.T) {
	t.Parallel()
	r := NewRooms()
	if _, err := r.Post("ana", "go", "  "); err == nil || err.Error() != "a message needs a text" {
		t.Errorf("an empty message: %v", err)
	}
	for range historyLength + 5 {
		if _, err := r.Post("ana", "go", "hi"); err != nil {
			t.Fatal(err)
		}
	}
	if last, err := r.Enter("go"); len(last) != historyLength || err != nil {
		t.Errorf("%d messages kept, %v; want %d", len(last), err, historyLength)
	}
}

// The whole program, over a socket.
func TestChat(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, l, slog.New(slog.DiscardHandler)) }()
	addr := l.Addr().String()

	ana, bob := connect(t, addr), connect(t, addr)
	for _, c := range []*websocket.Conn{ana, bob} {
		say(t, c, `{"event":"enter","id":1,"data":{"room":"go"}}`)
		hear(t, c, `{"event":"ack","id":1,"data":{"last":`)
	}
	say(t, ana, `{"event":"post","id":2,"data":{"room":"rust","text":"hi"}}`)
	hear(t, ana, `{"event":"ack","id":2,"data":{"ok":false,"error":{"code":"outside",`)
	say(t, ana, `{"event":"post","id":3,"data":{"room":"go","text":5}}`)
	hear(t, ana, `{"event":"ack","id":3,"data":{"ok":false,"error":{"code":"invalid_payload","message":"event \"post\": /text: got number, want string","pointer":"/text"}}}`)
	say(t, ana, `{"event":"post","id":4,"data":{"room":"go","text":"hello"}}`)
	hear(t, ana, `{"event":"ack","id":4,"data":{"ok":true}}`)
	hear(t, bob, `{"event":"posted","data":{"room":"go","from":"guest","text":"hello","at":"`)

	res, err := http.Get("http://" + addr + "/asyncapi")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("/asyncapi: %s", res.Status)
	}
	ana.Close()
	bob.Close()
	stop()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("run: %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Error("the program does not end")
	}
}

func connect(t *testing.T, addr string) *websocket.Conn {
	t.Helper()
	c, _, err := websocket.DefaultDialer.Dial("ws://"+addr+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func say(t *testing.T, c *websocket.Conn, frame string) {
	t.Helper()
	if err := c.WriteMessage(websocket.TextMessage, []byte(frame)); err != nil {
		t.Fatal(err)
	}
}

func hear(t *testing.T, c *websocket.Conn, want string) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, m, err := c.ReadMessage(); err != nil || !strings.HasPrefix(string(m), want) {
		t.Fatalf("got %s, %v; want %s", m, err, want)
	}
}

// A program that embeds the gateway links what it uses and no more.
func TestLinks(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, not := range []string{
		"github.com/spf13/", "charm.land/", "github.com/charmbracelet/", "github.com/redis/", "github.com/alicebob/",
		"github.com/prometheus/", "github.com/realtime-toolkit/rtk/pkg/loadgen", "github.com/realtime-toolkit/rtk/pkg/tui",
		"github.com/realtime-toolkit/rtk/pkg/server/cluster/redis", "github.com/realtime-toolkit/rtk/cmd/",
	} {
		for dep := range strings.FieldsSeq(string(out)) {
			if strings.HasPrefix(dep, not) {
				t.Errorf("links %s", dep)
			}
		}
	}
}
