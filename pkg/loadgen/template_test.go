package loadgen

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func valid8(b []byte) bool { return utf8.Valid(b) }

var someVars = TemplateVars{
	Client: 203, Group: "chatters", Target: "pod-a", RunID: "k3f", Seq: 7, NowMS: 1767528187388,
	Matrix: map[string]string{"colour": `r"e\d`}, Marker: []byte("rtk1.k3f.2.7.x"), Rand: 99,
}

func TestTemplate(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, in, text, json string }{
		{"literal", `"hi"`, `"hi"`, `"hi"`},
		{"index", `"user-{{client.index}}"`, `"user-203"`, `"user-203"`},
		{"modulo", `"room-{{ client.index % 100 }}"`, `"room-3"`, `"room-3"`},
		{"number alone", `{{seq}}`, `7`, `7`},
		{"number before a brace", `{"n":{{seq}}}`, `{"n":7}`, `{"n":7}`},
		{"a string stays one", `"{{seq}}"`, `"7"`, `"7"`},
		{"text alone is quoted in JSON", `[{{marker}}]`, `[rtk1.k3f.2.7.x]`, `["rtk1.k3f.2.7.x"]`},
		{"escaped within a string", `"{{matrix.colour}}"`, `"r"e\d"`, `"r\"e\\d"`},
		{"escaped when quoted", `{{matrix.colour}}`, `r"e\d`, `"r\"e\\d"`},
		{"an escaped quote does not end a string", `"\"{{seq}}{{marker}}"`, `"\"7rtk1.k3f.2.7.x"`, `"\"7rtk1.k3f.2.7.x"`},
		{"names", `"{{run.id}} {{client.group}} {{target.name}} {{now}}"`, `"k3f chatters pod-a 1767528187388"`, `"k3f chatters pod-a 1767528187388"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			plain, err := ParseTemplate(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(plain.Append(nil, &someVars)); got != tt.text {
				t.Errorf("as text %s, want %s", got, tt.text)
			}
			j, err := ParseJSONTemplate(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			got := j.Append([]byte("x"), &someVars)
			if string(got) != "x"+tt.json || !json.Valid(got[1:]) {
				t.Errorf("as JSON %s, want x%s", got, tt.json)
			}
			if j.String() != tt.in {
				t.Errorf("String is %q", j.String())
			}
		})
	}
	var zero Template
	if got := zero.Append(nil, &someVars); len(got) != 0 || zero.HasMarker() {
		t.Error("the zero template renders something")
	}
	for _, bad := range []string{"{{", "{{}}", "{{sequence}}", "{{seq % 0}}", "{{seq % x}}", "{{marker % 2}}", "{{matrix.}}", "{{seq", "}}{{"} {
		if _, err := ParseTemplate(bad); err == nil {
			t.Errorf("%q is taken for a template", bad)
		}
	}
	for _, bad := range []string{`{"a":{{seq}}`, `{{seq}}{{seq}}x`, `[1 {{seq}}]`, `nope`} {
		if _, err := ParseJSONTemplate(bad); err == nil {
			t.Errorf("%q is taken for JSON", bad)
		}
	}
}

func TestTemplateRandomIsRepeatable(t *testing.T) {
	t.Parallel()
	tmpl, err := ParseTemplate("{{uuid}} {{uuid}} {{rand}} {{rand % 10}}")
	if err != nil {
		t.Fatal(err)
	}
	a, b := string(tmpl.Append(nil, &someVars)), string(tmpl.Append(nil, &someVars))
	if a != b {
		t.Errorf("the same seed gives %s and %s", a, b)
	}
	other := someVars
	other.Rand++
	if a == string(tmpl.Append(nil, &other)) {
		t.Error("another seed gives the same")
	}
	f := strings.Fields(a)
	if f[0] == f[1] || len(f[0]) != 36 || f[0][14] != '4' || strings.IndexByte("89ab", f[0][19]) < 0 {
		t.Errorf("not two version 4 UUIDs: %s", a)
	}
}

func TestTemplateAllocatesNothing(t *testing.T) {
	tmpl, err := ParseJSONTemplate(`{"room":"r-{{client.index % 7}}","text":"{{marker}}","n":{{seq}},"id":"{{uuid}}","g":{{client.group}}}`)
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 0, 512)
	if n := testing.AllocsPerRun(100, func() { tmpl.Append(buf, &someVars) }); n > 0 {
		t.Errorf("%v allocations for each rendering", n)
	}
}

func TestSplitJSONArgs(t *testing.T) {
	t.Parallel()
	args, err := splitJSONArgs(` [ "lobby" , {"text": "{{marker}}", "n": {{seq}}}, [1,2], {{client.group}} ] `)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{`"lobby"`, `{"text": "rtk1.k3f.2.7.x", "n": 7}`, `[1,2]`, `"chatters"`}
	for i, a := range args {
		if got := string(a.Append(nil, &someVars)); i >= len(want) || got != want[i] {
			t.Errorf("argument %d is %s", i, got)
		}
	}
	if len(args) != len(want) {
		t.Errorf("%d arguments, want %d", len(args), len(want))
	}
	if args, err := splitJSONArgs("[]"); err != nil || len(args) != 0 {
		t.Errorf("no arguments: %v, %v", args, err)
	}
}

func FuzzTemplate(f *testing.F) {
	for _, s := range []string{`{"a":"{{marker}}","n":{{seq % 3}}}`, `{{uuid}}`, `"\\{{seq}}"`, `{{`, `[{{matrix.colour}},"{{matrix.colour}}"]`, `"{{now}}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if plain, err := ParseTemplate(s); err == nil {
			plain.Append(nil, &someVars)
		}
		j, err := ParseJSONTemplate(s)
		if err != nil {
			return
		}
		if out := j.Append(nil, &someVars); !json.Valid(out) && !deep(out) {
			t.Fatalf("%q renders %q, which is no JSON", s, out)
		}
		splitJSONArgs(s)
	})
}

func TestPad(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{`"{{pad 1B}}"`: 1, `"{{pad 100B}}"`: 100, `"{{ pad 2KiB }}"`: 2048, `"{{pad 3kB}}"`: 3000, `"{{pad 1MiB}}"`: 1 << 20, `{{pad 64B}}`: 64} {
		tpl, err := ParseJSONTemplate(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got := tpl.Append(nil, &TemplateVars{})
		if len(got) != want+2 || got[0] != '"' || got[len(got)-1] != '"' {
			t.Errorf("%s renders %d bytes, want %d in quotes", text, len(got)-2, want)
		}
	}
	for _, text := range []string{`"{{pad}}"`, `"{{pad 0B}}"`, `"{{pad 12}}"`, `"{{pad 65MiB}}"`, `"{{pad -1B}}"`, `"{{pad 99999999999MiB}}"`, `"{{pad 1B % 2}}"`} {
		if _, err := ParseJSONTemplate(text); err == nil {
			t.Errorf("%s is taken", text)
		}
	}
}
