package e2e

import (
	"encoding/json"
	"syscall"
	"testing"
	"time"

	"github.com/realtime-toolkit/rtk/internal/rttest"
)

// moved is what sio-move.js found.
type moved struct {
	Texts []int
	Sent  int
	Moves []struct{ Recovered, SameID bool }
}

// move runs sio-move.js; at is called when the client waits for its connection to
// be lost for the nth time.
func move(t *testing.T, at func(n int), args ...string) (m moved) {
	t.Helper()
	p := rttest.Node(t, "sio-move.js", args...)
	for {
		line := p.Line(t, 60*time.Second)
		var o struct {
			moved
			Move   int
			Failed string
			Done   bool
		}
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatalf("sio-move.js said %q", line)
		}
		switch {
		case o.Failed != "":
			t.Fatalf("sio-move.js: %s", o.Failed)
		case o.Move > 0:
			at(o.Move)
		case o.Done:
			return m
		default:
			m = o.moved
		}
	}
}

// check wants every text once, in order, and each move recovered.
func (m moved) check(t *testing.T, moves int) {
	t.Helper()
	for i, n := range m.Texts {
		if n != i {
			t.Errorf("text %d is %d: it was lost, repeated or out of order", i, n)
			break
		}
	}
	if len(m.Texts) != m.Sent || m.Sent == 0 {
		t.Errorf("%d of %d texts arrived", len(m.Texts), m.Sent)
	}
	if len(m.Moves) != moves {
		t.Errorf("%d moves, want %d", len(m.Moves), moves)
	}
	for i, v := range m.Moves {
		if !v.Recovered || !v.SameID {
			t.Errorf("move %d: %+v, want the session again", i+1, v)
		}
	}
}

func streamsPod(t *testing.T, redis string) *rttest.Gateway {
	t.Helper()
	return rttest.Serve(t, rttest.Binary(t, true), nil, "--service", "chat", "--recovery", "1m", "--redis", redis, "--redis-adapter", "streams")
}

// TestRecoveryAfterKill kills the pod of a client under load, twice: on the next
// pod it goes on with its session and misses nothing.
func TestRecoveryAfterKill(t *testing.T) {
	t.Parallel()
	redis := rttest.Redis(t)
	var pods []*rttest.Gateway
	for range 3 {
		pods = append(pods, streamsPod(t, redis))
	}
	m := move(t, func(n int) { _ = pods[n-1].Signal(syscall.SIGKILL) }, "kill", pods[2].URL, pods[0].URL, pods[1].URL, pods[2].URL)
	m.check(t, 2)
}

// TestRecoveryOnAnotherPod cuts the connection and leaves the pod alive, which may
// not have noticed when the client is on the next one.
func TestRecoveryOnAnotherPod(t *testing.T) {
	t.Parallel()
	redis := rttest.Redis(t)
	a, b := streamsPod(t, redis), streamsPod(t, redis)
	for _, mode := range []string{"cut", "polling"} {
		t.Run(mode, func(t *testing.T) {
			m := move(t, nil, mode, a.URL, a.URL, b.URL, a.URL, b.URL)
			m.check(t, 3)
		})
	}
}

// TestRecoveryOnNode moves the client between rtk and a Node server on the same
// stream, with the sender on either.
func TestRecoveryOnNode(t *testing.T) {
	t.Parallel()
	redis := rttest.Redis(t)
	pod := streamsPod(t, redis)
	node := rttest.Node(t, "streams-server.js", redis)
	var server struct{ URL string }
	if err := json.Unmarshal([]byte(node.Line(t, 20*time.Second)), &server); err != nil {
		t.Fatal(err)
	}
	for name, sender := range map[string]string{"sender on rtk": pod.URL, "sender on Node": server.URL} {
		t.Run(name, func(t *testing.T) {
			m := move(t, nil, "calm", sender, pod.URL, server.URL, pod.URL)
			m.check(t, 2)
		})
	}
}
