package interop_test

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/internal/rttest"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster/redis"
)

// garbage is what no server sends: the adapters of npm end their process at some
// of it, which is why no Node server takes part.
func garbage() map[string]string {
	noise := make([]byte, 100_000)
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(noise)
	return map[string]string{
		"empty":                     "",
		"one byte":                  "\x93",
		"a truncated broadcast":     "\x93\xa6abcdef\x83\xa4type\x02\xa4data\x92\xa2ev",
		"a string":                  "\xa5hello",
		"numbers for what is none":  "\x93\x01\x02\x03",
		"null for what is none":     "\x93\xa6abcdef\xc0\xc0",
		"a huge array":              "\xdd\xff\xff\xff\xff",
		"a huge map":                "\xdf\xff\xff\xff\xff\xa4type",
		"a huge string":             "\xdb\xff\xff\xff\xffab",
		"a huge binary":             "\x93\xa6abcdef\xc6\xff\xff\xff\xff",
		"deep arrays":               strings.Repeat("\x91", 100_000),
		"deep JSON":                 strings.Repeat(`{"type":`, 20_000),
		"noise":                     string(noise),
		"JSON cut off":              `{"type":3,"data":{"packet"`,
		"an empty object":           `{}`,
		"an unknown type":           `{"uid":"other","nsp":"/","type":99,"requestId":"abcdef","data":{}}`,
		"a type that is text":       `{"uid":"other","nsp":"/","type":"five","requestId":"abcdef"}`,
		"a negative type":           `{"uid":"other","nsp":"/","type":-1}`,
		"a request without options": `{"uid":"other","requestId":"abcdef","type":5}`,
		"a request of wrong types":  `{"uid":7,"requestId":[],"type":5,"opts":{"rooms":"r1","except":9}}`,
		"a join of wrong types":     `{"uid":"other","type":2,"opts":{"rooms":[{}],"except":null},"rooms":[[]]}`,
		"a message without data":    `{"uid":"other","nsp":"/","type":3}`,
		"data of wrong types":       `{"uid":"other","nsp":"/","type":3,"data":{"packet":{"type":2,"data":"ev"},"opts":[]}}`,
		"an answer to nothing":      `{"uid":"other","nsp":"/","type":8,"data":{"requestId":"0123456789abcdef","sockets":[{}]}}`,
		"a server-side emit of nil": `{"uid":"other","nsp":"/","type":9,"data":{"packet":[null]}}`,
		"wrong UTF-8":               "{\"uid\":\"\xff\xfe\",\"nsp\":\"/\",\"type\":3,\"data\":{}}",
		"__proto__":                 `{"uid":"other","nsp":"/","type":4,"data":{"opts":{"rooms":["__proto__"],"except":[],"flags":{"__proto__":1}},"rooms":["__proto__"]},"__proto__":{}}`,
	}
}

// TestGarbage sends nonsense to every place that two pods listen at, amid their
// own traffic: they lose none of it, and still answer each other.
func TestGarbage(t *testing.T) {
	t.Parallel()
	for _, a := range adapters {
		if a.nest || a.cluster {
			continue
		}
		t.Run(a.id(), func(t *testing.T) {
			t.Parallel()
			url := rttest.Redis(t)
			f := &fleet{adapter: a}
			receiver := pod(t, a, url, "rtk-b", nil)
			f.stations = []*station{{name: "rtk-a", kind: rtk, url: pod(t, a, url, "rtk-a", nil).url}, {name: "rtk-b", kind: rtk, url: receiver.url}}
			v := f.connect(t, "/")
			from, to := v.sides[0], v.sides[1].members["in r1"]
			publish := commandLine(t, strings.TrimPrefix(url, "redis://"))
			for name, text := range garbage() {
				for _, line := range places(a, text) {
					publish(line...)
				}
				mark := v.mark()
				from.sender.do(t, command{Op: "emit", Event: "ev", To: []string{"r1"}}, `"amid"`)
				from.sender.do(t, command{Op: "emit", Event: mark}, "")
				if got := to.until(t, mark); len(got) != 1 {
					t.Errorf("after %s: got %v, want one event", name, got)
				}
			}
			if got, want := len(fetched(t, from.sender.do(t, command{Op: "fetchSockets"}, ""))), len(v.peers()); got != want {
				t.Errorf("%d sockets, want %d", got, want)
			}
			// Some of it looks like another adapter's, which a pod warns of.
			if s := receiver.backplane.Status(); s.Ignored == 0 || s.Degraded && !strings.Contains(s.Reason, "another adapter") {
				t.Errorf("status %+v, want what was ignored counted, and no harm", s)
			}
		})
	}
}

// places are the commands that bring text to every place of an adapter.
func places(a *adapter, text string) (lines [][]string) {
	publish := "PUBLISH"
	if a.options.Adapter == redis.Sharded || a.options.StreamSharded {
		publish = "SPUBLISH"
	}
	for _, channel := range []string{
		"socket.io#/#", "socket.io#/#r1#", "socket.io-request#/#", "socket.io-response#/#", "socket.io#/chat#",
	} {
		lines = append(lines, []string{publish, channel, text})
	}
	if a.options.Adapter == redis.Streams {
		lines = append(lines,
			[]string{"XADD", "socket.io", "*", "uid", "other", "nsp", "/", "type", "3", "data", text},
			[]string{"XADD", "socket.io", "*", "uid", "other", "nsp", "/", "type", text, "data", "{}"},
			[]string{"XADD", "socket.io", "*", text, "nsp"},
		)
	}
	return lines
}

// commandLine returns what sends commands to a Redis and waits for its answer.
func commandLine(t *testing.T, addr string) func(words ...string) {
	t.Helper()
	conn, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	answers := bufio.NewReader(conn)
	return func(words ...string) {
		t.Helper()
		var b bytes.Buffer
		fmt.Fprintf(&b, "*%d\r\n", len(words))
		for _, w := range words {
			fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(w), w)
		}
		_ = conn.SetDeadline(time.Now().Add(patience))
		if _, err := conn.Write(b.Bytes()); err != nil {
			t.Fatal(err)
		}
		line, err := answers.ReadString('\n')
		if err == nil && line[0] == '$' { // XADD tells an id
			line, err = answers.ReadString('\n')
		}
		if err != nil || line[0] == '-' {
			t.Fatalf("%s: %s%v", words[0], line, err)
		}
	}
}
