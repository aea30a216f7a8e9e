package loadgen

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// openTest reads another file of a scenario as the program does.
func openTest(from, name string) (string, []byte, error) {
	path := beside(from, name)
	src, err := os.ReadFile(path)
	return path, src, err
}

// filesOf gives the contents of files by path.
func filesOf(files map[string]string) func(string) ([]byte, error) {
	return func(path string) ([]byte, error) {
		src, ok := files[path]
		if !ok {
			return nil, os.ErrNotExist
		}
		return []byte(src), nil
	}
}

const dataHead = `version: 1
targets: { api: { url: "http://h:1", protocol: socketio } }
`

// withData compiles a scenario whose data is in files.
func withData(t *testing.T, src string, files map[string]string) (*Plan, error) {
	t.Helper()
	sc, diags := Parse("dir/x.yaml", []byte(dataHead+src), nil)
	if diags != nil {
		t.Fatal(diags.Format())
	}
	if err := sc.LoadFiles(filesOf(files)); err != nil {
		return nil, err
	}
	return Compile(sc, CompileOptions{Seed: 7, RunID: "k3f"})
}

// emails renders {{data.users.email}} for every client of a group.
func emails(t *testing.T, p *Plan, group string) string {
	t.Helper()
	for _, g := range p.Groups {
		if g.Group.Name != group {
			continue
		}
		var out []string
		for _, c := range g.Cells {
			for i := range c.Count {
				out = append(out, string(g.Group.Flow[0].Emit.Args[0].Append(nil, &TemplateVars{Client: c.First + i, rows: g.rows})))
			}
		}
		return strings.Join(out, " ")
	}
	t.Fatalf("no group %s", group)
	return ""
}

