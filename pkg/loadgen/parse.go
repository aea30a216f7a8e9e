package loadgen

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/mint"
)

// parse is the state of reading one scenario.
type parse struct {
	sc      *Scenario
	*source         // the file that is being read, the scenario's own in the end
	sources sources // all files so far
	chain   []string
	reads   int // other files that were read
	// incomplete: a file is missing below, so that what is above it can\'t be
	// judged.
	incomplete bool
	literal    bool // ${ means nothing: a file of another tool
	nodes      int  // values of all files
	open       func(from, name string) (file string, src []byte, err error)
	chosen     string // profile
	env        func(string) (string, bool)
	diags      Diagnostics
	expanded   int // bytes from the environment
	// dropped counts the diagnostics past maxRecorded.
	dropped int
	blobs   *[]Blob               // of the emit step that is read, nil outside
	onRead  func(def, key string) // tests follow which keys the parser reads

	targets map[string][]*Target // by name; a name of several urls stands for all
	groups  map[string]*Group
	used    map[*Target]bool
	skips   map[any]string // reasons of the groups, verify blocks and thresholds that are left out
}

// Parse reads a scenario file. file is its name for messages; lookup gives
// the values of environment variables and may be nil for none.
//
// It reports everything that is wrong, not just the first thing, each with
// file:line:column. The scenario is nil if there is any diagnostic. Parse
// opens no other file: see ParseWith for scenarios that are made of several,
// and LoadFiles for private keys and data.
func Parse(file string, src []byte, lookup func(string) (string, bool)) (*Scenario, Diagnostics) {
	return ParseWith(file, src, ParseOptions{Lookup: lookup})
}

// ParseOptions are what a scenario is read with.
type ParseOptions struct {
	// Lookup gives the values of environment variables, nil for none.
	Lookup func(name string) (string, bool)
	// Open reads another file that the scenario names in extends or
	// clients.use; from is the file that names it. The file's name that Open
	// returns stands in messages, and is the same for the same file. Nil
	// refuses other files.
	Open func(from, name string) (file string, src []byte, err error)
	// Profile is the profile to put over the file, "" for none.
	Profile string

	onRead func(def, key string) // tests follow which keys the parser reads
}

// ParseWith is Parse for a scenario that may be made of several files and
// have profiles.
func ParseWith(file string, src []byte, o ParseOptions) (*Scenario, Diagnostics) {
	lookup := o.Lookup
	if lookup == nil {
		lookup = func(string) (string, bool) { return "", false }
	}
	p := &parse{
		sc:      &Scenario{File: file, Auth: map[string]*AuthProfile{}, Profile: o.Profile},
		env:     lookup,
		open:    o.Open,
		chosen:  o.Profile,
		onRead:  o.onRead,
		targets: map[string][]*Target{},
		groups:  map[string]*Group{},
		used:    map[*Target]bool{},
		skips:   map[any]string{},
	}
	if root := p.file(file, src); root != nil && !p.incomplete {
		root = p.withProfile(root)
		p.reportReferences(root)
		p.scenario(root)
	}
	m := newMasker(p.sc.Secrets)
	if p.dropped > 0 {
		p.diags = append(p.diags, Diagnostic{Pos: Pos{File: p.name, Line: len(p.lines), Column: 1}, Message: fmt.Sprintf("and %d more errors", p.dropped)})
	}
	if len(p.diags) > 0 {
		return nil, p.diags.finish(p.sources, m.mask)
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
	p.named(o.get("data"), "data", p.feeder)
	p.named(o.get("targets"), "targets", p.target)
	p.named(o.get("auth"), "auth", p.authProfile)
	p.clients(o.get("clients"))
	p.named(o.get("verify"), "verify", p.verify)
	p.faults(o.get("faults"))
	p.named(o.get("scrape"), "scrape", p.scrape)
	s.Checkpoint = p.checkpoint(o.get("checkpoint"))
	p.thresholds(o.get("thresholds"))
	p.reports(o.get("report"))
	p.check()
	p.dropSkipped()
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
// path as the file has it, relative ones joined to the directory of the file
// that names the key.
func (s *Scenario) LoadKeys(readFile func(path string) ([]byte, error)) error {
	for _, g := range s.Auth {
		if g.JWT == nil || g.JWT.KeyFile == "" || g.JWT.Key != nil {
			continue
		}
		key, err := readFile(beside(g.JWT.keyPos.File, g.JWT.KeyFile))
		if err != nil {
			return fmt.Errorf("%s: key of auth profile %q: %w", g.Pos, g.Name, err)
		}
		g.JWT.Key = key
	}
	return nil
}

// beside is a path as the file that names it means it.
func beside(file, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(file), path)
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
