package tui

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// Format is how a stream is written.
type Format string

// Formats of Stream.
const (
	FormatText   Format = "text"
	FormatNDJSON Format = "ndjson"
)

const (
	// DefaultLinger is how long answers are awaited after the end of input.
	DefaultLinger = time.Second
	// maxLine bounds one line of input.
	maxLine = 1 << 20
	// batch is how many events are taken from the ring at a time.
	batch = 512
)

// StreamOptions configure Stream. Session and Out are required.
type StreamOptions struct {
	Session *Session
	Out     io.Writer // events
	Err     io.Writer // what happens to the connection, and mistakes in the input; nil discards
	// In holds lines to send (ParseCommand); nil reads nothing. The goroutine
	// that reads it ends with the input: close it, or let the process end.
	In     io.Reader
	Format Format
	Filter Filter
	Mask   *Mask
	Color  bool
	// Linger is how long to stay after the end of In; negative means for ever.
	Linger time.Duration
}

// Stream runs the session and writes one line an event until ctx ends, the
// input has ended and the linger time has passed, the session ends for good,
// or Out fails. It returns the session's error, or the writer's.
//
// The ring of the session stands between the connection and Out. When Out is
// too slow the oldest events are skipped, and the number of them is reported:
// on Err, and as an object with "dropped" in NDJSON.
func Stream(ctx context.Context, o StreamOptions) error {
	if o.Err == nil {
		o.Err = io.Discard
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p := &printer{o: o, w: bufio.NewWriterSize(o.Out, 64<<10), errs: &lockedWriter{w: o.Err}, next: 1}

	done := make(chan error, 1)
	go func() { done <- o.Session.Run(ctx) }()
	if o.In != nil {
		go readCommands(ctx, cancel, &o, p.errs)
	}
	for {
		select {
		case <-o.Session.Source().Wake():
			if err := p.drain(); err != nil {
				cancel()
				return errors.Join(err, <-done)
			}
		case err := <-done:
			return errors.Join(err, p.drain())
		}
	}
}

// readCommands sends the lines of o.In and ends the stream some time after
// their end.
func readCommands(ctx context.Context, cancel func(), o *StreamOptions, errs io.Writer) {
	lines := bufio.NewScanner(o.In)
	lines.Buffer(make([]byte, 0, 4096), maxLine)
	for lines.Scan() {
		c, err := ParseCommand(lines.Text(), o.Session.Grammar())
		if err == nil && c.Verb == VerbSend {
			if o.Session.waitOpen(ctx) != nil {
				return
			}
		}
		if err == nil {
			err = o.Session.Do(ctx, c)
		}
		if err != nil {
			fmt.Fprintf(errs, "rtk: input: %s\n", printableText(err.Error()))
		}
	}
	if err := lines.Err(); err != nil {
		fmt.Fprintf(errs, "rtk: input: %v\n", err)
	}
	if o.Linger < 0 || o.Session.waitOpen(ctx) != nil {
		return
	}
	t := time.NewTimer(o.Linger)
	defer t.Stop()
	select {
	case <-t.C:
		cancel()
	case <-ctx.Done():
	}
}

// printer writes the events of a source.
type printer struct {
	o       StreamOptions
	w       *bufio.Writer
	errs    io.Writer
	next    uint64
	events  []*Event
	scratch []byte
}

// drain writes what is new and flushes.
func (p *printer) drain() error {
	for {
		events, oldest, next := p.o.Session.Source().Read(p.events[:0], p.next, batch)
		p.events = events
		if oldest > p.next {
			if err := p.dropped(oldest - p.next); err != nil {
				return err
			}
		}
		for _, e := range events {
			if err := p.print(e); err != nil {
				return err
			}
		}
		if n := len(events); n > 0 {
			p.next = events[n-1].Seq + 1
		}
		if p.next >= next {
			return p.w.Flush()
		}
	}
}

func (p *printer) print(e *Event) error {
	p.scratch = p.scratch[:0]
	if p.o.Format == FormatNDJSON {
		if !p.o.Filter.Match(e) {
			return nil
		}
		p.scratch = appendNDJSON(p.scratch, e, p.o.Mask)
	} else {
		if e.Last {
			return nil // the caller prints the error
		}
		if e.Dir == rt.Local {
			fmt.Fprintf(p.errs, "rtk: %s: %s\n", printableText(e.Name), e.preview(p.o.Mask, previewBytes))
			return nil
		}
		if !isProse(e) || !p.o.Filter.Match(e) {
			return nil
		}
		p.scratch = appendTextLine(p.scratch, e, p.o.Mask, p.o.Color)
	}
	_, err := p.w.Write(p.scratch)
	return err
}

func (p *printer) dropped(n uint64) error {
	fmt.Fprintf(p.errs, "rtk: skipped %s events: the output was not read fast enough\n", count(n))
	if p.o.Format != FormatNDJSON {
		return nil
	}
	_, err := fmt.Fprintf(p.w, "{\"schema\":%q,\"kind\":\"dropped\",\"dropped\":%d}\n", Schema, n)
	return err
}

// isProse reports whether e belongs into text output: heartbeats and
// handshakes are left to NDJSON.
func isProse(e *Event) bool {
	switch e.Kind {
	case rt.KindEvent, rt.KindAck, rt.KindConnectError, rt.KindDisconnect, rt.KindResponse:
		return true
	}
	return false
}

// appendTextLine appends e for people:
//
//	12:04:31.020 ← /chat message {"id":9851,"room":"r7"}
func appendTextLine(dst []byte, e *Event, m *Mask, color bool) []byte {
	paint := func(code, s string) {
		if color && s != "" {
			s = "\x1b[" + code + "m" + s + "\x1b[m"
		}
		dst = append(dst, s...)
	}
	paint("2", e.At.Format("15:04:05.000"))
	dst = append(dst, ' ')
	arrow, tint := "←", "36"
	if e.Dir == rt.Out {
		arrow, tint = "→", "32"
	}
	if e.Fault {
		tint = "31"
	}
	paint(tint, arrow)
	dst = append(dst, ' ')
	if e.Namespace != "" && e.Namespace != "/" {
		paint("2", printableText(e.Namespace))
		dst = append(dst, ' ')
	}
	paint(tint, printableText(e.label()))
	if s := e.preview(m, 0); s != "" {
		dst = append(dst, ' ')
		dst = append(dst, s...)
	}
	return append(dst, '\n')
}

// lockedWriter lets the printer and the input reader share a stream.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}
