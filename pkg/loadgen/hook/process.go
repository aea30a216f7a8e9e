package hook

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Options say what to start.
type Options struct {
	Argv  []string // program and arguments
	Shell bool     // Argv[0] is a command line for the shell instead
	Dir   string   // "" for the present directory
	// MaxCalls bounds the requests that are under way, 64 by default; further
	// ones wait.
	MaxCalls int
}

const (
	maxLine  = 1 << 20          // bytes of an answer
	maxTail  = 2 << 10          // bytes of stderr that are kept for errors
	stopTime = 2 * time.Second  // from the end of stdin until the process is ended
	killTime = 10 * time.Second // until no one waits for it any more
)

// Process is one hook process. It is safe for concurrent use.
type Process struct {
	name   string
	cmd    *exec.Cmd
	stdin  *os.File
	stderr *tail
	slots  chan struct{}

	writing chan struct{} // holds a token while a line is written

	mu      sync.Mutex
	next    uint64
	waiting map[uint64]chan []byte
	order   []uint64 // requests without an answer, oldest first
	broken  error

	gone chan struct{} // closed when the process has been reaped
	once sync.Once
}

// Start starts a process.
func Start(o Options) (*Process, error) {
	if len(o.Argv) == 0 || o.Argv[0] == "" {
		return nil, errors.New("no program")
	}
	if o.MaxCalls <= 0 {
		o.MaxCalls = 64
	}
	argv := o.Argv
	if o.Shell {
		argv = shell(o.Argv[0])
	}
	p := &Process{
		name: o.Argv[0], cmd: exec.Command(argv[0], argv[1:]...), stderr: &tail{max: maxTail},
		slots: make(chan struct{}, o.MaxCalls), waiting: map[uint64]chan []byte{}, gone: make(chan struct{}),
		writing: make(chan struct{}, 1),
	}
	p.cmd.Dir, p.cmd.Stderr = o.Dir, p.stderr
	// What the process leaves behind may hold its stderr open.
	p.cmd.WaitDelay = time.Second
	ownGroup(p.cmd)
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	in, stdin, err := os.Pipe() // of our own, for its write deadline
	if err != nil {
		return nil, err
	}
	p.stdin, p.cmd.Stdin = stdin, in
	err = p.cmd.Start()
	in.Close()
	if err != nil {
		stdin.Close()
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	go p.read(stdout)
	return p, nil
}

// Call sends a JSON object and waits for its answer until ctx ends.
func (p *Process) Call(ctx context.Context, request []byte) ([]byte, error) {
	request = bytes.TrimSpace(request)
	if len(request) < 2 || request[0] != '{' || bytes.IndexByte(request, '\n') >= 0 {
		return nil, errors.New("a request is a JSON object in one line")
	}
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-p.gone:
		return nil, p.failure()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	id, answer, err := p.send(ctx, request)
	if err != nil {
		return nil, err
	}
	defer p.forget(id)
	select {
	case a := <-answer:
		return a, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-p.gone:
	}
	select {
	case a := <-answer: // it answered before it ended
		return a, nil
	default:
		return nil, p.failure()
	}
}

// send writes one line. A process that does not take it before ctx ends is
// killed, because what it has taken of it is not known.
func (p *Process) send(ctx context.Context, request []byte) (uint64, <-chan []byte, error) {
	select {
	case p.writing <- struct{}{}:
		defer func() { <-p.writing }()
	case <-p.gone:
		return 0, nil, p.failure()
	case <-ctx.Done():
		return 0, nil, ctx.Err()
	}
	answer := make(chan []byte, 1)
	p.mu.Lock()
	if p.broken != nil {
		defer p.mu.Unlock()
		return 0, nil, p.broken
	}
	p.next++
	id := p.next
	p.waiting[id] = answer
	p.order = append(p.order, id)
	p.mu.Unlock()
	line := append([]byte(`{"id":`), strconv.FormatUint(id, 10)...)
	if rest := bytes.TrimSpace(request[1:]); rest[0] != '}' {
		line = append(line, ',')
	}
	line = append(append(line, request[1:]...), '\n')
	if err := p.write(ctx, line); err != nil {
		p.forget(id)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			killGroup(p.cmd)
			return 0, nil, fmt.Errorf("%s: it does not read its requests", p.name)
		}
		// The end of the process tells more than a broken pipe.
		select {
		case <-p.gone:
		case <-time.After(stopTime):
			return 0, nil, fmt.Errorf("%s: write: %w", p.name, err)
		}
		return 0, nil, p.failure()
	}
	return id, answer, nil
}

