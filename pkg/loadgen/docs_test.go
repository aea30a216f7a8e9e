package loadgen

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/mint"
)

const docsFile = "../../docs/scenarios.md"

// Every scenario in the guide must be one that the parser takes.
func TestDocsExamples(t *testing.T) {
	t.Parallel()
	src, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	schema := compileSchema(t, Schema())
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(src), -1)
	if len(blocks) < 4 {
		t.Fatalf("%d examples", len(blocks))
	}
	for i, b := range blocks {
		if _, diags := Parse(fmt.Sprintf("example %d", i+1), []byte(b[1]), testEnv); diags != nil {
			t.Error(diags.Format())
		}
		if err := schema.Validate(asJSON(t, []byte(b[1]))); err != nil {
			t.Errorf("example %d: %v", i+1, err)
		}
	}
}

// The tables of the guide are made from those of the parser; -update rewrites
// them.
func TestDocsTables(t *testing.T) {
	src, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	got := string(src)
	for name, table := range map[string]string{
		"variables": variableRows(), "defects": defectRows(), "metrics": metricRows(), "keys": keySections(),
	} {
		re := regexp.MustCompile(`(?s)<!-- ` + name + ` -->\n.*?<!-- end -->`)
		if !re.MatchString(got) {
			t.Fatalf("no place for the %s", name)
		}
		got = re.ReplaceAllLiteralString(got, "<!-- "+name+" -->\n"+table+"<!-- end -->")
	}
	if *update {
		if err := os.WriteFile(docsFile, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(src), got); diff != "" {
		t.Errorf("%s is out of step, run the test with -update (-want +got):\n%s", docsFile, diff)
	}
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

func variableRows() string {
	var b strings.Builder
	for _, v := range templateVars {
		fmt.Fprintf(&b, "| `{{%s}}` | %s |\n", v.name, cell(v.doc))
	}
	return b.String()
}

func defectRows() string {
	var b strings.Builder
	for _, d := range mint.Defects() {
		needs := ""
		if d.Needs != "" {
			needs = " (the server needs " + d.Needs + ")"
		}
		fmt.Fprintf(&b, "| `%s` | %s%s |\n", d.Defect, cell(d.What), needs)
	}
	return b.String()
}

func metricRows() string {
	var b strings.Builder
	for _, m := range Metrics() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", m.Name, m.Kind, strings.Join(m.Labels, " "), cell(m.Doc))
	}
	return b.String()
}

func keySections() string {
	var b strings.Builder
	for _, d := range append([]*objectDef{rootDef}, objectDefs...) {
		fmt.Fprintf(&b, "### %s\n\n%s\n\n| key | what | example |\n|---|---|---|\n", d.name, d.doc)
		for _, k := range d.keys {
			name := "`" + k.name + "`"
			if k.required {
				name += " (required)"
			}
			ex, err := yaml.MarshalWithOptions(k.examples[0], yaml.Flow(true))
			if err != nil {
				panic(err)
			}
			fmt.Fprintf(&b, "| %s | %s | `%s` |\n", name, cell(k.doc), cell(strings.TrimSpace(string(ex))))
		}
		b.WriteByte('\n')
	}
	return b.String()
}
