package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/spf13/cobra"

	"github.com/realtime-toolkit/rtk/internal/nearest"
	"github.com/realtime-toolkit/rtk/pkg/server/service"
)

// Sections of the configuration file beside those of the commands.
const (
	sectionServices = "services"
	sectionRoutes   = "routes"
)

var serveSections = []string{sectionServices, sectionRoutes}

// serviceKinds are the kinds of services with the keys that only they have.
var serviceKinds = map[string][]string{
	"webhook": {"url", "secret", "timeout", "concurrency", "queue", "retries", "max-response"},
	"streams": {"redis", "stream", "pending", "max-length"},
}

// commonKeys are those of every kind.
var commonKeys = []string{"kind", "window", "deadline"}

// loadRouting reads the services and routes of the configuration file, nil
// without a file.
func loadRouting(env *Env, cmd *cobra.Command) (*routing, error) {
	path, src, err := readConfig(env, cmd)
	if err != nil || src == nil {
		return nil, err
	}
	return parseRouting(path, src, env)
}

// parseRouting reads the sections of serveSections. All of their errors come
// with their place.
func parseRouting(path string, src []byte, env *Env) (*routing, error) {
	doc, err := parser.ParseBytes(src, 0)
	if err != nil {
		return nil, usagef("%s: %s", path, firstLine(err))
	}
	p := &routingParser{path: path, env: env, out: &routing{}, named: map[string]*serviceConfig{}}
	var services, routes []ast.Node
	for _, d := range doc.Docs {
		if d.Body == nil {
			continue
		}
		for _, section := range mapping(d.Body, p.fail) {
			if _, null := section.Value.(*ast.NullNode); null {
				continue
			}
			switch section.Key.String() {
			case sectionServices:
				services = append(services, section.Value)
			case sectionRoutes:
				routes = append(routes, section.Value)
			}
		}
	}
	for _, n := range services {
		p.services(n)
	}
	for _, n := range routes { // after all services, whatever their place
		p.routes(n)
	}
	if len(p.errs) == 0 {
		p.unused()
	}
	return p.out, errors.Join(p.errs...)
}

type routingParser struct {
	path  string
	env   *Env
	out   *routing
	named map[string]*serviceConfig
	errs  []error
}

func (p *routingParser) at(n ast.Node) string {
	pos := n.GetToken().Position
	return fmt.Sprintf("%s:%d:%d", p.path, pos.Line, pos.Column)
}

func (p *routingParser) fail(n ast.Node, format string, a ...any) {
	p.errs = append(p.errs, usagef("%s: %s", p.at(n), fmt.Sprintf(format, a...)))
}

// entry is one key with its value, after the references to the environment.
type entry struct {
	key   string
	node  ast.Node // of the value
	value string
}

// entries reads a mapping of scalars (and lists of them) whose keys are known.
// The values of raw keys are left to the caller.
func (p *routingParser) entries(n ast.Node, what string, known []string, raw ...string) (list []entry) {
	seen := map[string]bool{}
	for _, kv := range mapping(n, func(n ast.Node, _ string, _ ...any) {
		p.fail(n, "%s: want a mapping such as {kind: webhook, url: https://…}", what)
	}) {
		key := kv.Key.String()
		switch {
		case !slices.Contains(known, key):
			p.fail(kv.Key, "unknown key %q in %s%s", key, what, nearest.Hint(key, known))
			continue
		case seen[key]:
			p.fail(kv.Key, "key %q stands twice in %s", key, what)
			continue
		}
		seen[key] = true
		if slices.Contains(raw, key) {
			list = append(list, entry{key, kv.Value, ""})
			continue
		}
		text, ok := scalar(kv.Value)
		if !ok {
			p.fail(kv.Value, "%s wants one value or a list of values", key)
			continue
		}
		value, err := expandEnv(p.env, text)
		if err != nil {
			p.fail(kv.Value, "%s: %v", key, err)
			continue
		}
		list = append(list, entry{key, kv.Value, value})
	}
	return list
}

func (p *routingParser) services(n ast.Node) {
	for _, kv := range mapping(n, p.fail) {
		name := kv.Key.String()
		c := &serviceConfig{name: name, pos: p.at(kv.Key)}
		if p.named[name] != nil {
			p.fail(kv.Key, "service %q stands twice", name)
			continue
		}
		p.named[name] = c
		p.out.services = append(p.out.services, c)
		p.service(kv.Value, c)
	}
}

func (p *routingParser) service(n ast.Node, c *serviceConfig) {
	what := fmt.Sprintf("service %q", c.name)
	all := slices.Clone(commonKeys)
	for _, keys := range serviceKinds {
		all = append(all, keys...)
	}
	slices.Sort(all)
	before := len(p.errs)
	list := p.entries(n, what, slices.Compact(all))
	for _, e := range list {
		if e.key == "kind" {
			c.kind = e.value
		}
	}
	own, known := serviceKinds[c.kind]
	switch {
	case c.kind == "" && len(p.errs) > before:
		return
	case c.kind == "":
		p.fail(n, "%s has no kind; kinds are %s", what, strings.Join(kindNames(), ", "))
		return
	case !known:
		p.fail(n, "%s: unknown kind %q%s", what, c.kind, nearest.Hint(c.kind, kindNames()))
		return
	}
	for _, e := range list {
		if !slices.Contains(commonKeys, e.key) && !slices.Contains(own, e.key) {
			p.fail(e.node, "%s: a service of kind %s has no %s", what, c.kind, e.key)
			continue
		}
		if err := c.set(e.key, e.value); err != nil {
			p.fail(e.node, "%s: %v", e.key, err)
		}
	}
}