func TestDataRows(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"dir/u.csv":   "email, password\na@x,p1\n\"b,\"\"x\",p2\nc@x,p3\n",
		"dir/u.jsonl": "{\"email\":\"a@x\",\"n\":1}\n\n{\"n\":2.50,\"email\":\"b\\\"\\u00e9\"}\n",
		"dir/bare":    "skip\n1;x\n2;y\n",
	}
	group := func(count, arg string) string {
		return "clients: { g: { count: " + count + ", flow: [{ emit: x, args: [" + arg + "] }] }, h: { count: 1, flow: [{ emit: x, args: [" + arg + "] }] } }\n"
	}
	for _, tt := range []struct{ name, src, g, h string }{
		{"in order, and again", "data: { users: { file: u.csv } }\n" + group("4", `"{{data.users.email}}"`), `"a@x" "b,\"x" "c@x" "a@x"`, `"a@x"`},
		{"unique over groups", "data: { users: { file: u.csv, order: unique } }\n" + group("2", `"{{data.users.email}}"`), `"a@x" "b,\"x"`, `"c@x"`},
		{"random, and the same with the same seed", "data: { users: { file: u.csv, order: random } }\n" + group("6", `"{{data.users.email}}"`), `"a@x" "a@x" "a@x" "c@x" "c@x" "b,\"x"`, `"c@x"`},
		{"clients without a row stay away", "data: { users: { file: u.csv, onEnd: stop } }\n" + group("9", `"{{data.users.email}}"`), `"a@x" "b,\"x" "c@x"`, `"a@x"`},
		{"JSON lines", "data: { users: { file: u.jsonl } }\n" + group("2", `"{{data.users.email}}"`), `"a@x" "b\"é"`, `"a@x"`},
		{"columns named by the scenario", "data: { users: { file: bare, fields: [id, name], skipHeader: true, delimiter: ';' } }\n" + group("2", `"{{data.users.id}}-{{data.users.name}}"`), `"1-x" "2-y"`, `"1-x"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, err := withData(t, tt.src, files)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.g, emails(t, p, "g")); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tt.h, emails(t, p, "h")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Outside of quotes a number stays one and a text is quoted.
func TestDataInJSON(t *testing.T) {
	t.Parallel()
	p, err := withData(t, "data: { d: { file: d.csv } }\nclients: { g: { flow: [{ emit: x, argsJSON: '[{{data.d.n}}, {{data.d.s}}, {{data.d.z}}, {{data.d.o}}]' }] } }\n",
		map[string]string{"dir/d.csv": "n,s,z,o\n12.5,\"a\"\"b\",007,\"{\"\"k\"\": 1}\"\n"})
	if err != nil {
		t.Fatal(err)
	}
	var out []byte
	for _, a := range p.Groups[0].Group.Flow[0].Emit.Args {
		out = append(append(out, ' '), a.Append(nil, &TemplateVars{rows: p.Groups[0].rows})...)
	}
	if diff := cmp.Diff(` 12.5 "a\"b" "007" {"k": 1}`, string(out)); diff != "" {
		t.Error(diff)
	}
}

func TestDataErrors(t *testing.T) {
	t.Parallel()
	const use = "clients: { g: { count: 3, flow: [{ emit: x, args: [\"{{data.d.n}}\"] }] } }\n"
	for _, tt := range []struct{ name, data, file, want string }{
		{"missing file", "file: no.csv", "n\n1\n", "dir/x.yaml:3:20: data \"d\": file does not exist"},
		{"no rows", "file: d.csv", "n\n", "dir/d.csv: no rows, only a header"},
		{"empty", "file: d.csv", "", "dir/d.csv: empty"},
		{"too few columns", "file: d.csv", "n,m\n1,2\n3\n", "dir/d.csv:3: 1 columns, want 2 (n, m)"},
		{"a quote", "file: d.csv", "n\n\"1\n", `dir/d.csv:2:4: extraneous or missing " in quoted-field`},
		{"not UTF-8", "file: d.csv", "n\na\xff\n", "dir/d.csv:2:2: not valid UTF-8"},
		{"a column twice", "file: d.csv", "n,n\n1,2\n", `dir/d.csv:1: two columns are called "n"`},
		{"no such column", "file: d.csv", "mail,nn\n1,2\n", `{{data.d.n}}: d.csv has no column "n" (did you mean "nn"?)`},
		{"no such secret", "file: d.csv, secret: [pw]", "n\n1\n", `secret: d.csv has no column "pw"`},
		{"not enough rows", "file: d.csv, onEnd: fail", "n\n1\n2\n", "data d: 2 rows left for 3 clients g"},
		{"not enough unique rows", "file: d.csv, order: unique", "n\n1\n", "data d: 1 row left for 3 clients g"},
		{"a JSON list", "file: d.jsonl", "[1]\n", "dir/d.jsonl:1: want a JSON object on each line"},
		{"a JSON field less", "file: d.jsonl", "{\"n\":1,\"m\":2}\n{\"n\":1}\n", `dir/d.jsonl:2: "m" is missing`},
		{"a JSON field more", "file: d.jsonl", "{\"n\":1}\n{\"n\":1,\"o\":2}\n", `dir/d.jsonl:2: "o" is no field of the first line`},
		{"a JSON field twice", "file: d.jsonl", "{\"n\":1,\"n\":2}\n", `dir/d.jsonl:1: "n" is given twice`},
		{"two objects", "file: d.jsonl", "{\"n\":1}{\"n\":2}\n", `dir/d.jsonl:1: more than one JSON object in a line`},
		{"not JSON", "file: d.jsonl", "{\"n\":\n", `dir/d.jsonl:1: not valid JSON`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := withData(t, "data: { d: { "+tt.data+" } }\n"+use, map[string]string{"dir/d.csv": tt.file, "dir/d.jsonl": tt.file})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// What a row says about itself that it is secret, or goes where secrets go, is
// in no output.
func TestDataSecrets(t *testing.T) {
	t.Parallel()
	src := dataHead + `data: { u: { file: u.csv, secret: [pin] } }
auth: { m: { raw: "{{data.u.jwt}}" } }
clients: { g: { auth: m, flow: [{ emit: x, args: ["{{data.u.name}} {{data.u.password}} {{data.u.pin}}"] }] } }
`
	sc, diags := Parse("x.yaml", []byte(src), nil)
	if diags != nil {
		t.Fatal(diags.Format())
	}
	if err := sc.LoadFiles(filesOf(map[string]string{"u.csv": "name,password,pin,jwt\nalice,pass-1,pin-1,jwt-1\nbob,pass-2,pin-2,jwt-2\n"})); err != nil {
		t.Fatal(err)
	}
	got := newMasker(sc.Secrets).mask("alice pass-1 pin-1 jwt-1 bob pass-2 pin-2 jwt-2 xpass-2x")
	if diff := cmp.Diff("alice *** *** *** bob *** *** *** x***x", got); diff != "" {
		t.Error(diff)
	}
}

func TestMaskerFindsTheLongest(t *testing.T) {
	t.Parallel()
	m := newMasker([]string{"abcd", "abcdefgh", "abcdz", "zzzz", "long-secret-one", "long-secret-two"})
	for in, want := range map[string]string{
		"abcdefgh!":        "***!",
		"abcdefg!":         "***efg!",
		"abcdzabcd":        "******",
		"abczzzzz":         "abc***z",
		"at long-secret-…": "at ***…",
		"at long-secr… x":  "at ***… x",
		"at long…":         "at long…",
		"nothing":          "nothing",
	} {
		if got := m.mask(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}

// FuzzData: a table that is read is rectangular, and what is refused has a
// reason that fits into one line.
func FuzzData(f *testing.F) {
	for _, s := range []string{"a,b\n1,2\n", "a\n\"x\ny\"\n", "{\"a\":1}\n{\"a\":\"x\"}\n", "{\"a\":{\"b\":[1,2]}}", "\xef\xbb\xbfa;b\n1;2", "", "\"", "{}\n", "a,a\n"} {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	f.Fuzz(func(t *testing.T, src []byte, lines bool) {
		x := &Feeder{Name: "d", File: "x.csv", Delimiter: ','}
		if lines {
			x.File = "x.jsonl"
		}
		if err := x.read(x.File, src); err != nil {
			if strings.ContainsAny(err.Error(), "\n\x1b") || !strings.HasPrefix(err.Error(), x.File) {
				t.Fatalf("error %q", err)
			}
			return
		}
		if x.Rows() == 0 || len(x.cells)%len(x.columns) != 0 || len(x.index) != len(x.columns) {
			t.Fatalf("%d cells in %d columns", len(x.cells), len(x.columns))
		}
		r := &clientRows{feeders: map[string]*feederRows{"d": {Feeder: x}}}
		for _, c := range x.columns {
			if got := r.cell("d", c, 3*x.Rows()); got != x.cells[x.index[c]] {
				t.Fatalf("column %q is %q", c, got)
			}
		}
	})
}
