package loadgen

import (
	"encoding/json"
	"testing"
)

// matcherFrom compiles a condition written as flow YAML.
func matcherFrom(t testing.TB, src string) *Matcher {
	t.Helper()
	p := &parse{sc: &Scenario{}, source: newSource("", []byte(src)), env: func(string) (string, bool) { return "", false }}
	n := p.loadYAML([]byte(src))
	if n == nil || len(p.diags) > 0 {
		t.Fatalf("%s: %v", src, p.diags)
	}
	m := p.matcherOf(n)
	if len(p.diags) > 0 {
		t.Fatalf("%s: %v", src, p.diags)
	}
	return m
}

func TestMatcher(t *testing.T) {
	t.Parallel()
	const none = "\x00" // no argument at all
	for _, tt := range []struct {
		name, cond string
		yes, no    []string
	}{
		{"empty is anything", `{}`, []string{none, `1`, `"x"`, `{}`, `plain`, ``}, nil},
		{"text", `RATE_LIMITED`, []string{`"RATE_LIMITED"`, `RATE_LIMITED`, ` "RATE_LIMITED" `}, []string{none, `"rate_limited"`, `"RATE_LIMITED "`, `["RATE_LIMITED"]`, `{}`}},
		{"text with escapes", `"a\"b é"`, []string{`"a\"b é"`, `"a\"b \u00e9"`}, []string{`"ab"`}},
		{"quoted number is a text", `"42"`, []string{`"42"`, `42`}, []string{`42.0`, `43`}},
		{"number", `42`, []string{`42`, `42.0`, `4.2e1`}, []string{none, `"42"`, `43`, `true`, `42x`}},
		{"bool", `true`, []string{`true`}, []string{none, `"true"`, `false`, `1`}},
		{"null", `{$.a: null}`, []string{`{"a":null}`}, []string{none, `{}`, `{"a":0}`}},
		{"regex", `/jwt/`, []string{`"jwt expired"`, `{"message":"jwt"}`, `no jwt here`}, []string{none, `"JWT"`, `5`}},
		{"regex ignoring case", `/^jwt/i`, []string{`"JWT expired"`}, []string{`"no jwt"`}},
		{"regex over escapes", `'/^a"b$/'`, []string{`"a\"b"`}, nil},
		{"path", `{$.ok: true}`, []string{`{"ok":true}`, `{"x":{"ok":false},"ok": true }`}, []string{none, `{"ok":false}`, `{"ok":"true"}`, `{}`, `[]`, `true`, `{"ok":true`}},
		{"last key counts", `{$.ok: true}`, []string{`{"ok":false,"ok":true}`}, []string{`{"ok":true,"ok":false}`}},
		{"escaped key", `{$.ok: true}`, []string{`{"\u006fk":true}`}, nil},
		{"deep path", `{"$.a.b[1]['c d']": x}`, []string{`{"a":{"b":[0,{"c d":"x"}]}}`}, []string{`{"a":{"b":[{"c d":"x"}]}}`, `{"a":{"b":{"1":2}}}`}},
		{"index without brackets", `{$.0.ok: 1}`, []string{`[{"ok":1}]`, `{"0":{"ok":1}}`}, []string{`[[1]]`}},
		{"compare", `{$.n: {gte: 1, lt: 5}}`, []string{`{"n":1}`, `{"n":4.9}`}, []string{`{"n":5}`, `{"n":0}`, `{"n":"3"}`, `{}`}},
		{"gt and lte", `{gt: 1, lte: 2}`, []string{`2`, `1.5`}, []string{`1`, `3`}},
		{"ne needs a value", `{$.e: {ne: x}}`, []string{`{"e":"y"}`, `{"e":null}`}, []string{`{"e":"x"}`, `{}`}},
		{"in", `{in: [a, 2, /^z/]}`, []string{`"a"`, `2`, `"zoo"`, `a`, `zoo`}, []string{`"b"`, `3`, none}},
		{"exists", `{$.a: {exists: true}, $.b: {exists: false}}`, []string{`{"a":null}`}, []string{`{}`, `{"a":1,"b":2}`}},
		{"subset", `{room: lobby, user: {id: 7}}`, []string{`{"room":"lobby","x":1,"user":{"id":7,"n":"a"}}`}, []string{`{"room":"lobby"}`, `{"room":"lobby","user":7}`, `"lobby"`}},
		{"empty object", `{$.a: {}}`, []string{`{"a":{}}`, `{"a":{"b":1}}`}, []string{`{"a":[]}`, `{}`}},
		{"list", `[1, "x", {$.a: 2}]`, []string{`[1,"x",{"a":2}]`}, []string{`[1,"x"]`, `[1,"x",{"a":2},4]`, `{}`}},
		{"empty list", `[]`, []string{`[]`, `[ ]`}, []string{`[1]`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := matcherFrom(t, tt.cond)
			try := func(arg string, want bool) {
				var b []byte
				if arg != none {
					b = []byte(arg)
				}
				if got := m.Match(b); got != want {
					t.Errorf("%s matches %q: %t, want %t", tt.cond, arg, got, want)
				}
			}
			for _, s := range tt.yes {
				try(s, true)
			}
			for _, s := range tt.no {
				try(s, false)
			}
		})
	}
}

