package streams

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"github.com/realtime-toolkit/rtk/pkg/server/service"
)

// Worker takes commands off a stream and answers them with a service, usually a
// service.Func. An error with a method ErrorCode() string is the answer, as from
// any service; after another one the command is delivered again, and in the end
// put on the dead-letter stream.
type Worker struct {
	opts    WorkerOptions
	service service.Service
	conn    *connection
	dead    string
	slots   chan struct{} // one taken a command
	group   sync.WaitGroup

	mu      sync.Mutex
	holding map[string]struct{} // entries under way, by their ids
}

// NewWorker makes a Worker. Nothing happens before Run.
func NewWorker(o WorkerOptions, s service.Service) (*Worker, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	option, dialer, err := clientOption(o.URL, o.TLS)
	if err != nil {
		return nil, err
	}
	return &Worker{
		opts: o, service: s, conn: &connection{option: option, dialer: dialer}, dead: deadName(o.Stream),
		slots: make(chan struct{}, o.Concurrency), holding: map[string]struct{}{},
	}, nil
}

// Run handles commands until ctx ends, waits for those under way and returns nil.
// It returns an error when Redis refuses the worker, for instance its
// credentials; one that can't be reached is tried again. Run it once.
func (w *Worker) Run(ctx context.Context) error {
	defer w.conn.close()
	alive, stop := context.WithCancel(context.Background())
	var signs sync.WaitGroup
	signs.Go(func() { w.giveSigns(alive) })
	defer signs.Wait()
	defer stop()
	defer w.leave()
	defer w.group.Wait()
	var again backoff
	grouped := false
	var claimed time.Time
	for ctx.Err() == nil {
		client, err := w.conn.dial()
		if err == nil && !grouped {
			err = w.join(ctx, client)
			grouped = err == nil
		}
		if err == nil {
			err = w.round(ctx, client, &claimed)
		}
		if err == nil {
			again.failures = 0
			continue
		}
		if ctx.Err() != nil {
			return nil
		}
		if re, ok := errors.AsType[*rueidis.RedisError](err); ok {
			if strings.HasPrefix(re.Error(), "NOGROUP") { // Redis has lost its data
				grouped = false
			} else if !passing(re) {
				return fmt.Errorf("streams worker: %w", err)
			}
		}
		w.opts.Logger.Warn("streams worker", "stream", w.opts.Stream, "error", err)
		again.wait(ctx)
	}
	return nil
}

// join makes stream and group, if they don't exist.
func (w *Worker) join(ctx context.Context, client rueidis.Client) error {
	ctx, cancel := context.WithTimeout(ctx, ioTimeout)
	defer cancel()
	err := client.Do(ctx, client.B().XgroupCreate().Key(w.opts.Stream).Group(w.opts.Group).Id("0").Mkstream().Build()).Error()
	if err != nil && strings.HasPrefix(err.Error(), "BUSYGROUP") {
		return nil
	}
	return err
}

// maxTake bounds what is taken at a time, so that the workers of a group share.
const maxTake = 32

// round takes as many commands as there are places, those of dead workers first.
func (w *Worker) round(ctx context.Context, client rueidis.Client, claimed *time.Time) error {
	places := w.reserve(ctx)
	defer func() { w.free(places) }()
	if places == 0 {
		return nil
	}
	if time.Since(*claimed) >= w.opts.ClaimAfter/4 {
		entries, err := w.claim(ctx, client, places)
		if err != nil {
			return err
		}
		if len(entries) < places {
			*claimed = time.Now()
		}
		for _, e := range entries {
			places--
			w.start(client, e)
		}
		if places == 0 {
			return nil
		}
	}
	// Not under ctx: what a read that is given up is sent would be nobody's for
	// ClaimAfter.
	wait := min(readFor, w.opts.ClaimAfter/4)
	entries, err := readEntries(context.WithoutCancel(ctx), client, client.B().Xreadgroup().Group(w.opts.Group, w.opts.Name).
		Count(int64(places)).Block(max(wait.Milliseconds(), 1)).Streams().Key(w.opts.Stream).Id(">").Build(), w.opts.Stream)
	for _, e := range entries {
		places--
		w.start(client, delivery{e, 1})
	}
	return err
}

// reserve waits for a place and takes what others are free; 0 when ctx has ended.
func (w *Worker) reserve(ctx context.Context) (n int) {
	select {
	case w.slots <- struct{}{}:
	case <-ctx.Done():
		return 0
	}
	for n = 1; n < maxTake; n++ {
		select {
		case w.slots <- struct{}{}:
		default:
			return n
		}
	}
	return n
}

func (w *Worker) free(n int) {
	for range n {
		<-w.slots
	}
}

// delivery is a command with how many times it has been delivered, this time
// included.
type delivery struct {
	rueidis.XRangeEntry
	count int64
}

// start handles a command in a goroutine, which takes over its place. One that is
// being handled here already, and was claimed because the signs of it were lost,
// is left at that.
func (w *Worker) start(client rueidis.Client, d delivery) {
	w.mu.Lock()
	_, twice := w.holding[d.ID]
	w.holding[d.ID] = struct{}{}
	w.mu.Unlock()
	if twice {
		w.free(1)
		return
	}
	w.group.Go(func() {
		defer w.free(1)
		defer func() {
			w.mu.Lock()
			delete(w.holding, d.ID)
			w.mu.Unlock()
		}()
		w.handle(client, d)
	})
}

func (w *Worker) handle(client rueidis.Client, d delivery) {
	call, err := service.DecodeCloudEvent([]byte(d.FieldValues["call"]))
	if err == nil && d.FieldValues["reply"] == "" {
		err = errors.New("no reply stream")
	}
	if err != nil {
		w.bury(client, d, "", "not a command: "+err.Error())
		return
	}
	if d.count > int64(w.opts.MaxDeliveries) {
		w.bury(client, d, call.ID, "its workers died or lost their connection")
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), w.opts.Timeout)
	defer cancel()
	answer, err := w.ask(ctx, call)
	var coded interface {
		error
		ErrorCode() string
	}
	switch {
	case err == nil:
		var b []byte
		if b, err = service.EncodeAnswer(answer); err == nil {
			w.finish(client, d, []string{"id", call.ID, "answer", string(b)})
			return
		}
	case errors.As(err, &coded):
		w.finish(client, d, []string{"id", call.ID, "code", coded.ErrorCode(), "message", coded.Error()})
		return
	}
	w.opts.Logger.Warn("command failed", "stream", w.opts.Stream, "call", call.ID, "hook", string(call.Hook), "delivery", d.count, "error", err)
	if d.count >= int64(w.opts.MaxDeliveries) {
		w.bury(client, d, call.ID, err.Error())
	}
}

func (w *Worker) ask(ctx context.Context, c *service.Call) (a *service.Answer, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
			w.opts.Logger.Error("command panicked", "stream", w.opts.Stream, "call", c.ID, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
	}()
	a, err = w.service.Call(ctx, c)
	if a == nil {
		a = &service.Answer{}
	}
	return a, err
}
