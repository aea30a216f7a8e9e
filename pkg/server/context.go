package server

import (
	"context"
	"net/http"
	"time"
	"unique"
)

// linkContext is the context of a link's handlers, which ends with the link. It
// is the link under another name, so that a connection whose handlers never
// look at it pays nothing.
type linkContext link

var _ context.Context = (*linkContext)(nil)

func (l *link) context() context.Context { return (*linkContext)(l) }

func (*linkContext) Deadline() (time.Time, bool) { return time.Time{}, false }
func (*linkContext) Value(any) any               { return nil }
func (c *linkContext) Done() <-chan struct{}     { return (*link)(c).standard().Done() }
func (c *linkContext) Err() error                { return (*link)(c).standard().Err() }
func (c *linkContext) AfterFunc(f func()) func() bool {
	return context.AfterFunc((*link)(c).standard(), f) // spares derived contexts a goroutine
}

func (l *link) standard() context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.std == nil {
		l.std, l.cancel = context.WithCancel(context.Background())
		if l.dead {
			l.cancel()
		}
	}
	return l.std
}

// shake is the part of a handshake that many connections have in common. Equal
// ones are shared.
type shake struct {
	host, origin, userAgent, path string
	secure                        bool
}

func sharedShake(r *http.Request) unique.Handle[shake] {
	return unique.Make(shake{
		host: clip(r.Host, 256), origin: clip(r.Header.Get("Origin"), 256), userAgent: clip(r.UserAgent(), 256),
		path: r.URL.Path, secure: r.TLS != nil,
	})
}

func clip(s string, n int) string { return s[:min(len(s), n)] }
