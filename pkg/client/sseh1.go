package client

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// sse1 reads a stream over HTTP/1.1 from a link, so that a fleet of streams
// costs one goroutine and no buffers each; net/http takes three times as much.
type sse1 struct {
	l       *link
	chunked bool
	remain  int64 // bytes of the chunk or the body to come; negative: until the end of the connection
	inChunk bool  // the line break that ends a chunk is still to come
}

// maxChunkLine bounds a chunk's size line with its extensions, in bytes.
const maxChunkLine = 256

func (d *Dialer) openSSE1(ctx context.Context, r *rt.DialRequest, u *url.URL, info *rt.ConnInfo) (sseSource, *rt.Error) {
	s, fail := d.connect(ctx, &r.Target, u, routeOf(r), "http/1.1")
	if fail != nil {
		return nil, fail
	}
	l := newLink(d, s.nc, s.raw)
	src, fail := d.requestSSE1(ctx, r, u, l, s)
	if fail != nil {
		_ = l.Close()
		l.drop()
		return nil, fail
	}
	l.handshakeDone()
	l.pace = newPacer(r.ReadRate)
	info.Phases, info.Proto = s.phases, "HTTP/1.1"
	info.Local, info.Remote = l.LocalAddr().String(), l.RemoteAddr().String()
	return src, nil
}

func (d *Dialer) requestSSE1(ctx context.Context, r *rt.DialRequest, u *url.URL, l *link, s *socket) (*sse1, *rt.Error) {
	start := time.Now()
	if deadline, ok := ctx.Deadline(); ok {
		_ = l.SetDeadline(deadline)
	}
	stop := context.AfterFunc(ctx, func() { _ = l.SetDeadline(time.Unix(1, 0)) })
	fail := func(err error) *rt.Error {
		e := failure("dial", &r.Target, rt.StageUpgrade, ctxError(ctx, err))
		if e.Kind == rt.KindInternal {
			e.Kind = rt.KindProtocol
		}
		return e
	}
	req := d.sseRequest(ctx, r, u)
	if err := req.Write(l); err != nil {
		return nil, fail(err)
	}
	resp, err := http.ReadResponse(bufio.NewReaderSize(l, 512), req) //nolint:bodyclose // the body is the link, which the stream closes
	if err != nil {
		return nil, fail(unexpected(err))
	}
	if e := checkSSE(&r.Target, resp); e != nil {
		return nil, e
	}
	if !stop() {
		return nil, fail(ctx.Err())
	}
	_ = l.SetDeadline(time.Time{})
	s.phases.Upgrade = time.Since(start)
	src := &sse1{l: l, remain: resp.ContentLength, chunked: len(resp.TransferEncoding) > 0}
	if src.chunked {
		src.remain = 0
	}
	return src, nil
}

func (s *sse1) next() ([]byte, time.Time, *rt.Message, error) {
	b, err := s.part()
	if err != nil {
		return nil, time.Time{}, nil, err
	}
	return b, s.l.rb.at, &s.l.rb.msg, nil
}

// part returns what is there of the body, in place.
func (s *sse1) part() ([]byte, error) {
	if s.chunked && s.remain == 0 {
		if err := s.chunkHeader(); err != nil {
			return nil, err
		}
	} else if s.remain == 0 {
		return nil, io.EOF
	}
	if s.l.r == s.l.w {
		if err := s.l.fill(); err != nil {
			if s.remain > 0 {
				err = unexpected(err)
			}
			return nil, err
		}
	}
	b := s.l.buffered()
	if s.remain >= 0 {
		b = b[:min(int64(len(b)), s.remain)]
		s.remain -= int64(len(b))
	}
	s.l.r += len(b)
	return b, nil
}

// chunkHeader reads the size of the next chunk (RFC 9112, section 7.1).
func (s *sse1) chunkHeader() error {
	if s.inChunk {
		if line, err := s.line(); err != nil {
			return err
		} else if len(line) > 0 {
			return &protocolError{text: "chunk of the answer does not end where it should"}
		}
		s.inChunk = false
	}
	line, err := s.line()
	if err != nil {
		return err
	}
	size, _, _ := bytes.Cut(line, []byte{';'})
	n, err := strconv.ParseInt(string(bytes.TrimSpace(size)), 16, 63)
	if err != nil || n < 0 {
		return &protocolError{text: "size of a chunk of the answer is no number"}
	}
	if n > 0 {
		s.remain, s.inChunk = n, true
		return nil
	}
	for { // trailers
		line, err := s.line()
		if err != nil {
			return err
		}
		if len(line) == 0 {
			return io.EOF
		}
	}
}

// line returns the next line without its end.
func (s *sse1) line() ([]byte, error) {
	for {
		b := s.l.buffered()
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			s.l.r += i + 1
			return bytes.TrimSuffix(b[:i], []byte{'\r'}), nil
		}
		if len(b) > maxChunkLine {
			return nil, &protocolError{text: "line between chunks of the answer is too long"}
		}
		if _, err := s.l.need(len(b) + 1); err != nil {
			return nil, unexpected(err)
		}
	}
}

func (s *sse1) stop()    { _ = s.l.Close() }
func (s *sse1) abort()   { s.l.abort() }
func (s *sse1) release() { s.l.drop() }
