package rt_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

func TestParseTarget(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, in string
		url      string
		protocol rt.Protocol
	}{
		{"plain http is to be asked", "http://h:3000", "http://h:3000", ""},
		{"socket.io path", "https://h/socket.io/", "https://h/socket.io/", rt.SocketIO},
		{"sio scheme", "sio+http://h:1", "http://h:1", rt.SocketIO},
		{"socketio scheme, upper case", "SocketIO+HTTPS://h", "https://h", rt.SocketIO},
		{"ws", "ws://h/ws", "http://h/ws", rt.WebSocket},
		{"wss", "wss://h/ws?a=b", "https://h/ws?a=b", rt.WebSocket},
		{"ws to a socket.io path", "wss://h/socket.io/", "https://h/socket.io/", rt.SocketIO},
		{"sse", "sse+http://h/events?topic=x", "http://h/events?topic=x", rt.SSE},
		{"port only", ":3000/chat", "http://localhost:3000/chat", ""},
		{"host and port", "h:3000", "http://h:3000", ""},
		{"IPv6", "http://[::1]:3000", "http://[::1]:3000", ""},
		{"spaces around", "  http://h  ", "http://h", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := rt.ParseTarget(tc.in)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff([]string{tc.url, string(tc.protocol)}, []string{got.URL.String(), string(got.Protocol)}); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
}

func TestParseTargetErrors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, in, want string }{
		{"empty", " ", "empty target"},
		{"scheme", "gopher://h", `unknown scheme "gopher"`},
		{"protocol", "mqtt+http://h", `unknown protocol "mqtt"`},
		{"no host", "http://", "no host"},
		{"port only of nothing", "http://:3000", "no host"},
		{"no URL", "http://a b", "not a URL"},
		{"empty port", "http://h:", "no port after the colon"},
		{"empty port before a path", "ws://h:/chat", "no port after the colon"},
		{"empty port of IPv6", "http://[::1]:", "no port after the colon"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := rt.ParseTarget(tc.in)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("error %v, want %q", err, tc.want)
			}
			if rt.KindOf(err) != rt.KindUsage {
				t.Errorf("kind %v, want usage", rt.KindOf(err))
			}
		})
	}
}

func TestTargetHidesSecrets(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	target, err := rt.ParseTarget("https://ana:" + secret + "@h/p?token=" + secret)
	if err != nil {
		t.Fatal(err)
	}
	if s := target.String(); s != "https://h/p" {
		t.Errorf("String = %q", s)
	}
	for _, bad := range []string{"ftp://ana:" + secret + "@h/", "x+http://h?token=" + secret, "ana:" + secret + "@ h"} {
		if _, err := rt.ParseTarget(bad); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("ParseTarget: error %v", err)
		}
	}
}

func FuzzParseTarget(f *testing.F) {
	for _, s := range []string{"http://h", ":3000", "sse+https://h/e?topic=a", "ws://[::1]:1/ws", "a@b://c", "://", "http://%zz", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		target, err := rt.ParseTarget(s)
		if err != nil {
			if rt.KindOf(err) != rt.KindUsage {
				t.Errorf("kind %v", rt.KindOf(err))
			}
			return
		}
		if target.URL.Hostname() == "" {
			t.Error("a target without a host")
		}
		if scheme := target.URL.Scheme; scheme != "http" && scheme != "https" {
			t.Errorf("scheme %q", scheme)
		}
	})
}
