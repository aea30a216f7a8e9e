package loadgen

import (
	"slices"
	"strings"
)

// profileDef is what a profile may change: all that stands in a file but the
// keys that say what the file is. Its values are partial, so the schema lets
// anything pass that may complete another.
var profileDef = profileOf(rootDef)

// notInProfiles are the keys of a file that a profile can't change.
var notInProfiles = []string{"version", "extends", "profiles"}

func profileOf(root *objectDef) *objectDef {
	d := &objectDef{name: "profile", what: "a profile", doc: "Changes to the scenario, chosen with --profile: mappings are joined, anything else is replaced, null takes away.", planned: root.planned}
	for _, k := range root.keys {
		if slices.Contains(notInProfiles, k.name) {
			continue
		}
		k.required = false
		if inner, ok := k.typ["additionalProperties"].(map[string]any); ok {
			k.typ = mapOf(anyOf(schemaType(inner), anyType))
		}
		d.keys = append(d.keys, k)
	}
	return d
}

// withProfile puts the chosen profile over the scenario. The shape of the
// others is checked; their environment is not, since nothing needs it.
func (p *parse) withProfile(root *node) *node {
	p.noteRead(rootDef, "profiles")
	e, rest := root.without("profiles")
	if e == nil {
		if p.chosen != "" {
			p.errorf(Pos{Line: 1, Column: 1}, "profile %q is asked for, but the scenario has no profiles", p.chosen)
		}
		return root
	}
	if e.value.kind == nullNode {
		p.errorf(e.key.pos, "%q has no value", "profiles")
		return rest
	}
	var chosen *entry
	p.named(e.value, "profiles", func(name string, key, value *node) {
		p.sc.Profiles = append(p.sc.Profiles, name)
		for _, word := range notInProfiles {
			if x, _ := value.without(word); x != nil {
				p.errorf(x.key.pos, "%s can't stand in a profile", word)
				return
			}
		}
		if clients, _ := value.without("clients"); clients != nil {
			if use, _ := clients.value.without("use"); use != nil && use.value.kind == scalarNode {
				p.hintf(use.key.pos, "write it under the file's own clients", "clients.use can't stand in a profile")
				return
			}
		}
		if p.object(value, profileDef) != nil && name == p.chosen {
			chosen = &entry{key, value}
		}
	})
	switch {
	case p.chosen == "":
		return rest
	case !slices.Contains(p.sc.Profiles, p.chosen):
		p.hintf(e.key.pos, didYouMean(p.chosen, p.sc.Profiles), "unknown profile %q", clip(printable(p.chosen), 60))
		return rest
	case chosen == nil:
		return rest // reported
	}
	out := merge(rest, chosen.value)
	if same(rest, out) {
		p.hintf(chosen.key.pos, "take it out, or write what it is to change", "profile %q changes nothing", strings.TrimSpace(p.chosen))
	}
	return out
}
