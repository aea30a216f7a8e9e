package redisconn

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// The bounds of an answer, far above what a Sentinel or a Cluster of a thousand
// nodes has to say.
const (
	maxBulk  = 1 << 20
	maxList  = 1 << 16
	maxDepth = 8
)

var errAnswer = errors.New("not an answer of Redis")

// Refused is an error answer of Redis.
type Refused string

// Error returns what Redis said.
func (r Refused) Error() string { return string(r) }

// call sends one command and reads its answer: a string, an int64, a []any, nil
// or a Refused as the error. It reads no byte past the answer.
func call(ctx context.Context, conn net.Conn, args ...string) (any, error) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return nil, errors.New("no deadline")
	}
	if err := conn.SetDeadline(deadline); err != nil {
		return nil, err
	}
	defer func() { _ = conn.SetDeadline(time.Time{}) }()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	out := fmt.Appendf(nil, "*%d\r\n", len(args))
	for _, a := range args {
		out = fmt.Appendf(out, "$%d\r\n%s\r\n", len(a), a)
	}
	if _, err := conn.Write(out); err != nil {
		return nil, err
	}
	r := &respReader{r: bufio.NewReader(conn), left: maxBulk}
	v, err := r.value(0)
	switch {
	case err != nil:
		return nil, err
	case r.r.Buffered() > 0:
		return nil, errAnswer // nobody has asked for more
	}
	return v, nil
}

type respReader struct {
	r    *bufio.Reader
	left int // bytes that the answer may still have
}

// value reads RESP2 (Redis serialization protocol).
func (r *respReader) value(depth int) (any, error) {
	line, err := r.line()
	if err != nil {
		return nil, err
	}
	kind, text := line[0], line[1:]
	switch kind {
	case '+':
		return text, nil
	case '-':
		return nil, Refused(text)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return nil, errAnswer
	}
	switch {
	case kind == ':':
		return n, nil
	case n == -1:
		return nil, nil
	case kind == '$' && n >= 0 && n <= int64(r.left):
		return r.bulk(int(n))
	case kind == '*' && n >= 0 && n <= maxList && depth < maxDepth:
		var list []any
		for range n {
			v, err := r.value(depth + 1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	}
	return nil, errAnswer
}

func (r *respReader) bulk(n int) (string, error) {
	b := make([]byte, n+2)
	if _, err := io.ReadFull(r.r, b); err != nil {
		return "", err
	}
	r.left -= n
	return string(b[:n]), nil
}

func (r *respReader) line() (string, error) {
	b, err := r.r.ReadSlice('\n')
	if err != nil {
		return "", err
	}
	r.left -= len(b)
	if len(b) < 3 || b[len(b)-2] != '\r' || r.left < 0 {
		return "", errAnswer
	}
	return string(b[:len(b)-2]), nil
}
