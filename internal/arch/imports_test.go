// Package arch keeps the import rules of the module: which package may import
// which, and who alone may import a library.
package arch

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"strings"
	"testing"
)

const module = "github.com/realtime-toolkit/rtk/"

type pkg struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	Imports    []string
	Deps       []string
}

// allowed maps a package, or a tree ending in /..., to what it may import of
// this module besides its own tree. The longest match holds.
var allowed = map[string][]string{
	"cmd/rtk":                         {"pkg/...", "scenarios", "internal/nearest"},
	"scenarios":                       {},
	"pkg/rt":                          {},
	"pkg/wire/...":                    {"pkg/wire/..."},
	"pkg/client/...":                  {"pkg/rt", "pkg/wire/..."},
	"pkg/loadgen/...":                 {"pkg/rt", "internal/nearest"},
	"pkg/faultproxy":                  {},
	"pkg/loadgen/jsondoc":             {},
	"pkg/loadgen/find":                {"pkg/loadgen/jsondoc"},
	"pkg/loadgen/compare":             {"pkg/loadgen/hist", "pkg/loadgen/jsondoc"},
	"pkg/tui/...":                     {"pkg/rt", "pkg/loadgen", "pkg/server/stats"},
	"pkg/emitter":                     {"pkg/wire/...", "pkg/server/cluster", "pkg/server/cluster/redis"},
	"pkg/server":                      {"pkg/rt", "pkg/wire/...", "pkg/server/auth", "pkg/server/throttle", "pkg/server/policy", "pkg/server/cluster", "pkg/server/peers", "pkg/server/stats", "pkg/server/history"},
	"pkg/server/auth":                 {},
	"pkg/server/throttle":             {},
	"pkg/server/policy":               {"internal/nearest"},
	"pkg/server/throttle/redis":       {"pkg/server/throttle", "pkg/server/internal/redisconn"},
	"pkg/server/internal/redisconn":   {},
	"pkg/server/stats":                {},
	"pkg/server/peers":                {},
	"pkg/server/history":              {},
	"pkg/server/cluster":              {"pkg/server/cluster/internal/..."},
	"pkg/server/cluster/internal/...": {},
	"pkg/server/cluster/redis":        {"pkg/server/cluster/...", "pkg/server/internal/redisconn", "pkg/wire/..."},
	"pkg/server/console":              {},
	"pkg/server/admin":                {"pkg/server/...", "pkg/wire/..."},
	"pkg/server/service/...":          {"pkg/server", "pkg/server/auth", "pkg/server/internal/redisconn", "pkg/server/service/...", "pkg/server/stats"},
	"bench/...":                       {"bench/internal/..."},
	"bench/internal/...":              {},
	"bench/peer":                      {"pkg/server", "pkg/server/cluster/redis"},
	"pkg/server/asyncapi":             {"pkg/server", "pkg/server/auth"},
	"pkg/server/asyncapi/validate":    {"pkg/server", "pkg/server/asyncapi", "pkg/wire/rawjson"},
	"internal/...":                    {"internal/...", "pkg/..."},
	"internal/nearest":                {},
	"examples/...":                    {"pkg/server/..."},
	"test/...":                        {"internal/...", "pkg/...", "scenarios", "cmd/..."},
}

// only names the packages that alone may import a library directly.
var only = map[string][]string{
	"github.com/gorilla/websocket": {"pkg/client", "pkg/server", "bench/generator"},
	"github.com/r3labs/sse/v2":     {"pkg/server/admin"},
	"github.com/redis/rueidis":     {"pkg/server/cluster/redis", "pkg/server/internal/redisconn", "pkg/server/throttle/redis", "pkg/server/service/streams"},
	"github.com/spf13/cobra":       {"cmd/rtk"},
	"charm.land/bubbletea/v2":      {"pkg/tui", "cmd/rtk"},
}

// oneFile are libraries that one file of each package imports.
var oneFile = []string{"github.com/gorilla/websocket", "github.com/r3labs/sse/v2"}

// notLinked are libraries that a program must not link by importing a package.
var notLinked = map[string][]string{
	"pkg/server":          {"github.com/redis/rueidis", "github.com/spf13/cobra", "charm.land/bubbletea/v2", "github.com/alicebob/miniredis/v2", "github.com/santhosh-tekuri/jsonschema/v6", "github.com/prometheus/client_golang/prometheus"},
	"pkg/server/asyncapi": {"github.com/santhosh-tekuri/jsonschema/v6"},
	"pkg/rt":              {"github.com/tidwall/gjson"},
}

func TestImportRules(t *testing.T) {
	for _, p := range list(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		rules, ok := rulesFor(name)
		if !ok {
			t.Errorf("%s: no import rule, add one to internal/arch", name)
			continue
		}
		for _, imp := range p.Imports {
			if own, found := strings.CutPrefix(imp, module); found && !sameTree(name, own) && !matchAny(rules, own) {
				t.Errorf("%s imports %s, allowed are %v", name, own, rules)
			}
			if owners, found := only[imp]; found && !matchAny(owners, name) {
				t.Errorf("%s imports %s, only %v may", name, imp, owners)
			}
		}
		for _, lib := range notLinked[name] {
			for _, dep := range p.Deps {
				if dep == lib {
					t.Errorf("%s links %s", name, lib)
				}
			}
		}
	}
}

func TestLibrariesInOneFile(t *testing.T) {
	for _, p := range list(t) {
		for _, lib := range oneFile {
			var files []string
			for _, f := range p.GoFiles {
				if importsOf(t, path.Join(p.Dir, f))[lib] {
					files = append(files, f)
				}
			}
			if len(files) > 1 {
				t.Errorf("%s: %v import %s, want one file", p.ImportPath, files, lib)
			}
		}
	}
}

func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,GoFiles,Imports,Deps", "./...")
	cmd.Dir = "../.."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var pkgs []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}

// rulesFor returns the rule with the longest pattern that matches name.
func rulesFor(name string) (rules []string, ok bool) {
	best := -1
	for pattern, r := range allowed {
		if match(pattern, name) && len(pattern) > best {
			best, rules, ok = len(pattern), r, true
		}
	}
	return rules, ok
}

func match(pattern, name string) bool {
	tree, isTree := strings.CutSuffix(pattern, "/...")
	return name == tree || isTree && strings.HasPrefix(name, tree+"/")
}

func matchAny(patterns []string, name string) bool {
	for _, p := range patterns {
		if match(p, name) {
			return true
		}
	}
	return false
}

// sameTree lets a package import what is below it, but not the reverse;
// pkg/server has rules of its own.
func sameTree(name, imp string) bool {
	return name != "pkg/server" && strings.HasPrefix(imp, name+"/")
}
