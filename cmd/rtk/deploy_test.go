package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"
)

var (
	anyFlag    = regexp.MustCompile(`(?:^|[\s"\[,])--([a-z][a-z0-9-]*)`)
	serveEnv   = regexp.MustCompile(`RTK_SERVE_([A-Z_]+)`)
	ofOthers   = map[string]bool{"save": true, "appendonly": true, "build": true, "from-literal": true, "no-new-privileges": true, "from": true, "edit-last": true, "create-if-none": true, "body-file": true}
	serveBlock = regexp.MustCompile(`(?m)^    serve:\n((?:      .*\n)+)`)
)

// The files of deploy/ are whole YAML, and every flag, variable and key of rtk in
// them exists.
func TestDeployFiles(t *testing.T) {
	t.Parallel()
	root := newRoot(newEnv())
	known := map[string]bool{}
	serve := map[string]bool{}
	for _, c := range root.Commands() {
		for _, c := range append([]*cobra.Command{c}, c.Commands()...) {
			for _, name := range flagNames(c) {
				known[name] = true
				serve[name] = serve[name] || c.Name() == "serve"
			}
		}
	}
	files := 0
	err := filepath.WalkDir("../../deploy", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		text := string(b)
		if ext := filepath.Ext(path); ext == ".yaml" || ext == ".yml" {
			dec := yaml.NewDecoder(strings.NewReader(text))
			for {
				var doc map[string]any
				if err := dec.Decode(&doc); err != nil {
					if err.Error() != "EOF" {
						t.Errorf("%s: %v", path, err)
					}
					break
				}
				if len(doc) == 0 {
					t.Errorf("%s: an empty document", path)
				}
			}
		}
		for _, m := range anyFlag.FindAllStringSubmatch(text, -1) {
			if !known[m[1]] && !ofOthers[m[1]] {
				t.Errorf("%s: there is no flag --%s", path, m[1])
			}
		}
		for _, m := range serveEnv.FindAllStringSubmatch(text, -1) {
			if name := strings.ToLower(strings.ReplaceAll(m[1], "_", "-")); !serve[name] {
				t.Errorf("%s: %s: serve has no flag --%s", path, m[0], name)
			}
		}
		for _, block := range serveBlock.FindAllStringSubmatch(text, -1) {
			src := "serve:\n" + block[1]
			for _, c := range root.Commands() {
				if c.Name() == "serve" {
					if _, err := parseConfig(path, []byte(src), c); err != nil {
						t.Error(err)
					}
				}
			}
		}
		return nil
	})
	if err != nil || files < 8 {
		t.Errorf("%d files, %v", files, err)
	}
}
