package server

import (
	"strconv"
	"strings"

	"github.com/realtime-toolkit/rtk/pkg/server/history"
)

// place is how far a client is: it has seen all up to the offset and, of what
// this pod gave out before it had an offset, the first early ones.
type place struct {
	history.Offset
	early uint64
}

// here is the place after everything that has been sent, as a cursor. The caller
// holds mu.
func (q *sequence) here() string {
	if q.shared != nil {
		return q.shared.here()
	}
	return history.Cursor{Epoch: q.log.Epoch(), Offset: q.log.Last().Seq}.String()
}

// at is the same place as it is here.
func (q *sequence) at() place {
	p := place{Offset: q.log.Last()}
	if q.shared != nil {
		p.early = q.shared.number
	}
	return p
}

// parse reads a cursor. Where it can't be used here the reason is that of the
// gap. The caller holds mu.
func (q *sequence) parse(text string) (p place, reason string) {
	if q.shared != nil {
		return q.shared.parse(text)
	}
	c, err := history.ParseCursor(text)
	p.Seq = c.Offset
	switch {
	case err != nil:
		if _, _, _, ok := parseShared(text); ok {
			return p, gapEpoch
		}
		return p, gapInvalid
	case c.Epoch != q.log.Epoch():
		return p, gapEpoch
	case q.log.Last().Before(p.Offset):
		return p, gapInvalid
	}
	return p, ""
}

// A cursor where pods share a journal is the offset as Redis writes it,
// 1795476495675-0, which Socket.IO's own servers understand. While something has
// been given out that has no offset yet, it goes on with .TAG.N: the pod, and how
// many such messages it had given out.

// parseShared takes a cursor of a journal apart.
func parseShared(text string) (o history.Offset, tag string, early uint64, ok bool) {
	id, rest, more := strings.Cut(text, ".")
	o, err := history.ParseOffset(id)
	if err != nil || !more {
		return o, "", 0, err == nil
	}
	tag, number, _ := strings.Cut(rest, ".")
	early, err = strconv.ParseUint(number, 10, 64)
	return o, tag, early, err == nil && len(tag) == sharedTagBytes
}

func (s *shared) here() string {
	if s.text == "" {
		p := place{Offset: s.q.log.Last()}
		if len(s.early) > 0 {
			p.early = s.number
		}
		s.text = s.format(p)
	}
	return s.text
}

// format writes a place as a cursor.
func (s *shared) format(p place) string {
	b := p.Append(make([]byte, 0, history.MaxOffsetBytes+sharedTagBytes+22))
	if p.early > 0 {
		b = append(b, '.')
		b = append(b, s.tag...)
		b = append(b, '.')
		b = strconv.AppendUint(b, p.early, 10)
	}
	return string(b)
}

func (s *shared) parse(text string) (p place, reason string) {
	o, tag, early, ok := parseShared(text)
	p.Offset = o
	if !ok {
		if _, err := history.ParseCursor(text); err == nil {
			return p, gapEpoch
		}
		return p, gapInvalid
	}
	if tag == s.tag {
		p.early = early
	}
	switch ahead := s.ahead(o); {
	case ahead && (!s.begun || !s.journal.Level(s.q.ns.name)):
		return p, gapUnavailable
	case ahead, p.early > s.number:
		return p, gapInvalid
	}
	return p, ""
}
