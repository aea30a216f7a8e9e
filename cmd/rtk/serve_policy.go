package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/realtime-toolkit/rtk/pkg/server/policy"
)

// readPolicy reads a policy file, nil when none is asked for.
func readPolicy(path string, asked bool) (*policy.Policy, error) {
	if path == "" {
		if asked {
			return nil, usagef("--policy: the file name is empty")
		}
		return nil, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, usagef("--policy: %w", err)
	}
	defer file.Close()
	buf := make([]byte, policy.MaxBytes+1)
	n, err := readFull(file, buf)
	if err != nil {
		return nil, usagef("--policy: read %s: %w", path, err)
	}
	p, err := policy.Parse(path, buf[:n])
	if err != nil {
		return nil, usagef("%w", err)
	}
	return p, nil
}

// grants is what the token may do by the policy, nil without one.
func (o *inspectOptions) grants(claims string) ([]policy.Grant, error) {
	p, err := readPolicy(o.policy, false)
	if p == nil {
		return nil, err
	}
	var c map[string]any
	dec := json.NewDecoder(strings.NewReader(claims))
	dec.UseNumber()
	if err := dec.Decode(&c); err != nil {
		return nil, usagef("token: the claims can't be read: %w", err)
	}
	return p.Explain(c), nil
}

// writeGrants shows what each rule comes to.
func writeGrants(w io.Writer, grants []policy.Grant) error {
	if grants == nil {
		return nil
	}
	var b strings.Builder
	b.WriteString("policy\n")
	for _, g := range grants {
		if len(g.Patterns) == 0 {
			fmt.Fprintf(&b, "  %s\n      nothing: %s\n", printable(g.Rule), printable(g.Why))
			continue
		}
		where := ""
		if g.Namespace != "" {
			where = " in " + printable(g.Namespace)
		}
		fmt.Fprintf(&b, "  %s\n", printable(g.Rule))
		for _, p := range g.Patterns {
			fmt.Fprintf(&b, "      may %v  %s%s\n", g.Actions, printable(p), where)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// grantsJSON is the member "policy" with its comma, empty without a policy.
func grantsJSON(grants []policy.Grant) string {
	if grants == nil {
		return ""
	}
	type entry struct {
		Rule      string   `json:"rule"`
		Namespace string   `json:"namespace,omitempty"`
		Allows    []string `json:"allows"`
		Patterns  []string `json:"patterns"`
		Why       string   `json:"why,omitempty"`
	}
	list := make([]entry, len(grants))
	for i, g := range grants {
		list[i] = entry{g.Rule, g.Namespace, strings.Split(g.Actions.String(), ", "), g.Patterns, g.Why}
		if list[i].Patterns == nil {
			list[i].Patterns = []string{}
		}
	}
	b, _ := json.Marshal(list) // strings always marshal
	return `,"policy":` + string(b)
}
