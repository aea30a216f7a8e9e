package policy

import (
	"reflect"
	"slices"
	"strings"
)

// TopicNamespace is the namespace whose rooms are the topics of event streams.
// Rules for rooms don't apply to it unless they name it.
const TopicNamespace = "/events"

// Action is something that a client does with a room.
type Action uint8

// The actions.
const (
	Join Action = 1 << iota // join a room, follow a topic, resume in it
	Emit                    // send to it
)

// String is the word of the policy language.
func (a Action) String() string {
	var words []string
	for _, w := range actionWords {
		if a&w.action != 0 {
			words = append(words, w.word)
		}
	}
	return strings.Join(words, ", ")
}

var actionWords = []struct {
	word   string
	action Action
}{{"join", Join}, {"emit", Emit}}

// MaxNameBytes is the longest room name that a rule can match.
const MaxNameBytes = 256

// Policy is a list of rules. It is immutable and safe for concurrent use. The
// zero value allows nothing.
type Policy struct{ rules []rule }

type rule struct {
	source    string // as it stands in the file
	pattern   string
	namespace string // "" is every one but TopicNamespace
	actions   Action
	parts     []part
}

// Equal reports whether two policies, nil for none, have the same rules.
func (p *Policy) Equal(o *Policy) bool {
	if p == nil || o == nil {
		return p == o
	}
	return reflect.DeepEqual(p.rules, o.rules)
}

// applies reports whether the rule is for the namespace.
func (r *rule) applies(namespace string) bool {
	if r.namespace == "" {
		return namespace != TopicNamespace
	}
	return r.namespace == namespace
}

// Allows reports whether a client with these claims may do all of action with a
// room of the namespace. Claims are those of a JSON object; a client without a
// token has none. A nil Policy allows everything.
func (p *Policy) Allows(claims map[string]any, action Action, namespace, room string) bool {
	if p == nil {
		return true
	}
	for i := range p.rules {
		r := &p.rules[i]
		if r.actions&action != 0 && r.applies(namespace) && matches(r.parts, claims, room) {
			if action &^= r.actions; action == 0 {
				return true
			}
		}
	}
	return false
}

// Rules returns the number of rules.
func (p *Policy) Rules() int { return len(p.rules) }

// Grant is what one rule comes to for a client.
type Grant struct {
	Rule      string   // as it stands in the file
	Namespace string   // "" is every one but that of topics
	Actions   Action   // what it allows
	Patterns  []string // with the claims filled in; empty: the rule allows this client nothing
	Why       string   // why Patterns is empty
}

// maxExplained bounds the patterns of a Grant.
const maxExplained = 20

// Explain says what each rule comes to for a client with these claims.
func (p *Policy) Explain(claims map[string]any) []Grant {
	grants := make([]Grant, 0, len(p.rules))
	for i := range p.rules {
		r := &p.rules[i]
		g := Grant{Rule: r.source, Namespace: r.namespace, Actions: r.actions, Patterns: []string{""}}
		for _, part := range r.parts {
			var next []string
			if part.kind != claim {
				for _, s := range g.Patterns {
					next = append(next, s+part.text)
				}
			}
			if part.kind == claim {
				values := part.values(claims, nil)
				if len(values) == 0 {
					g.Why = "the token has no usable claim " + strings.Join(part.path, ".")
				}
				for _, s := range g.Patterns {
					for _, v := range values {
						next = append(next, s+v)
					}
				}
			}
			g.Patterns = next[:min(len(next), maxExplained)]
		}
		g.Patterns = slices.Clip(g.Patterns)
		grants = append(grants, g)
	}
	return grants
}
