package service

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server"
)

// Binding connects the namespaces of a server with services. It is safe for
// concurrent use.
type Binding struct {
	opts       Options
	namespaces []*namespace // in the order of the routes

	ctx    context.Context // ends calls when Close has waited long enough
	cancel context.CancelFunc
	group  sync.WaitGroup

	// routing is held for writing while Replace changes routes and services, and
	// for reading from the look at a route to the entry into its service.
	routing sync.RWMutex

	mu      sync.Mutex
	closed  bool
	lanes   map[laneKey]*lane
	targets []*target // in the order of the routes
}

var (
	errClosed   = errors.New("the gateway is shutting down")
	errLaneFull = errors.New("too many calls of this connection are waiting")
)

// Bind registers the routes on the server, which must not have started yet.
// Handlers that are registered by name on the same namespace come first.
func Bind(s *server.Server, routes []Route, o Options) (*Binding, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	b := &Binding{opts: o, lanes: make(map[laneKey]*lane)}
	p, err := plan(routes, nil)
	if err != nil {
		return nil, err
	}
	b.targets = p.targets
	for _, name := range p.names {
		n := &namespace{binding: b, name: name, contract: p.contracts[name], routes: p.routes[name], events: hasEvents(p.routes[name])}
		b.namespaces = append(b.namespaces, n)
	}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	for _, n := range b.namespaces {
		n.register(open(s, n.name))
	}
	return b, nil
}

// Close waits for the calls under way, until ctx ends, and refuses new ones. Shut
// the server down first: its last disconnects are calls too.
func (b *Binding) Close(ctx context.Context) error {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.group.Wait()
	}()
	defer b.cancel()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		b.cancel()
		<-done
		return fmt.Errorf("service calls under way were cut: %w", ctx.Err())
	}
}

// do makes a call and carries out the answer.
func (b *Binding) do(j *job) {
	a, err := b.ask(b.ctx, j.to, j.in, j.call)
	j.in.calls.Done()
	if err == nil {
		err = b.carryOut(j.conn, j.call, a)
	}
	if j.done != nil {
		j.done(a, err)
	}
	if a != nil && a.Disconnect {
		j.conn.Disconnect(false)
	}
}

// ask makes a call. The answer is nil if and only if there is an error.
func (b *Binding) ask(ctx context.Context, t *target, in *inForce, c *Call) (a *Answer, err error) {
	ctx, cancel := context.WithTimeout(ctx, b.opts.Deadline)
	defer cancel()
	t.count.begin()
	defer func() {
		if p := recover(); p != nil {
			a, err = nil, fmt.Errorf("panic: %v", p)
			b.opts.Logger.Error("service panicked", "service", t.name, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
		if t.count.end(a, err) {
			b.opts.Logger.Warn("service call failed", "service", t.name, "hook", string(c.Hook), "namespace", c.Data.Namespace,
				"event", clip(c.Data.Event), "call", c.ID, "error", cause(err), "failed", t.count.failures())
		}
	}()
	a, err = in.service.Call(ctx, c)
	switch {
	case err != nil:
		if ctx.Err() == context.DeadlineExceeded && !isOutage(err) {
			err = Timeout(err)
		}
		return nil, err
	case a == nil:
		return &Answer{}, nil
	}
	if err := a.check(); err != nil {
		return nil, fmt.Errorf("answer: %w", err)
	}
	return a, nil
}

func isOutage(err error) bool {
	_, ok := errors.AsType[*Outage](err)
	return ok
}

// cause is what the log says of an error: of an outage more than the client is
// told.
func cause(err error) error {
	if o, ok := errors.AsType[*Outage](err); ok && o.Err != nil {
		return fmt.Errorf("%s: %w", o.Code, o.Err)
	}
	return err
}

func clip(s string) string { return s[:min(len(s), 64)] }

// call makes a Call of what happens on a connection now.
func (b *Binding) call(h Hook, c *server.Conn) *Call {
	hs := c.Handshake()
	call := &Call{ID: rand.Text(), Hook: h, Time: time.Now().UTC(), Pod: b.opts.PodID, Data: Data{
		Namespace: c.Namespace().Name(),
		Connection: Connection{
			ID: c.ID(), Protocol: c.Protocol(), Transport: c.Transport(), Remote: hs.RemoteAddr,
			Origin: hs.Origin, UserAgent: hs.UserAgent, Query: hs.Query,
		},
	}}
	if id := c.Identity(); id != nil {
		call.Data.Connection.Subject, call.Data.Connection.Claims = id.Subject, id.Claims
	}
	if h == HookConnect {
		call.Data.Auth = payload(hs.Auth, c.Identity() != nil)
		call.Data.Recovered = c.Recovered()
	}
	return call
}

// payload is the CONNECT payload as a service gets it: where the gateway has
// verified the token, nobody else needs it.
func payload(auth []byte, verified bool) json.RawMessage {
	if !verified {
		return bytes.Clone(auth)
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(auth, &members) != nil {
		return nil
	}
	delete(members, "token")
	b, err := json.Marshal(members)
	if err != nil {
		return nil
	}
	return b
}
