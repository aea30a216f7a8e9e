package loadgen

import (
	"slices"
	"time"
)

// Exec asks a hook process.
type Exec struct {
	Pos     Pos
	Command []string // program and arguments; one entry with Shell
	Shell   bool     // Command[0] is for the shell
	With    Template
	HasWith bool
	Sets    []string // names that the answer must set
	Within  time.Duration
}

const maxHookSets = 64

func (p *parse) exec(o *object, what *node) *Exec {
	x := &Exec{Pos: what.pos, Within: o.duration("within", DefaultStepWithin)}
	switch what.kind {
	case scalarNode:
		x.Shell = true
		if s, ok := p.text(what, "exec"); ok && s == "" {
			p.errorf(what.pos, "exec names no program")
		} else {
			x.Command = []string{s}
		}
	case sequenceNode:
		for _, item := range p.items(what, "exec") {
			s, _ := p.text(item, "an argument of exec")
			x.Command = append(x.Command, s)
		}
		if len(x.Command) > 0 && x.Command[0] == "" && p.sound() {
			p.errorf(what.items[0].pos, "exec names no program")
		}
	default:
		p.errorf(what.pos, "exec is a list of a program and its arguments, or a command line, not %s", what.describe())
	}
	if n := o.get("with"); n != nil {
		x.With, x.HasWith = p.template(n), true
		if x.With.HasMarker() {
			p.errorf(n.pos, "{{marker}} belongs to a message, a hook gets none")
		}
		for _, part := range x.With.parts {
			if part.v != nil && part.v.name == "seq" {
				p.errorf(n.pos, "{{seq}} belongs to a message, a hook gets none")
			}
		}
	}
	for _, item := range p.list(o.get("sets"), "sets") {
		switch {
		case !validName(item.text):
			p.errorf(item.pos, "%s is no name for {{vars.NAME}}", item.describe())
		case slices.Contains(x.Sets, item.text):
			p.errorf(item.pos, "%s is listed twice", item.describe())
		case len(x.Sets) == maxHookSets:
			p.errorf(item.pos, "more than %d names in sets", maxHookSets)
		default:
			x.Sets = append(x.Sets, item.text)
		}
	}
	return x
}
