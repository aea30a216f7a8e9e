package sse

import (
	"bytes"
	"errors"
	"fmt"
	"time"
)

// DefaultMaxEvent bounds an event when Parser.MaxEvent is zero, in bytes.
const DefaultMaxEvent = 1 << 20

// ErrTooLong is returned for a line or an event beyond the parser's bound.
var ErrTooLong = errors.New("server-sent event is too long")

// Kind says what a Message is.
type Kind byte

const (
	// KindEvent is an event that a browser would dispatch.
	KindEvent Kind = iota
	// KindComment is a comment line; servers use it as a heartbeat.
	KindComment
	// KindRetry is a new reconnection time.
	KindRetry
)

// Message is what the parser found.
type Message struct {
	Kind  Kind
	ID    string        // events: the last event id as of this event
	Type  string        // events: "message" when the stream names none
	Data  []byte        // events: the data; comments: the text. Valid during yield only
	Retry time.Duration // KindRetry
}

// Parser parses a stream in chunks. The zero value is ready; one goroutine at a
// time may use it. An event that is incomplete when the stream ends is dropped,
// as the standard asks: there is nothing to flush.
type Parser struct {
	// MaxEvent bounds a line and the data of an event, in bytes; 0 means
	// DefaultMaxEvent.
	MaxEvent int

	line    []byte // a line that has not ended yet
	data    []byte // data buffer, each line ended by LF
	typ     []byte // event type buffer
	lastTyp string // the last type yielded; streams repeat theirs
	id      string // last event id buffer
	lastID  string // last event id of the source
	started bool   // past the byte order mark
	afterCR bool   // the LF of a CRLF may come
	err     error
	msg     Message // given to yield, so that no event allocates one
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// LastEventID returns what a client would send as Last-Event-ID to resume.
func (p *Parser) LastEventID() string { return p.lastID }

// Feed parses one more chunk and calls yield for all that it completes. It
// returns yield's error as it is, or ErrTooLong; then the stream can't be
// parsed on and Feed returns the same error again.
func (p *Parser) Feed(chunk []byte, yield func(*Message) error) error {
	if p.err != nil {
		return p.err
	}
	p.err = p.feed(chunk, yield)
	return p.err
}

func (p *Parser) feed(chunk []byte, yield func(*Message) error) error {
	for len(chunk) > 0 {
		if p.afterCR {
			p.afterCR = false
			if chunk[0] == '\n' {
				chunk = chunk[1:]
				continue
			}
		}
		end := bytes.IndexAny(chunk, "\r\n")
		if end < 0 {
			p.line = append(p.line, chunk...)
			if len(p.line) > p.limit() {
				return fmt.Errorf("%w: line over %d bytes", ErrTooLong, p.limit())
			}
			return nil
		}
		line := chunk[:end]
		if len(p.line) > 0 {
			p.line = append(p.line, line...)
			line = p.line
		}
		p.afterCR = chunk[end] == '\r'
		chunk = chunk[end+1:]
		if len(line) > p.limit() {
			return fmt.Errorf("%w: line over %d bytes", ErrTooLong, p.limit())
		}
		if !p.started {
			p.started = true
			line = bytes.TrimPrefix(line, byteOrderMark)
		}
		err := p.parseLine(line, yield)
		p.line = p.line[:0]
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *Parser) parseLine(line []byte, yield func(*Message) error) error {
	if len(line) == 0 {
		return p.dispatch(yield)
	}
	name, value, _ := bytes.Cut(line, []byte{':'})
	if len(value) > 0 && value[0] == ' ' {
		value = value[1:]
	}
	switch string(name) {
	case "":
		p.msg = Message{Kind: KindComment, Data: value}
		return yield(&p.msg)
	case "data":
		if len(p.data)+len(value) > p.limit() {
			return fmt.Errorf("%w: data over %d bytes", ErrTooLong, p.limit())
		}
		p.data = append(append(p.data, value...), '\n')
	case "event":
		p.typ = append(p.typ[:0], value...)
	case "id":
		if bytes.IndexByte(value, 0) < 0 {
			p.id = intern(p.id, value)
		}
	case "retry":
		if d, ok := parseMillis(value); ok {
			p.msg = Message{Kind: KindRetry, Retry: d}
			return yield(&p.msg)
		}
	}
	return nil
}

// dispatch ends an event. The id counts even if there is no data and therefore
// no event.
func (p *Parser) dispatch(yield func(*Message) error) error {
	p.lastID = p.id
	typ := "message"
	if len(p.typ) > 0 && len(p.data) > 0 {
		p.lastTyp = intern(p.lastTyp, p.typ)
		typ = p.lastTyp
	}
	p.typ = p.typ[:0]
	if len(p.data) == 0 {
		return nil
	}
	p.msg = Message{Kind: KindEvent, ID: p.lastID, Type: typ, Data: p.data[:len(p.data)-1]}
	err := yield(&p.msg)
	p.data = p.data[:0]
	return err
}

func (p *Parser) limit() int {
	if p.MaxEvent > 0 {
		return p.MaxEvent
	}
	return DefaultMaxEvent
}

// intern returns value as a string, old itself when they are equal.
func intern(old string, value []byte) string {
	if string(value) == old {
		return old
	}
	return string(value)
}

// parseMillis takes ASCII digits only, as the standard says; times beyond ten
// digits are nonsense that would overflow.
func parseMillis(b []byte) (time.Duration, bool) {
	if len(b) == 0 || len(b) > 10 {
		return 0, false
	}
	n := int64(0)
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return time.Duration(n) * time.Millisecond, true
}
