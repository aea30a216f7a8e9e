package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/realtime-toolkit/rtk/internal/nearest"
)

// maxConfig bounds rtk.yaml; goccy/go-yaml has no guard against alias bombs.
const maxConfig = 1 << 20

// configFlag is the flag that names the configuration file.
const configFlag = "config"

// bindFlags fills the flags that the command line left alone, in the order
//
//	flag > RTK_<COMMAND>_<FLAG> > RTK_<FLAG> > rtk.yaml > default
//
// and checks the whole file: unknown keys are errors with their position. The
// file is the --config flag's if the command has one, otherwise ./rtk.yaml or
// $XDG_CONFIG_HOME/rtk/rtk.yaml if they exist.
func bindFlags(env *Env, cmd *cobra.Command) error { return bindFlagsLike(env, cmd, cmd) }

// bindFlagsLike is bindFlags for a command that is not in the command tree: like
// is its twin there, whose --config and section of the file it takes.
func bindFlagsLike(env *Env, cmd, like *cobra.Command) error {
	file, err := loadConfig(env, like)
	if err != nil {
		return err
	}
	var errs []error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Changed || f.Name == "help" || f.Name == configFlag {
			return
		}
		name := strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		for _, v := range []string{"RTK_" + strings.ToUpper(cmd.Name()) + "_" + name, "RTK_" + name} {
			if value, ok := env.LookupEnv(v); ok {
				if err := f.Value.Set(value); err != nil {
					errs = append(errs, usagef("environment variable %s: %v", v, maskValue(f, err, value)))
				}
				f.Changed = true
				return
			}
		}
		if s, ok := file[f.Name]; ok {
			if err := f.Value.Set(s.value); err != nil {
				errs = append(errs, usagef("%s: %s: %v", s.pos, f.Name, maskValue(f, err, s.value)))
			}
			f.Changed = true
		}
	})
	return errors.Join(errs...)
}

// maskValue keeps a rejected secret out of an error text.
func maskValue(f *pflag.Flag, err error, value string) error {
	if value != "" && isSecretFlag(f.Name) {
		return errors.New(strings.ReplaceAll(err.Error(), value, "…"))
	}
	return err
}

// isSecretFlag reports whether a flag's value must never be shown.
func isSecretFlag(name string) bool {
	if name == "redis" { // its URL may hold a password
		return true
	}
	for _, s := range []string{"secret", "token", "admin-key", "publish-key", "sign-key", "password"} {
		if strings.Contains(name, s) {
			return true
		}
	}
	return false
}

// setting is one value of the configuration file.
type setting struct {
	value string
	pos   string // file:line:column
}

// loadConfig reads the section of cmd from the configuration file.
func loadConfig(env *Env, cmd *cobra.Command) (map[string]setting, error) {
	path, src, err := readConfig(env, cmd)
	if err != nil || src == nil {
		return nil, err
	}
	return parseConfig(path, src, cmd)
}

// readConfig reads the configuration file; src is nil when there is none.
func readConfig(env *Env, cmd *cobra.Command) (path string, src []byte, err error) {
	path, explicit := configPath(env, cmd)
	if path == "" {
		return "", nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		if !explicit && errors.Is(err, os.ErrNotExist) {
			return "", nil, nil
		}
		return "", nil, hint(usagef("read configuration: %w", err), "is the path right?")
	}
	defer f.Close()
	src = make([]byte, maxConfig+1)
	n, err := readFull(f, src)
	if err != nil {
		return "", nil, usagef("read configuration %s: %w", path, err)
	}
	if n > maxConfig {
		return "", nil, usagef("read configuration %s: larger than 1 MiB", path)
	}
	return path, src[:n], nil
}

func configPath(env *Env, cmd *cobra.Command) (path string, explicit bool) {
	if f := cmd.Flags().Lookup(configFlag); f != nil && f.Changed {
		return f.Value.String(), true
	}
	if v, ok := env.LookupEnv("RTK_CONFIG"); ok && v != "" {
		return v, true
	}
	if _, err := os.Stat("rtk.yaml"); err == nil {
		return "rtk.yaml", false
	}
	if dir := env.Getenv("XDG_CONFIG_HOME"); dir != "" {
		return filepath.Join(dir, "rtk", "rtk.yaml"), false
	}
	if home := env.Getenv("HOME"); home != "" {
		return filepath.Join(home, ".config", "rtk", "rtk.yaml"), false
	}
	return "", false
}

// parseConfig checks the whole file against the command tree and returns the
// settings of cmd. The file has a section a command, keys are flag names:
//
//	serve:
//	  listen: 127.0.0.1:3000
//	  service: [chat, feed]
//
// The sections of serveSections are read by who needs them.
func parseConfig(path string, src []byte, cmd *cobra.Command) (map[string]setting, error) {
	doc, err := parser.ParseBytes(src, 0)
	if err != nil {
		return nil, usagef("%s: %s", path, firstLine(err))
	}
	at := func(n ast.Node) string {
		p := n.GetToken().Position
		return fmt.Sprintf("%s:%d:%d", path, p.Line, p.Column)
	}
	settings := map[string]setting{}
	var errs []error
	fail := func(n ast.Node, format string, a ...any) {
		errs = append(errs, usagef("%s: %s", at(n), fmt.Sprintf(format, a...)))
	}
	commands := map[string]*cobra.Command{}
	names := slices.Clone(serveSections)
	for _, c := range cmd.Root().Commands() {
		commands[c.Name()] = c
		names = append(names, c.Name())
	}
	for _, d := range doc.Docs {
		if d.Body == nil {
			continue
		}
		for _, section := range mapping(d.Body, fail) {
			if slices.Contains(serveSections, section.Key.String()) {
				continue
			}
			c, ok := commands[section.Key.String()]
			if !ok {
				fail(section.Key, "unknown section %q%s", section.Key.String(), nearest.Hint(section.Key.String(), names))
				continue
			}
			if _, null := section.Value.(*ast.NullNode); null {
				continue
			}
			for _, kv := range mapping(section.Value, fail) {
				key := kv.Key.String()
				flag := c.Flags().Lookup(key)
				if flag == nil || key == "help" || key == configFlag {
					fail(kv.Key, "unknown key %q in %s%s", key, c.Name(), nearest.Hint(key, flagNames(c)))
					continue
				}
				value, ok := scalar(kv.Value)
				if !ok {
					fail(kv.Value, "%s wants one value or a list of values", key)
					continue
				}
				if c == cmd {
					if _, twice := settings[key]; twice {
						fail(kv.Key, "key %q stands twice", key)
					}
					settings[key] = setting{value, at(kv.Value)}
				}
			}
		}
	}
	return settings, errors.Join(errs...)
}

// mapping returns the entries of a mapping node and reports anything else.
func mapping(n ast.Node, fail func(ast.Node, string, ...any)) []*ast.MappingValueNode {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	}
	fail(n, "want a mapping such as   serve: {listen: 127.0.0.1:3000}")
	return nil
}

// scalar returns the text of a scalar, or of a list of scalars with commas.
func scalar(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.SequenceNode:
		var parts []string
		for _, v := range n.Values {
			s, ok := scalar(v)
			if !ok {
				return "", false
			}
			parts = append(parts, s)
		}
		return strings.Join(parts, ","), true
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case ast.ScalarNode:
		return n.GetToken().Value, true
	}
	return "", false
}

func flagNames(c *cobra.Command) (names []string) {
	c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return names
}

func firstLine(err error) string {
	s, _, _ := strings.Cut(strings.TrimSpace(err.Error()), "\n")
	return s
}
