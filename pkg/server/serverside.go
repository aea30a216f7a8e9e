package server

import (
	"context"
	"errors"
	"fmt"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
)

// ServerSideEvent is an event that another pod has sent with ServerSideEmit.
type ServerSideEvent struct {
	Name string
	// Args and Attachments are as those of an Event; don't change them.
	Args        []byte
	Attachments [][]byte
	WantsAck    bool // that pod waits for an answer
}

// ServerSideHandler handles an event of another pod. The first argument of the
// reply is the answer, for a pod that waits for one; Reply.None is silence, and
// that pod then waits until its time is over. An error is answered like that of
// a handler of clients' events. ctx ends with the server.
//
// Handlers of a namespace run one after the other, together with the hooks for
// what other pods do to connections: one that has to wait starts a goroutine.
type ServerSideHandler func(ctx context.Context, e *ServerSideEvent) (Reply, error)

// OnServerSideEmit registers the handler of an event that other pods send with
// ServerSideEmit; a later one replaces it. An event without a handler is ignored.
func (n *Namespace) OnServerSideEmit(event string, fn ServerSideHandler) *Namespace {
	if n.serverSide == nil {
		n.serverSide = make(map[string]ServerSideHandler)
	}
	n.serverSide[event] = fn
	return n
}

func (n *Namespace) runServerSide(fn ServerSideHandler, e *ServerSideEvent) (r Reply) {
	r, err := func() (r Reply, err error) {
		defer n.survive(e.Name, &err)
		return fn(n.srv.life, e)
	}()
	if err == nil {
		return r
	}
	if _, _, told := publicError(err); !told {
		n.srv.log.Error("handler failed", "namespace", n.name, "serverSideEvent", clip(e.Name, 64), "error", err)
	}
	return Reply{Args: errorObject(err, 0)}
}

// ErrFamily means that a family of namespaces can't be asked, only each of them.
var ErrFamily = errors.New("a family of namespaces has no answer: ask one of them")

// ServerSideEmit sends an event to the other pods, where OnServerSideEmit handles
// it; clients don't get it, nor does this pod. It doesn't wait. Arguments are
// encoded as by Emitter.Emit.
func (n *Namespace) ServerSideEmit(event string, args ...any) error {
	array, attachments, err := serverSideArray(event, args)
	if err != nil || !n.srv.clustered() {
		return err
	}
	for _, m := range n.each() {
		n.srv.opts.Backplane.Send(&cluster.Command{
			Op: cluster.OpServerSideEmit, Namespace: m.name, Args: array, Attachments: attachments,
		})
	}
	return nil
}

// ServerSideEmitAck sends an event to the other pods and collects what each of
// them answers, until ctx ends or, when it has no deadline, for
// Options.RequestTimeout. When pods are missing it returns what the others
// answered, with an error that is cluster.ErrPartial.
func (n *Namespace) ServerSideEmitAck(ctx context.Context, event string, args ...any) ([]Reply, error) {
	array, attachments, err := serverSideArray(event, args)
	if err != nil {
		return nil, err
	}
	if n.match != nil {
		return nil, ErrFamily
	}
	q := &cluster.Query{Op: cluster.OpServerSideEmit, Namespace: n.name, Args: array, Attachments: attachments}
	var replies []Reply
	err = n.emitter().askPods(ctx, q, func(a *cluster.Answer) {
		replies = append(replies, Reply{Args: a.Args, Attachments: a.Attachments})
	})
	if err != nil {
		return replies, fmt.Errorf("server-side emit %q: %d pods answered: %w", event, len(replies), err)
	}
	return replies, nil
}

// serverSideArray makes ["event",args…]. Other names are reserved than among
// clients (socket.io, namespace.ts).
func serverSideArray(event string, args []any) (array []byte, attachments [][]byte, err error) {
	switch event {
	case "connect", "connection", "new_namespace":
		return nil, nil, fmt.Errorf("server-side emit %q: %w", event, ErrReservedEvent)
	}
	raw, attachments, err := encodeArgs(args)
	if err == nil {
		array, err = appendEventArray(event, raw)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("server-side emit %q: %w", event, err)
	}
	return array, attachments, nil
}
