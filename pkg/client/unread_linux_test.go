package client

import (
	"net"
	"testing"
	"time"
)

func TestUnreadCountsWhatWaitsInTheKernel(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ours, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	theirs, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	link := newLink(New(Options{}), ours, ours)
	if waiting, room, ok := link.unread(); waiting != 0 || room <= 0 || !ok {
		t.Errorf("unread = %d of %d, %v; want none", waiting, room, ok)
	}
	if _, err := theirs.Write(make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	waiting, ok := 0, true
	for start := time.Now(); ok && waiting < 1000 && time.Since(start) < 10*time.Second; time.Sleep(time.Millisecond) {
		waiting, _, ok = link.unread()
	}
	if waiting != 1000 || !ok {
		t.Errorf("unread = %d, %v; want 1000", waiting, ok)
	}
	ours.Close()
	if _, _, ok := link.unread(); ok {
		t.Error("a closed connection says how much is unread")
	}
}
