package loadgen

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// compileSchema also validates the schema itself against draft 07.
func compileSchema(t *testing.T, src []byte) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(src))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// asJSON reads YAML the way an editor does before it validates.
func asJSON(t *testing.T, src []byte) any {
	t.Helper()
	b, err := yaml.YAMLToJSON(src)
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func testEnv(name string) (string, bool) {
	v, ok := map[string]string{"JWT_SECRET": "0123456789abcdef0123456789abcdef", "URL": "http://127.0.0.1:3000"}[name]
	return v, ok
}

func goodFiles(t *testing.T) []string {
	t.Helper()
	shipped, _ := filepath.Glob("../../scenarios/*.yaml")
	good, _ := filepath.Glob("testdata/good/*.yaml")
	if len(shipped) < 4 || len(good) < 3 {
		t.Fatalf("scenarios are missing: %d shipped, %d good", len(shipped), len(good))
	}
	return append(shipped, good...)
}

func TestSchemaAcceptsGoodScenarios(t *testing.T) {
	t.Parallel()
	schema := compileSchema(t, Schema())
	for _, file := range goodFiles(t) {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, diags := ParseWith(file, src, ParseOptions{Lookup: testEnv, Open: openTest}); diags != nil {
			t.Errorf("%s: %s", file, diags.Format())
		}
		if err := schema.Validate(asJSON(t, src)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// The parser and the schema are made from one table. This walks it: every key
// is one that the parser reads, and every example is one that it takes.
func TestParserReadsEveryKeyOfTheSchema(t *testing.T) {
	t.Parallel()
	read := map[string]bool{}
	for _, file := range goodFiles(t) {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		ParseWith(file, src, ParseOptions{Lookup: testEnv, Open: openTest, onRead: func(def, key string) { read[def+"."+key] = true }})
	}
	for _, d := range append([]*objectDef{rootDef}, objectDefs...) {
		for _, k := range d.keys {
			if !read[d.name+"."+k.name] {
				t.Errorf("the parser never reads %s.%s", d.name, k.name)
			}
			if k.doc == "" || !strings.HasSuffix(k.doc, ".") || len(k.examples) == 0 {
				t.Errorf("%s.%s has no sentence of documentation, or no example", d.name, k.name)
			}
			if slices.Contains(d.planned, k.name) {
				t.Errorf("%s.%s is both known and planned", d.name, k.name)
			}
		}
	}
}

func TestSchemaTakesItsOwnExamples(t *testing.T) {
	t.Parallel()
	var doc map[string]any
	if err := json.Unmarshal(Schema(), &doc); err != nil {
		t.Fatal(err)
	}
	for _, d := range append([]*objectDef{rootDef}, objectDefs...) {
		for _, k := range d.keys {
			one := map[string]any{"$schema": draft07, "definitions": doc["definitions"], "allOf": []any{map[string]any(k.typ)}}
			src, err := json.Marshal(one)
			if err != nil {
				t.Fatal(err)
			}
			schema := compileSchema(t, src)
			for _, ex := range k.examples {
				b, _ := json.Marshal(ex)
				v, _ := jsonschema.UnmarshalJSON(bytes.NewReader(b))
				if err := schema.Validate(v); err != nil {
					t.Errorf("%s.%s: example %s: %v", d.name, k.name, b, err)
				}
			}
		}
	}
}

func TestSchemaRefusesWhatTheParserRefuses(t *testing.T) {
	t.Parallel()
	schema := compileSchema(t, Schema())
	base := "version: 1\ntargets: {a: {url: \"http://x\", protocol: socketio}}\nclients: {g: {flow: [{emit: x}]}}\n"
	if err := schema.Validate(asJSON(t, []byte(base))); err != nil {
		t.Fatal(err)
	}
	for name, src := range map[string]string{
		"unknown key":    base + "nam: x\n",
		"planned key":    strings.Replace(base, "{emit: x}", "{emit: x, seqFrom: id}", 1),
		"no version":     strings.Replace(base, "version: 1\n", "", 1),
		"two kinds":      strings.Replace(base, "{emit: x}", "{emit: x, wait: 1s}", 1),
		"bare duration":  strings.Replace(base, "{emit: x}", "{emit: x, ack: {within: 200}}", 1),
		"bare rate":      strings.Replace(base, "{emit: x}", "{emit: x, rate: 2, for: 1s}", 1),
		"text as count":  strings.Replace(base, "flow:", "count: many, flow:", 1),
		"no such word":   strings.Replace(base, "socketio", "sockets", 1),
		"unknown metric": base + "thresholds: {ack_latncy: count == 0}\n",
	} {
		_, diags := Parse("x.yaml", []byte(src), nil)
		if diags == nil {
			t.Errorf("%s: the parser takes it", name)
		}
		if schema.Validate(asJSON(t, []byte(src))) == nil {
			t.Errorf("%s: the schema takes it", name)
		}
	}
}

// reportSchema is compiled once: every run of the tests is validated.
var reportSchema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(ReportSchema()))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("report.json", doc); err != nil {
		return nil, err
	}
	return c.Compile("report.json")
})

// validateReports checks what is published about the report as JSON.
func validateReports(t *testing.T, reports ...*Report) {
	t.Helper()
	schema, err := reportSchema()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := WriteJSON(&b, reports); err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(&b)
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(v); err != nil {
		t.Errorf("the report does not fit its schema: %v", err)
	}
}

func TestReportSchema(t *testing.T) {
	t.Parallel()
	for _, reports := range [][]*Report{nil, {{Started: time.Unix(0, 0), Verdict: Pass}}, {failedReport(), passedReport()}} {
		validateReports(t, reports...)
	}
	if strings.Contains(string(ReportSchema()), `"description": ""`) {
		t.Error("a field of the report has no documentation")
	}
}
