package redisconn

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]Target{
		"redis://h":                         {Addrs: []string{"h:6379"}},
		"redis://user:p%40ss@h:1/2":         {Addrs: []string{"h:1"}, Username: "user", Password: "p@ss", DB: 2},
		"valkey://[::1]":                    {Addrs: []string{"[::1]:6379"}},
		"redis://[::1]:7/":                  {Addrs: []string{"[::1]:7"}},
		"redis+sentinel://a,b:1,[::1]/main": {Kind: Sentinel, Addrs: []string{"a:26379", "b:1", "[::1]:26379"}, Master: "main"},
		"redis+sentinel://:pw@a/main/3":     {Kind: Sentinel, Addrs: []string{"a:26379"}, Master: "main", Password: "pw", DB: 3},
		"redis+cluster://u:p@a:1,b:2":       {Kind: Cluster, Addrs: []string{"a:1", "b:2"}, Username: "u", Password: "p"},
		"redis+cluster://a/0":               {Kind: Cluster, Addrs: []string{"a:6379"}},
		"redis+sentinel://a/m?sentinel-user=s&sentinel-password=%26": {
			Kind: Sentinel, Addrs: []string{"a:26379"}, Master: "m", SentinelUsername: "s", SentinelPassword: "&",
		},
	} {
		got, err := Parse(url, nil)
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		if diff := cmp.Diff(&want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", url, diff)
		}
	}
}

func TestParseTLS(t *testing.T) {
	t.Parallel()
	config := &tls.Config{MinVersion: tls.VersionTLS13}
	for url, kind := range map[string]Kind{"rediss://h": Single, "rediss+cluster://h,i": Cluster, "valkeys+sentinel://h,i/m": Sentinel} {
		got, err := Parse(url, config)
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		if c := got.tlsFor("i:1"); got.Kind != kind || c == nil || c.ServerName != "i" || c.MinVersion != tls.VersionTLS13 {
			t.Errorf("%s: kind %d, TLS %+v", url, got.Kind, c)
		}
	}
	if config.ServerName != "" {
		t.Error("the caller's configuration was changed")
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"":                                       "scheme",
		"s3cret":                                 "scheme",
		"http://s3cret@h":                        "scheme",
		"redis+other://s3cret@h":                 "scheme",
		"redis://:s3cret@":                       "host",
		"redis://user:s3cret":                    "port",
		"redis://a:s3cret%zz@h":                  "parsed",
		"redis://h:70000":                        "port",
		"redis://::1":                            "port",
		"redis://h,i":                            "several",
		"redis://h/s3cret":                       "database",
		"redis://h/-1":                           "database",
		"redis://h?db=s3cret":                    "parameter",
		"redis://h#s3cret":                       "parsed",
		"redis+sentinel://h":                     "master",
		"redis+sentinel://h/":                    "master",
		"redis+sentinel://h/m/x":                 "database",
		"redis+sentinel://h,/m":                  "host",
		"redis+cluster://h/1":                    "database",
		"redis+cluster://h?sentinel-user=s3cret": "parameter",
	} {
		_, err := Parse(url, nil)
		if !errors.Is(err, ErrURL) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: err = %v, want ErrURL about %q", url, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("error tells the password: %v", err)
		}
	}
}

// TestSlot holds against what CLUSTER KEYSLOT says.
func TestSlot(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]int{
		"123456789":            12739,
		"socket.io#/#":         13868,
		"socket.io#/#r1#":      8259,
		"socket.io#/chat#":     2409,
		"{user1000}.following": 3443,
		"foo{}{bar}":           8363,
		"foo{{bar}}zap":        4015,
		"":                     0,
	} {
		if got := Slot(key); got != want {
			t.Errorf("Slot(%q) = %d, want %d", key, got, want)
		}
	}
}

func TestParseSlots(t *testing.T) {
	t.Parallel()
	node := func(host any, port int64) []any { return []any{host, port, "id", []any{}} }
	m, ok := parseSlots([]any{
		[]any{int64(0), int64(5460), node("10.0.0.1", 1), node("10.0.0.9", 9)},
		[]any{int64(5461), int64(10922), node("", 2)},
		[]any{int64(10924), int64(16383), node(nil, 3)},
	}, "10.0.0.7:6379")
	if !ok {
		t.Fatal("not understood")
	}
	if diff := cmp.Diff([]string{"10.0.0.1:1", "10.0.0.7:2", "10.0.0.7:3"}, m.Nodes); diff != "" {
		t.Errorf("nodes (-want +got):\n%s", diff)
	}
	for slot, want := range map[int]string{0: "10.0.0.1:1", 5460: "10.0.0.1:1", 5461: "10.0.0.7:2", 10923: "", 16383: "10.0.0.7:3"} {
		if got := m.Node(slot); got != want {
			t.Errorf("slot %d is at %q, want %q", slot, got, want)
		}
	}
	for _, bad := range []any{nil, "x", []any{}, []any{"x"}, []any{[]any{int64(0), int64(99999), node("h", 1)}}, []any{[]any{int64(0), int64(1), []any{"h"}}}} {
		if _, ok := parseSlots(bad, "h:1"); ok {
			t.Errorf("%v was taken", bad)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	for _, s := range []string{"+OK\r\n", "-NOAUTH x\r\n", ":12\r\n", "$3\r\nabc\r\n", "$-1\r\n", "*2\r\n$1\r\na\r\n*1\r\n:1\r\n", "*99999999\r\n", "$999999999\r\n", "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		client, server := net.Pipe()
		defer client.Close()
		go func() {
			buf := make([]byte, 1024)
			_, _ = server.Read(buf)
			_, _ = server.Write(b)
			_ = server.Close()
		}()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		v, err := call(ctx, client, "PING")
		if err != nil && v != nil {
			t.Errorf("both %v and %v", v, err)
		}
	})
}
