package server

import (
	"errors"
	"fmt"
	"regexp"
	"runtime/debug"
	"strings"
	"time"
)

// DefaultMaxDynamicNamespaces is that of Options.MaxDynamicNamespaces.
const DefaultMaxDynamicNamespaces = 1000

// OfFunc makes a family of namespaces: one for each name that match takes when a
// client asks for it. What is registered on the result holds for all of them;
// Conn.Namespace tells a handler in which one it is. A name that Of has made is
// not asked for, and families are asked in the order in which they were made.
// Register before the server starts.
//
// match gets the name and the CONNECT payload of a Socket.IO client, which is
// nil for a plain WebSocket. No token has been verified yet: that comes next, and
// whether this client may join is the guards' business. It may run on many
// goroutines at once; a panic counts as no.
//
// What the result emits goes to all namespaces of the family that this pod has.
// One that has become empty is forgotten. If other pods or a history take part in
// it, that is when Options.MaxDynamicNamespaces are there and one more is asked
// for: the one goes that has been empty for the longest, and what this pod kept of
// its history. One that nobody was let into is forgotten in any case.
func (s *Server) OfFunc(match func(name string, payload []byte) bool) *Namespace {
	s.nsMu.Lock()
	defer s.nsMu.Unlock()
	n := &Namespace{
		srv: s, name: fmt.Sprintf("(family %d)", len(s.families)+1), handlers: make(map[string]handler),
		conns: make(map[string]*Conn), rooms: make(map[string]*room), all: &room{}, match: match,
	}
	s.families = append(s.families, n)
	return n
}

// OfPattern is OfFunc with a regular expression for the whole name, such as
// `/tenant-\d+`.
func (s *Server) OfPattern(pattern *regexp.Regexp) *Namespace {
	whole := regexp.MustCompile(`\A(?:` + pattern.String() + `)\z`)
	n := s.OfFunc(func(name string, _ []byte) bool { return whole.MatchString(name) })
	n.name = "~" + pattern.String()
	return n
}

// OfGlob is OfFunc with a name such as /org-* in which * stands for one or more
// letters, digits and . _ ~ : @ - but no slash.
func (s *Server) OfGlob(glob string) *Namespace {
	parts := strings.Split(glob, "*")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	n := s.OfPattern(regexp.MustCompile(strings.Join(parts, `[0-9A-Za-z._~:@-]+`)))
	n.name = glob
	return n
}

// find returns the namespace of a name, and the family that it belongs to or
// would. Both are nil for a name that is nobody's.
func (s *Server) find(name string, payload []byte) (n, family *Namespace) {
	s.nsMu.RLock()
	n = s.namespaces[name]
	families := s.families
	s.nsMu.RUnlock()
	if n != nil {
		return n, n.family
	}
	for _, f := range families {
		if f.takes(name, payload) {
			return nil, f
		}
	}
	return nil, nil
}

