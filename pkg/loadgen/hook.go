package loadgen

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

// Hooks starts the processes that exec steps ask.
type Hooks interface {
	Start(HookCommand) (Hook, error)
}

// HookCommand says which process to start.
type HookCommand struct {
	Argv  []string // program and arguments
	Shell bool     // Argv[0] is a command line for the shell instead
	Dir   string   // to start it in: that of the file with the step
}

// Hook is one hook process.
type Hook interface {
	// Call sends a JSON object and returns the object that answers it. It is
	// safe for concurrent use. The error of a process that is gone says what it
	// wrote last to stderr.
	Call(ctx context.Context, request []byte) ([]byte, error)
	// Close ends the process and all that it has started.
	Close() error
}

// hookRun is a hook process of a group while it runs.
type hookRun struct {
	command HookCommand
	hook    Hook
}

// Commands are the command lines that the scenario's steps start, for those
// who have to decide whether it may.
func (s *Scenario) Commands() []Pos {
	var out []Pos
	for _, g := range s.Groups {
		for _, st := range g.Flow {
			if st.Exec != nil {
				out = append(out, st.Exec.Pos)
			}
		}
	}
	for _, f := range s.Faults {
		if f.Exec != nil || f.Kill != nil && f.Kill.PID != 0 {
			out = append(out, f.Pos)
		}
	}
	return out
}

// startHooks starts a process for each group and command.
func (e *engine) startHooks() error {
	for _, g := range e.groups {
		runs := map[*Exec]*hookRun{}
		for _, st := range g.plan.Group.Flow {
			x := st.Exec
			if x == nil {
				continue
			}
			cmd := HookCommand{Argv: x.Command, Shell: x.Shell, Dir: filepath.Dir(x.Pos.File)}
			i := slices.IndexFunc(g.hooks, func(h *hookRun) bool {
				return slices.Equal(h.command.Argv, cmd.Argv) && h.command.Shell == cmd.Shell && h.command.Dir == cmd.Dir
			})
			if i >= 0 {
				runs[x] = g.hooks[i]
				continue
			}
			hook, err := e.opt.Hooks.Start(cmd)
			if err != nil {
				e.stopHooks()
				return planError(x.Pos, "exec: %s", e.errs.clean(err.Error()))
			}
			runs[x] = &hookRun{command: cmd, hook: hook}
			g.hooks = append(g.hooks, runs[x])
		}
		for _, c := range g.cells {
			for _, st := range c.steps {
				st.hook = runs[st.step.Exec]
			}
		}
	}
	return nil
}

func (e *engine) stopHooks() {
	for _, g := range e.groups {
		for _, h := range g.hooks {
			if err := h.hook.Close(); err != nil {
				e.opt.Logger.Warn("hook process", "error", e.errs.clean(err.Error()))
			}
		}
	}
}

// clientHooks is what a client needs for its exec steps.
type clientHooks struct {
	vars  map[string]string // {{vars.NAME}}; replaced, never changed
	event []byte            // the last event that an expect step took, as JSON
	call  *hookCall         // of the present step
}

type hookCall struct {
	done bool
	kind rt.ErrKind
	err  string
	set  map[string]string
}

// vars are the client's variables, which must not be changed.
func (c *client) vars() map[string]string {
	if c.hooks == nil {
		return nil
	}
	return c.hooks.vars
}

const (
	maxHookEvent = 64 << 10 // an event that is longer is not passed on
	maxHookValue = 64 << 10
)

// keepEvent keeps an event for the exec steps that follow. mu is held.
func (c *client) keepEvent(m *rt.Message) {
	data := m.Data()
	if len(data) > maxHookEvent {
		return
	}
	if _, isJSON := jsonValue(data); !isJSON {
		data = appendJSONString(nil, string(data))
	}
	if c.hooks == nil {
		c.hooks = &clientHooks{}
	}
	event := append([]byte(`{"name":`), appendJSONString(nil, m.Event)...)
	event = append(event, `,"data":`...)
	c.hooks.event = append(append(event, data...), '}')
}