func TestMatchAllocatesNothing(t *testing.T) {
	m := matcherFrom(t, `{$.ok: true, $.id: {gte: 1}, $.room: lobby, $.text: /^hi/}`)
	arg := []byte(`{"id": 17, "room": "lobby", "text": "hi there", "ok": true, "more": [1, 2, {"a": "b"}]}`)
	if !m.Match(arg) {
		t.Fatal("no match")
	}
	if n := testing.AllocsPerRun(100, func() { m.Match(arg) }); n > 0 {
		t.Errorf("%v allocations for each match", n)
	}
}

func TestPath(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, path, doc, want string }{
		{"root", `$`, ` {"a":1} `, `{"a":1}`},
		{"field", `$.text`, `{"text": "hi"}`, `"hi"`},
		{"missing", `$.text`, `{"texts": "hi"}`, ``},
		{"no JSON", `$.text`, `{"text": "hi"`, ``},
		{"scalar on the way", `$.a.b`, `{"a":"b"}`, ``},
		{"dots in a key", `$["a.b"]`, `{"a.b":[1,2]}`, `[1,2]`},
		{"element", `$[2]`, `[1, 2 , 3]`, `3`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, err := ParsePath(tt.path)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(p.Find([]byte(tt.doc))); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	for _, bad := range []string{"", "text", "$.", "$..a", "$[", "$[x]", "$[-1]", "$['a]", "$a", "$.a b", "$.*", "$[1234567]"} {
		if _, err := ParsePath(bad); err == nil {
			t.Errorf("%q is taken for a path", bad)
		}
	}
}

// The scanner and encoding/json must agree on what JSON is.
func FuzzMatch(f *testing.F) {
	for _, s := range []string{`{"a":[1,2,{"b":"c"}]}`, `"\u00e9\n"`, `-0.5e+10`, `[]`, `{"a":}`, `nul`, `01`, "\"\x01\"", `[1,]`, `{"a":1}{`, ` {} `} {
		f.Add([]byte(s))
	}
	m := matcherFrom(f, `{"$.a[0]": {in: [1, /x/, null]}, b: {c: {exists: true}}}`)
	path, _ := ParsePath(`$.a['b'][3]`)
	f.Fuzz(func(t *testing.T, doc []byte) {
		m.Match(doc)
		v, ok := jsonValue(doc)
		if valid := json.Valid(doc); ok != valid && !deep(doc) {
			t.Fatalf("%q: scanner says %t, encoding/json %t", doc, ok, valid)
		}
		if found := path.Find(doc); found != nil && !json.Valid(found) {
			t.Fatalf("%q: found %q", doc, found)
		}
		if ok && v[0] == '"' {
			var want string
			if json.Unmarshal(v, &want) == nil && string(jsonUnquote(v)) != want && json.Valid(v) && valid8(v) {
				t.Fatalf("%q: unquoted %q, want %q", doc, jsonUnquote(v), want)
			}
		}
	})
}

// deep tells that nesting may be beyond the scanner's bound.
func deep(doc []byte) bool {
	n := 0
	for _, c := range doc {
		if c == '[' || c == '{' {
			n++
		}
	}
	return n > maxJSONDepth
}