// write is a write that ends with ctx. The caller holds the token of writing.
func (p *Process) write(ctx context.Context, line []byte) error {
	cut := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = p.stdin.SetWriteDeadline(time.Unix(1, 0))
		close(cut)
	})
	_, err := p.stdin.Write(line)
	if !stop() {
		<-cut
		_ = p.stdin.SetWriteDeadline(time.Time{})
	}
	return err
}

// forget gives up waiting. The request keeps its place in the order, so that a
// late answer without an id does not count as that of the next one.
func (p *Process) forget(id uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.waiting, id)
}

// read hands out the answers until the process closes its stdout, then reaps
// it.
func (p *Process) read(stdout io.Reader) {
	defer close(p.gone)
	r := bufio.NewReaderSize(stdout, 64<<10)
	var why error
	for why == nil {
		line, err := readLine(r)
		switch {
		case err == nil && len(bytes.TrimSpace(line)) > 0:
			why = p.deliver(line)
		case errors.Is(err, io.EOF):
			why = io.EOF
		case err != nil:
			why = err
		}
	}
	if !errors.Is(why, io.EOF) {
		killGroup(p.cmd) // it does not speak the protocol
	}
	p.stdin.Close()
	timer := time.AfterFunc(stopTime, func() { killGroup(p.cmd) })
	err := p.cmd.Wait()
	timer.Stop()
	killGroup(p.cmd) // what it has left behind
	p.mu.Lock()
	defer p.mu.Unlock()
	text := "it has ended"
	if err != nil {
		text = err.Error()
	}
	if !errors.Is(why, io.EOF) {
		text = why.Error()
	}
	if said := p.stderr.String(); said != "" {
		text += ": " + said
	}
	p.broken = fmt.Errorf("%s: %s", p.name, text)
}

// deliver gives a line to the request that it answers.
func (p *Process) deliver(line []byte) error {
	var a struct {
		ID *uint64 `json:"id"`
	}
	if err := json.Unmarshal(line, &a); err != nil {
		return fmt.Errorf("wrote %q to stdout, want a JSON object in each line (diagnostics go to stderr)", cut(string(bytes.TrimSpace(line)), 80))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.order) == 0 {
		return fmt.Errorf("answered without having been asked: %q", cut(string(bytes.TrimSpace(line)), 80))
	}
	id := p.order[0]
	if a.ID != nil {
		id = *a.ID
	}
	for i, other := range p.order {
		if other == id {
			p.order = append(p.order[:i], p.order[i+1:]...)
			break
		}
	}
	if ch := p.waiting[id]; ch != nil {
		ch <- bytes.TrimSpace(line)
		delete(p.waiting, id)
	}
	return nil
}

func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > maxLine:
			return nil, errors.New("an answer is longer than 1 MiB")
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(line) > 0:
			return line, nil
		default:
			return line, err
		}
	}
}

func (p *Process) failure() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.broken == nil {
		return fmt.Errorf("%s: it has ended", p.name)
	}
	return p.broken
}

// Close ends the process: it closes its stdin, and after a while kills it with
// all that it has started. It is idempotent.
func (p *Process) Close() error {
	p.once.Do(func() {
		p.stdin.Close()
		select {
		case <-p.gone:
			return
		case <-time.After(stopTime):
		}
		killGroup(p.cmd)
	})
	select {
	case <-p.gone:
		return nil
	case <-time.After(killTime):
		return fmt.Errorf("%s: it does not end", p.name)
	}
}

func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
