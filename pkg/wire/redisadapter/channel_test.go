package redisadapter_test

import (
	"errors"
	"testing"

	"github.com/realtime-toolkit/rtk/pkg/wire/redisadapter"
)

func TestChannels(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ got, want string }{
		{redisadapter.BroadcastChannel("socket.io", "/", ""), "socket.io#/#"},
		{redisadapter.BroadcastChannel("socket.io", "/", "r1"), "socket.io#/#r1#"},
		{redisadapter.BroadcastChannel("key", "/chat", "a#b"), "key#/chat#a#b#"},
		{redisadapter.BroadcastPattern("socket.io", "/"), "socket.io#/#*"},
		{redisadapter.RequestChannel("socket.io", "/"), "socket.io-request#/#"},
		{redisadapter.ResponseChannel("socket.io", "/", ""), "socket.io-response#/#"},
		{redisadapter.ResponseChannel("socket.io", "/", "-8-bLw"), "socket.io-response#/#-8-bLw#"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}

func TestRoom(t *testing.T) {
	t.Parallel()
	tests := []struct {
		channel string
		ns      string
		room    string
		all, ok bool
	}{
		{"socket.io#/#", "/", "", true, true},
		{"socket.io#/#r1#", "/", "r1", false, true},
		{"socket.io#/#a#b#", "/", "a#b", false, true},
		{"socket.io#/#42#", "/", "42", false, true},
		{"socket.io#/chat#r#", "/chat", "r", false, true},
		{"socket.io#/##", "/", "", true, true},
		{"socket.io#/#r1", "/", "r1", false, false},
		{"socket.io#/chat#", "/", "", false, false},
		{"socket.io#/", "/", "", false, false},
		{"socket.io2#/#", "/", "", false, false},
		{"socket.io-request#/#", "/", "", false, false},
		{"", "/", "", false, false},
	}
	for _, tt := range tests {
		room, all, ok := redisadapter.Room(tt.channel, "socket.io", tt.ns)
		if room != tt.room || all != tt.all || ok != tt.ok {
			t.Errorf("Room(%q, %q) = %q, %v, %v; want %q, %v, %v", tt.channel, tt.ns, room, all, ok, tt.room, tt.all, tt.ok)
		}
	}
}

func TestCheckName(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"socket.io", "/", "/chat", "/a#b", "ключ"} {
		if err := redisadapter.CheckName(name); err != nil {
			t.Errorf("CheckName(%q) = %v", name, err)
		}
	}
	for _, name := range []string{"/*", "a?", "[a", "a]", `a\`} {
		if err := redisadapter.CheckName(name); !errors.Is(err, redisadapter.ErrGlob) {
			t.Errorf("CheckName(%q) = %v, want ErrGlob", name, err)
		}
	}
}
