package loadgen

import (
	"fmt"
	"strings"
	"sync"
)

// canaries is what became of the clients of a group that must receive nothing:
// one whose own join was refused is no canary, because it would receive nothing
// however much the server leaks.
type canaries struct {
	mu      sync.Mutex
	denied  int64
	example string // the first refusal
}

// deny notes that the server refused what the client did to be in its own room.
// mu is held.
func (c *client) deny(answer []byte) {
	if c.denied || c.joined {
		return
	}
	c.denied = true
	g := c.cell.group
	g.canaries.mu.Lock()
	defer g.canaries.mu.Unlock()
	if g.canaries.denied++; g.canaries.example == "" {
		g.canaries.example = c.clean(string(answer[:min(len(answer), maxQuoted)]))
	}
}

// looksRefused tells whether an ack without a matcher says no: an object with an
// error, or with a false ok.
func looksRefused(arg []byte) bool {
	v, ok := jsonValue(arg)
	if !ok || len(v) == 0 || v[0] != '{' {
		return false
	}
	for _, key := range []string{"ok", "success"} {
		if string(jsonField(v, key)) == "false" {
			return true
		}
	}
	for _, key := range []string{"error", "err", "errors"} {
		switch got := string(jsonField(v, key)); got {
		case "", "null", "false", `""`, "[]", "{}":
		default:
			return true
		}
	}
	switch strings.ToLower(string(jsonField(v, "status"))) {
	case `"error"`, `"fail"`, `"failed"`, `"denied"`, `"forbidden"`, `"unauthorized"`:
		return true
	}
	return false
}

// missingCanaries says which of the clients that had to be canaries were none, ""
// if all were.
func (acc *account) missingCanaries() string {
	g := acc.audience.group
	missing := g.plan.Count - acc.eligible
	if missing <= 0 {
		return ""
	}
	text := fmt.Sprintf("canary never joined: %d of %d of clients %s were not in a room of their own, so that they got nothing proves nothing",
		missing, g.plan.Count, g.plan.Group.Name)
	g.canaries.mu.Lock()
	defer g.canaries.mu.Unlock()
	if g.canaries.example != "" {
		text += fmt.Sprintf("; the server answered %d of them: %s", g.canaries.denied, g.canaries.example)
	}
	return text
}
