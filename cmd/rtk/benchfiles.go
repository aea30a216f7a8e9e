package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/realtime-toolkit/rtk/internal/nearest"
	"github.com/realtime-toolkit/rtk/pkg/loadgen"
	"github.com/realtime-toolkit/rtk/scenarios"
)

// maxScenario bounds a scenario file.
const maxScenario = 1 << 20

// stdinScenario is the name by which a scenario is read from stdin.
const stdinScenario = "-"

// parseScenario reads the text of a scenario with all the files that it names.
// Diagnostics are what is wrong with it; an error is about a file of keys or
// data.
func parseScenario(name string, src []byte, o loadgen.ParseOptions) (*loadgen.Scenario, loadgen.Diagnostics, error) {
	o.Open = openScenario
	sc, diags := loadgen.ParseWith(name, src, o)
	if len(diags) > 0 {
		return nil, diags, nil
	}
	if err := sc.LoadFiles(readBounded); err != nil {
		return nil, nil, usagef("%s: %w", name, err)
	}
	return sc, nil, nil
}

// scenarioSource is the text of a scenario: a shipped one by name, a file, or -
// for stdin.
func scenarioSource(env *Env, name string) ([]byte, error) {
	switch {
	case shipped(name):
		return scenarios.Open(name)
	case name == stdinScenario:
		return scenarioFrom(env.Stdin, "stdin")
	}
	return readScenario(name)
}

// openScenario reads a file that another one names: a shipped scenario by its
// name, anything else beside the file that names it.
func openScenario(from, name string) (string, []byte, error) {
	if shipped(name) {
		src, err := scenarios.Open(name)
		return name, src, err
	}
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(from), path)
	}
	src, err := readScenario(path)
	return path, src, err
}

func readScenario(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) && !strings.ContainsAny(name, "./\\") {
			return nil, hint(usagef("no scenario %q%s", name, nearest.Hint(name, scenarios.Names())),
				"shipped are "+strings.Join(scenarios.Names(), ", ")+"; anything else is a file")
		}
		return nil, usagef("read scenario: %w", err)
	}
	defer f.Close()
	return scenarioFrom(f, name)
}

func scenarioFrom(r io.Reader, name string) ([]byte, error) {
	src := make([]byte, maxScenario+1)
	n, err := readFull(r, src)
	if err != nil {
		return nil, usagef("read scenario %s: %w", name, err)
	}
	if n > maxScenario {
		return nil, usagef("read scenario %s: larger than 1 MiB", name)
	}
	return src[:n], nil
}

// readBounded reads a key or a data file.
func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(f, loadgen.MaxFile+1))
	if err == nil && len(src) > loadgen.MaxFile {
		err = fmt.Errorf("%s: larger than %d MiB", path, loadgen.MaxFile>>20)
	}
	return src, err
}

// commandsAllowed refuses to start the processes of a scenario that no one has
// put on this machine on purpose: what comes through a pipe, or with rtk and
// its environment, was not read by who starts it.
func commandsAllowed(name string, commands []loadgen.Pos, allow bool) error {
	if len(commands) == 0 || allow {
		return nil
	}
	why := ""
	if info, err := os.Stat(name); shipped(name) {
		why = "it is a shipped scenario, whose commands come from elsewhere"
	} else if name == stdinScenario || err == nil && !info.Mode().IsRegular() {
		why = "it came through a pipe, so it is in no file that could be looked at"
	}
	if why == "" {
		return nil
	}
	return hint(usagef("%s: refuses to start commands: %s", commands[0], why), "save it as a file, or pass --allow-exec")
}
