package faultproxy_test

import (
	"io"
	"net"
	"sync"
	"testing"
)

// BenchmarkThroughput is one connection's throughput beside that of a proxy that
// does nothing but io.Copy.
func BenchmarkThroughput(b *testing.B) {
	for _, bc := range []struct {
		name  string
		front func(b *testing.B, to string) (addr string, stop func())
	}{
		{"faultproxy", func(b *testing.B, to string) (string, func()) {
			p := proxyTo(listen(b), to)
			return p.Addr().String(), func() { _ = p.Close() }
		}},
		{"buffered copy", func(b *testing.B, to string) (string, func()) { return copier(b, to, true) }},
		{"splice", func(b *testing.B, to string) (string, func()) { return copier(b, to, false) }},
	} {
		for _, size := range []int{256, 64 << 10} {
			b.Run(bc.name+"/"+map[int]string{256: "256 B", 64 << 10: "64 KiB"}[size], func(b *testing.B) {
				server := listen(b)
				defer server.Close()
				addr, stop := bc.front(b, server.Addr().String())
				defer stop()
				c, err := net.Dial("tcp", addr)
				if err != nil {
					b.Fatal(err)
				}
				defer c.Close()
				s, err := server.Accept()
				if err != nil {
					b.Fatal(err)
				}
				defer s.Close()
				var wg sync.WaitGroup
				wg.Go(func() { _, _ = io.CopyN(io.Discard, s, int64(size)*int64(b.N)) })
				data := make([]byte, size)
				b.SetBytes(int64(size))
				b.ResetTimer()
				for range b.N {
					if _, err := c.Write(data); err != nil {
						b.Fatal(err)
					}
				}
				wg.Wait()
			})
		}
	}
}

// copier is the plainest proxy there is, for one connection.
func copier(b *testing.B, to string, buffered bool) (addr string, stop func()) {
	ln := listen(b)
	var wg sync.WaitGroup
	wg.Go(func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		s, err := net.Dial("tcp", to)
		if err != nil {
			return
		}
		pass := func(to, from net.Conn) {
			if buffered {
				_, _ = io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{from}, make([]byte, 32<<10))
			} else {
				_, _ = io.Copy(to, from)
			}
			_ = to.Close()
		}
		wg.Go(func() { pass(c, s) })
		pass(s, c)
	})
	return ln.Addr().String(), func() {
		_ = ln.Close()
	}
}