// askHook sends the request of an exec step in a goroutine of its own. mu is
// held.
func (c *client) askHook(st *stepRun) {
	if c.hooks == nil {
		c.hooks = &clientHooks{}
	}
	call := &hookCall{}
	c.hooks.call = call
	request := c.hookRequest(st)
	c.eng.wg.Go(func() {
		ctx, cancel := context.WithTimeout(c.eng.work, st.within)
		defer cancel()
		answer, err := st.hook.hook.Call(ctx, request)
		set, kind, err := readAnswer(st, answer, err)
		c.mu.Lock()
		defer c.mu.Unlock()
		call.done, call.set, call.kind = true, set, kind
		if err != nil {
			call.err = c.eng.errs.clean(st.step.Name + ": " + err.Error())
		}
		if c.hooks.call == call {
			c.kick()
		}
	})
}

// hookRequest is what a hook gets to know.
func (c *client) hookRequest(st *stepRun) []byte {
	v := c.template()
	r := struct {
		Client struct {
			Index  int    `json:"index"`
			Group  string `json:"group"`
			Target string `json:"target"`
		} `json:"client"`
		Run   string            `json:"run"`
		Step  string            `json:"step"`
		Event json.RawMessage   `json:"event,omitempty"`
		Vars  map[string]string `json:"vars,omitempty"`
		With  json.RawMessage   `json:"with,omitempty"`
	}{Run: v.RunID, Step: st.step.Name, Event: c.hooks.event, Vars: c.hooks.vars}
	r.Client.Index, r.Client.Group, r.Client.Target = v.Client, v.Group, v.Target
	if st.step.Exec.HasWith {
		r.With = st.step.Exec.With.Append(nil, &v)
	}
	b, err := json.Marshal(&r)
	if err != nil {
		panic("loadgen: hook request: " + err.Error()) // with was compiled as JSON
	}
	return b
}

// readAnswer checks what a hook has answered.
func readAnswer(st *stepRun, answer []byte, err error) (map[string]string, rt.ErrKind, error) {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return nil, rt.KindTimeout, fmt.Errorf("no answer within %s", st.within)
	case err != nil:
		return nil, rt.KindInternal, err
	}
	var a struct {
		OK    *bool                      `json:"ok"`
		Error string                     `json:"error"`
		Set   map[string]json.RawMessage `json:"set"`
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		return nil, rt.KindProtocol, fmt.Errorf("the answer %s is no JSON object with ok", clip(printable(string(answer)), 80))
	}
	switch {
	case a.OK == nil:
		return nil, rt.KindProtocol, errors.New("the answer lacks ok")
	case !*a.OK && a.Error == "":
		return nil, rt.KindRejected, errors.New("the hook said no")
	case !*a.OK:
		return nil, rt.KindRejected, errors.New(a.Error)
	}
	set := map[string]string{}
	for _, name := range st.step.Exec.Sets {
		raw, ok := a.Set[name]
		if !ok {
			return nil, rt.KindProtocol, fmt.Errorf("the answer does not set %s", name)
		}
		value := string(raw)
		if len(raw) > 0 && raw[0] == '"' {
			if err := json.Unmarshal(raw, &value); err != nil {
				return nil, rt.KindProtocol, fmt.Errorf("set.%s: %w", name, err)
			}
		}
		if len(value) > maxHookValue {
			return nil, rt.KindProtocol, fmt.Errorf("set.%s is longer than 64 KiB", name)
		}
		set[name] = value
	}
	return set, 0, nil
}

// advanceHook moves on in an exec step. mu is held.
func (c *client) advanceHook(st *stepRun, now time.Duration) bool {
	call := c.hooks.call
	switch {
	case !call.done:
		return false
	case call.err != "":
		c.abandon(st, call.kind, call.err)
		return true
	}
	vars := make(map[string]string, len(c.hooks.vars)+len(call.set))
	for k, v := range c.hooks.vars {
		vars[k] = v
	}
	for k, v := range call.set {
		vars[k] = v
	}
	c.hooks.vars = vars
	c.next(st, now)
	return true
}
