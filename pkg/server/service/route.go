package service

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/realtime-toolkit/rtk/pkg/server"
)

// Route sends calls of a namespace to a service.
type Route struct {
	// Namespace is a name such as /orders, or stands for many: /org-* as in
	// server.OfGlob, or ~ and a regular expression for the whole name as in
	// server.OfPattern. A name comes before a pattern, patterns are asked in the
	// order of the routes.
	Namespace string
	// Events is a pattern of event names in which * stands for any text, the
	// empty one too: "order.*", "*". Empty: no events. The first route of a
	// namespace that matches takes an event.
	Events string
	// Hooks are what else the service is told of. Every route that names a hook
	// gets its calls, for HookConnect in order until one rejects.
	Hooks []Hook
	// Contract describes events of the route for the contract of the gateway.
	// Payloads from clients are checked against it if the server checks any.
	Contract []Event
	To       *Target
}

// Target is a service that calls go to. Routes that share one share its lanes
// and its statistics.
type Target struct {
	Name    string // for logs and statistics
	Service Service
	// Window is how many calls of one connection may be with the service at a
	// time; 0 is 1. With more their order is not kept.
	Window int
}

func (r *Route) validate() error {
	if err := CheckNamespace(r.Namespace); err != nil {
		return err
	}
	switch {
	case r.To == nil || r.To.Service == nil:
		return errors.New("no service")
	case r.To.Window < 0:
		return fmt.Errorf("window %d: must be positive", r.To.Window)
	case r.Events == "" && len(r.Hooks) == 0:
		return errors.New("neither events nor hooks")
	}
	for _, h := range r.Hooks {
		if !slices.Contains(Hooks, h) {
			return fmt.Errorf("unknown hook %q", h)
		}
		if h == HookEvent && r.Events == "" {
			return errors.New("hook event needs a pattern of events")
		}
	}
	for i := range r.Contract {
		if err := r.Contract[i].Check(); err != nil {
			return fmt.Errorf("contract: %w", err)
		}
	}
	return nil
}

// CheckNamespace refuses what Route.Namespace does not take.
func CheckNamespace(name string) error {
	expr, pattern := strings.CutPrefix(name, "~")
	if !pattern {
		if !strings.HasPrefix(name, "/") {
			return fmt.Errorf("namespace %q: must begin with /, or be ~ and a regular expression", name)
		}
		return nil
	}
	if _, err := regexp.Compile(expr); err != nil {
		return fmt.Errorf("namespace %q: %w", name, err)
	}
	return nil
}

// open returns the namespaces that a checked name or pattern stands for.
func open(s *server.Server, name string) *server.Namespace {
	if expr, ok := strings.CutPrefix(name, "~"); ok {
		return s.OfPattern(regexp.MustCompile(expr))
	}
	if strings.Contains(name, "*") {
		return s.OfGlob(name)
	}
	return s.Of(name)
}

func (r *Route) takes(h Hook) bool { return slices.Contains(r.Hooks, h) }

// matchEvent reports whether name matches a pattern with any number of *.
func matchEvent(pattern, name string) bool {
	head, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == name
	}
	name, ok := strings.CutPrefix(name, head)
	if !ok {
		return false
	}
	for {
		part, next, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(name, part)
		}
		i := strings.Index(name, part)
		if i < 0 {
			return false
		}
		name, rest = name[i+len(part):], next
	}
}
