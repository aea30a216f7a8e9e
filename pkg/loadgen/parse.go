package loadgen

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/mint"
)

// parse is the state of reading one file.
type parse struct {
	sc       *Scenario
	lines    []string
	runes    [][]rune // lines that were looked into
	env      func(string) (string, bool)
	diags    Diagnostics
	expanded int // bytes from the environment
	// dropped counts the diagnostics past maxRecorded.
	dropped int
	onRead  func(def, key string) // tests follow which keys the parser reads

	targets map[string][]*Target // by name; a name of several urls stands for all
	groups  map[string]*Group
	used    map[*Target]bool
}

// Parse reads a scenario file. file is its name for messages; lookup gives
// the values of environment variables and may be nil for none.
//
// It reports everything that is wrong, not just the first thing, each with
// file:line:column. The scenario is nil if there is any diagnostic. Parse
// opens no other file: call LoadKeys for private keys.
func Parse(file string, src []byte, lookup func(string) (string, bool)) (*Scenario, Diagnostics) {
	return parseWith(file, src, lookup, nil)
}

func parseWith(file string, src []byte, lookup func(string) (string, bool), onRead func(def, key string)) (*Scenario, Diagnostics) {
	if lookup == nil {
		lookup = func(string) (string, bool) { return "", false }
	}
	p := &parse{
		sc:      &Scenario{File: file, Auth: map[string]*AuthProfile{}},
		env:     lookup,
		onRead:  onRead,
		targets: map[string][]*Target{},
		groups:  map[string]*Group{},
		used:    map[*Target]bool{},
	}
	if len(src) <= maxSource {
		p.lines = sourceLines([]byte(strings.TrimPrefix(string(src), "\ufeff")))
	}
	if root := p.loadYAML(src); root != nil {
		p.scenario(root)
	}
	m := newMasker(p.sc.Secrets)
	if p.dropped > 0 {
		p.diags = append(p.diags, Diagnostic{Pos: Pos{Line: len(p.lines), Column: 1}, Message: fmt.Sprintf("and %d more errors", p.dropped)})
	}
	if len(p.diags) > 0 {
		return nil, p.diags.finish(file, p.lines, m.mask)
	}
	return p.sc, nil
}

func (p *parse) scenario(root *node) {
	o := p.object(root, rootDef)
	if o == nil {
		return
	}
	s := p.sc
	p.version(o)
	s.Name = o.str("name")
	if s.Name == "" {
		base := filepath.Base(s.File)
		s.Name = strings.TrimSuffix(strings.TrimSuffix(base, filepath.Ext(base)), ".rtk")
	}
	s.Description = o.str("description")
	s.Seed = p.seed(o.get("seed"))
	s.Timeout = o.duration("timeout", 0)

	s.Phases = p.phases(o.get("phases"), true)
	p.named(o.get("targets"), "targets", p.target)
	p.named(o.get("auth"), "auth", p.authProfile)
	p.clients(o.get("clients"))
	p.named(o.get("verify"), "verify", p.verify)
	p.thresholds(o.get("thresholds"))
	p.check()
}

func (p *parse) version(o *object) {
	n := o.get("version")
	if n == nil {
		return
	}
	if v, ok := p.text(n, "version"); ok && v != "1" {
		p.hintf(n.pos, "write version: 1", "unknown version %s", n.describe())
	}
}

func (p *parse) seed(n *node) uint64 {
	if n == nil {
		return 0
	}
	s, ok := p.text(n, "seed")
	if !ok {
		return 0
	}
	v, err := strconv.ParseUint(strings.TrimPrefix(s, "0x"), map[bool]int{true: 16, false: 10}[strings.HasPrefix(s, "0x")], 64)
	if err != nil || v == 0 || len(s) > 1 && s[0] == '0' && s[1] != 'x' {
		p.errorf(n.pos, "seed is a whole number from 1, decimal or 0x…, not %s", n.describe())
	}
	return v
}

// LoadKeys reads the private keys that auth profiles name. readFile gets each
// path as the file has it, relative ones joined to the scenario's directory.
func (s *Scenario) LoadKeys(readFile func(path string) ([]byte, error)) error {
	for _, g := range s.Auth {
		if g.JWT == nil || g.JWT.KeyFile == "" || g.JWT.Key != nil {
			continue
		}
		path := g.JWT.KeyFile
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(s.File), path)
		}
		key, err := readFile(path)
		if err != nil {
			return fmt.Errorf("%s: key of auth profile %q: %w", g.Pos, g.Name, err)
		}
		g.JWT.Key = key
	}
	return nil
}

func defects() []mint.Defect {
	infos := mint.Defects()
	out := make([]mint.Defect, len(infos))
	for i, d := range infos {
		out[i] = d.Defect
	}
	return out
}

// Defaults of the language.
const (
	defaultRejectedWithin = 5 * time.Second
	defaultTokenLife      = 10 * time.Minute
)