func (n *Namespace) takes(name string, payload []byte) (ok bool) {
	defer func() {
		if p := recover(); p != nil {
			ok = false
			n.srv.log.Error("namespace match panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
	}()
	return n.match(name, payload)
}

var errTooManyNamespaces = &Error{Code: "too_many_namespaces", Message: "too many namespaces"}

// member returns the namespace of a family for one more connection, whose end
// must be told with release.
func (s *Server) member(family *Namespace, name string) (*Namespace, error) {
	n, gone, err := s.memberLocking(family, name)
	gone.retire()
	return n, err
}

// memberLocking is member, which may have made room: gone is to be retired.
func (s *Server) memberLocking(family *Namespace, name string) (n, gone *Namespace, err error) {
	s.nsMu.Lock()
	defer s.nsMu.Unlock()
	n = s.namespaces[name]
	if n == nil {
		if s.dynamic >= s.opts.MaxDynamicNamespaces {
			if gone = s.emptiest(); gone == nil {
				return nil, nil, errTooManyNamespaces
			}
			s.dismiss(gone)
		}
		n = s.newNamespace(name)
		n.inherit(family)
		s.dynamic++
		if n.seq != nil {
			s.subscribe(n) // its history wants to hear of everything
		}
	}
	if n.family != nil {
		n.users++
	}
	return n, gone, nil
}

// emptiest returns the member of a family that has been empty for the longest, nil
// when there is none that may go. The caller holds nsMu.
func (s *Server) emptiest() (oldest *Namespace) {
	var keep time.Duration
	if s.presence != nil { // absent members may come back
		keep = s.opts.PresenceGrace + presenceSlack
	}
	now := s.wheel.now()
	for _, n := range s.namespaces {
		if n.family == nil || n.users > 0 || n.presence != nil && now < n.idle+keep {
			continue
		}
		if oldest == nil || n.idle < oldest.idle {
			oldest = n
		}
	}
	return oldest
}

// dismiss takes a member of a family out, which is then to be retired without nsMu.
// The caller holds it.
func (s *Server) dismiss(n *Namespace) {
	delete(s.namespaces, n.name)
	s.dynamic--
	if n.subscribed {
		n.subscribed = false
		s.opts.Backplane.RemoveNamespace(n.name)
	}
}

// retire ends what a namespace does by itself.
func (n *Namespace) retire() {
	if n != nil && n.seq != nil {
		n.seq.retire()
	}
}

// entered is called when the guards have let a client in. Before, the other pods
// don't hear of a namespace: it would cost Redis two commands for each name that
// somebody makes up.
func (n *Namespace) entered() {
	if n.family == nil {
		return
	}
	n.srv.nsMu.Lock()
	defer n.srv.nsMu.Unlock()
	n.srv.subscribe(n)
}

// welcomed is called when OnConnect has let a client in as well.
func (n *Namespace) welcomed() {
	if n.family == nil {
		return
	}
	n.srv.nsMu.Lock()
	defer n.srv.nsMu.Unlock()
	n.letIn = true
}

// inherit takes over what has been registered on the family.
func (n *Namespace) inherit(f *Namespace) {
	n.family = f
	n.guards, n.eventGuards, n.interceptors = f.guards, f.eventGuards, f.interceptors
	n.onConnect, n.onDisconnect, n.onJoin, n.onLeave = f.onConnect, f.onDisconnect, f.onJoin, f.onLeave
	n.handlers, n.onAny, n.anyBase = f.handlers, f.onAny, f.anyBase
	n.checks, n.anyChecked, n.declared, n.serverSide = f.checks, f.anyChecked, f.declared, f.serverSide
}

// release is called when a connection has left a namespace of a family, or has
// not come to join it.
func (c *Conn) release() {
	n := c.ns
	if n.family == nil || !c.released.CompareAndSwap(false, true) {
		return
	}
	if n.srv.leaves(n) {
		n.retire()
	}
}

// leaves counts one connection less, and reports whether the namespace is
// forgotten.
func (s *Server) leaves(n *Namespace) bool {
	s.nsMu.Lock()
	defer s.nsMu.Unlock()
	n.users--
	n.idle = s.wheel.now()
	if n.users > 0 || s.namespaces[n.name] != n || n.letIn && (n.subscribed || n.seq != nil) {
		return false
	}
	s.dismiss(n)
	return true
}

// members are the namespaces of a family on this pod.
func (n *Namespace) members() []*Namespace {
	s := n.srv
	s.nsMu.RLock()
	defer s.nsMu.RUnlock()
	var list []*Namespace
	for _, m := range s.namespaces {
		if m.family == n {
			list = append(list, m)
		}
	}
	return list
}

// toMembers emits to all namespaces of a family.
func (e *Emitter) toMembers(event string, args []byte, attachments [][]byte) error {
	var errs []error
	for _, n := range e.ns.members() {
		c := *e
		c.ns = n
		if err := c.EmitRaw(event, args, attachments...); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
