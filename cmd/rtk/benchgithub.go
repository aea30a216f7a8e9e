package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/realtime-toolkit/rtk/pkg/loadgen"
)

// maxStepSummary is what GitHub takes of one step's summary; a larger one is
// dropped as a whole.
const maxStepSummary = 1 << 20

// github is what a run says to GitHub Actions: annotations on stderr, and the
// step summary. A nil one says nothing.
type github struct {
	env     *Env
	summary string // file, "" for none
	// annotate tells that the runner reads commands from our streams.
	annotate bool
	token    string // that ends the runner's pause, "" when there is none
}

// newGitHub finds out whether this is a step of a workflow. The flag overrides
// what the environment says.
func newGitHub(o *benchOptions) *github {
	g := &github{env: o.env, summary: o.env.Getenv("GITHUB_STEP_SUMMARY"), annotate: o.env.Getenv("GITHUB_ACTIONS") == "true"}
	if o.onGitHubSet {
		if !o.onGitHub {
			return nil
		}
		g.annotate = true
	}
	if g.summary == "" && !g.annotate {
		return nil
	}
	return g
}

// pause makes the runner take no commands from what is printed until resume:
// errors and progress quote servers, gateways and scenarios. Only who knows
// the token, which is new for each pause, can end it.
func (g *github) pause() {
	if g == nil || !g.annotate || g.token != "" {
		return
	}
	g.token = "rtk-" + rand.Text()
	fmt.Fprintf(g.env.Stderr, "::stop-commands::%s\n", g.token)
}

// resume ends a pause.
func (g *github) resume() {
	if g == nil || g.token == "" {
		return
	}
	fmt.Fprintf(g.env.Stderr, "::%s::\n", g.token)
	g.token = ""
}

// write annotates the scenarios and appends to the step summary. Nobody asked
// for these by name, so that what does not work is a warning, and the verdict
// stands.
func (g *github) write(reports []*loadgen.Report) {
	if g == nil {
		return
	}
	if g.annotate {
		paused := g.token != ""
		g.resume()
		if err := loadgen.WriteAnnotations(g.env.Stderr, reports, g.path); err != nil {
			fmt.Fprintf(g.env.Stderr, "rtk: warning: annotations: %v\n", err)
		}
		if paused {
			g.pause()
		}
	}
	if err := g.appendSummary(reports); err != nil {
		fmt.Fprintf(g.env.Stderr, "rtk: warning: step summary: %v\n", err)
	}
}

// path is a scenario's file as the repository has it: GitHub knows files by
// their path from the workspace, wherever the step runs.
func (g *github) path(file string) string {
	if shipped(file) {
		return ""
	}
	root := g.env.Getenv("GITHUB_WORKSPACE")
	abs, err := filepath.Abs(file)
	if root == "" || err != nil {
		return filepath.ToSlash(file)
	}
	if rel, err := filepath.Rel(root, abs); err == nil && filepath.IsLocal(rel) {
		return filepath.ToSlash(rel)
	}
	return ""
}

// appendSummary adds to what the step's earlier commands wrote, within what
// GitHub takes of all of it.
func (g *github) appendSummary(reports []*loadgen.Report) error {
	if g.summary == "" {
		return nil
	}
	used := int64(0)
	switch st, err := os.Stat(g.summary); {
	case err == nil:
		used = st.Size()
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	var b strings.Builder
	if left := maxStepSummary - used - 1; left > 0 {
		if err := loadgen.WriteMarkdown(&b, reports, loadgen.MarkdownOptions{Version: version(), Limit: int(left)}); err != nil {
			return err
		}
	}
	if b.Len() == 0 {
		return fmt.Errorf("%s has %d bytes already, and GitHub takes %d a step", g.summary, used, maxStepSummary)
	}
	f, err := os.OpenFile(g.summary, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	// A line of its own, whatever was written before.
	if _, err := f.WriteString("\n" + b.String()); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
