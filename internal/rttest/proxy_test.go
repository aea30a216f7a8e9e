package rttest

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

func TestProxy(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(c, c)
				_ = c.Close()
			}()
		}
	}()
	p, err := NewProxy(ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()

	dial := func() net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", p.Addr())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	echo := func(c net.Conn, wait time.Duration) error {
		if _, err := c.Write([]byte("x")); err != nil {
			return err
		}
		_ = c.SetReadDeadline(time.Now().Add(wait))
		_, err := io.ReadFull(c, make([]byte, 1))
		return err
	}

	c := dial()
	if err := echo(c, 5*time.Second); err != nil {
		t.Fatalf("echo through the proxy: %v", err)
	}
	p.Stall()
	if err := echo(c, 50*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("echo through a stalled proxy: %v, want a timeout", err)
	}
	p.Resume()
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Fatalf("kept byte after resume: %v", err)
	}
	p.StallReplies("y")
	if err := echo(c, 5*time.Second); err != nil {
		t.Fatalf("echo of a client that has not sent the marker: %v", err)
	}
	p.Resume()
	p.StallReplies("x")
	if err := echo(c, 50*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("echo with the replies stalled: %v, want a timeout", err)
	}
	p.Resume()
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Fatalf("kept reply after resume: %v", err)
	}
	p.Stall()
	if err := echo(c, 50*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("echo through a stalled proxy: %v, want a timeout", err)
	}
	began := time.Now()
	p.ResumeLate(100 * time.Millisecond)
	if err := echo(dial(), 5*time.Second); err != nil {
		t.Fatalf("echo on a new connection while the old ones are late: %v", err)
	}
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil || time.Since(began) < 100*time.Millisecond {
		t.Fatalf("kept byte came after %v: %v", time.Since(began), err)
	}
	p.Delay(100*time.Millisecond, 10*time.Millisecond)
	began = time.Now()
	if err := echo(c, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 180*time.Millisecond {
		t.Fatalf("echo with a delay of 90 to 110 ms each way took %v", took)
	}
	p.Delay(0, 0)
	p.Reset()
	if err := echo(c, 5*time.Second); !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		t.Fatalf("echo after a reset: %v", err)
	}
	c = dial()
	if err := echo(c, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	p.Finish()
	if err := echo(c, 5*time.Second); err == nil {
		t.Fatal("echo after the end succeeded")
	}
	p.Refuse(true)
	if c, err := net.Dial("tcp", p.Addr()); err == nil {
		defer c.Close()
		if err := echo(c, 5*time.Second); err == nil {
			t.Fatal("echo through a refusing proxy succeeded")
		}
	}
}