func kindNames() (names []string) {
	for k := range serviceKinds {
		names = append(names, k)
	}
	slices.Sort(names)
	return names
}

// set sets a field. An error never holds the value, which may be a secret.
func (c *serviceConfig) set(key, value string) error {
	switch key {
	case "url", "secret", "redis", "stream":
		if value == "" {
			return errors.New("is empty")
		}
	}
	switch key {
	case "url":
		c.url = value
	case "secret":
		c.secret = value
	case "timeout":
		return setDuration(&c.timeout, value)
	case "deadline":
		return setDuration(&c.deadline, value)
	case "window":
		return setCount(&c.window, value, false)
	case "concurrency":
		return setCount(&c.concurrency, value, false)
	case "queue":
		return setCount(&c.queue, value, true)
	case "retries":
		return setCount(&c.retries, value, true)
	case "max-response":
		return setCount(&c.maxResponse, value, false)
	case "redis":
		c.redis = value
	case "stream":
		c.stream = value
	case "pending":
		return setCount(&c.pending, value, false)
	case "max-length":
		return setCount(&c.maxLength, value, false)
	}
	return nil
}

func setDuration(at *time.Duration, value string) error {
	d, err := time.ParseDuration(value)
	if err != nil || d < time.Millisecond {
		return errors.New("want a duration of at least 1ms, such as 2s")
	}
	*at = d
	return nil
}

// setCount reads a whole number; 0 in the file means none, which is -1 in the
// options.
func setCount(at *int, value string, none bool) error {
	n, err := strconv.Atoi(value)
	switch {
	case err != nil || n < 0 || n > 1<<30:
		return errors.New("want a whole number")
	case n == 0 && !none:
		return errors.New("must be at least 1")
	case n == 0:
		n = -1
	}
	*at = n
	return nil
}

var routeKeys = []string{"namespace", "events", "hooks", "service"}

func (p *routingParser) routes(n ast.Node) {
	list, ok := n.(*ast.SequenceNode)
	if !ok {
		p.fail(n, "routes: want a list such as   - {namespace: /orders, events: \"*\", service: orders}")
		return
	}
	for _, item := range list.Values {
		p.route(item)
	}
}

func (p *routingParser) route(n ast.Node) {
	r := &routeConfig{pos: p.at(n)}
	before := len(p.errs)
	for _, e := range p.entries(n, "a route", routeKeys, "events") {
		switch e.key {
		case "namespace":
			r.namespace = e.value
			if err := service.CheckNamespace(e.value); err != nil {
				p.fail(e.node, "%v", err)
			}
		case "events":
			p.events(e.node, r)
		case "hooks":
			p.hooks(e, r)
		case "service":
			if r.to = p.named[e.value]; r.to == nil {
				p.fail(e.node, "no service %q in services%s", e.value, nearest.Hint(e.value, p.serviceNames()))
			}
		}
	}
	switch {
	case len(p.errs) > before:
		return
	case r.namespace == "":
		p.fail(n, "a route wants a namespace")
	case r.to == nil:
		p.fail(n, "a route wants a service")
	case r.patterns == nil && r.hooks == nil:
		p.fail(n, "a route wants events from clients or hooks")
	}
	p.out.routes = append(p.out.routes, r)
}

func (p *routingParser) hooks(e entry, r *routeConfig) {
	names := make([]string, 0, len(service.Hooks))
	for _, h := range service.Hooks {
		if h != service.HookEvent {
			names = append(names, string(h))
		}
	}
	for name := range strings.SplitSeq(e.value, ",") {
		switch {
		case name == string(service.HookEvent):
			p.fail(e.node, `hook "event" is the key events, as in   events: "*"`)
		case !slices.Contains(names, name):
			p.fail(e.node, "unknown hook %q%s; hooks are %s", name, nearest.Hint(name, names), strings.Join(names, ", "))
		default:
			r.hooks = append(r.hooks, service.Hook(name))
		}
	}
}

func (p *routingParser) serviceNames() (names []string) {
	for _, s := range p.out.services {
		names = append(names, s.name)
	}
	return names
}

// unused reports services that no route leads to: somebody expects them to work.
func (p *routingParser) unused() {
	for _, s := range p.out.services {
		if !slices.ContainsFunc(p.out.routes, func(r *routeConfig) bool { return r.to == s }) {
			p.errs = append(p.errs, usagef("%s: no route leads to service %q", s.pos, s.name))
		}
	}
}
