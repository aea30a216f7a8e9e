package rawjson_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/realtime-toolkit/rtk/pkg/wire/rawjson"
)

// texts are valid and invalid on purpose; fuzzing starts from them too.
var texts = []struct {
	text  string
	valid bool
}{
	{`null`, true},
	{` true `, true},
	{"\t\r\nfalse", true},
	{`0`, true},
	{`-0.5e+10`, true},
	{`1E-7`, true},
	{`""`, true},
	{`"é😀\ud83d\ude00\"\\\/\b\f\n\r\t"`, true},
	{`"\ud83d"`, true}, // a lone surrogate is JavaScript's, and its peers send it
	{`[]`, true},
	{`{}`, true},
	{`[ 1 , [ ] , { "a" : [ { } ] } ]`, true},
	{`{"a":1,"a":2}`, true},
	{strings.Repeat("[", rawjson.MaxDepth) + strings.Repeat("]", rawjson.MaxDepth), true},
	{strings.Repeat(`{"a":`, rawjson.MaxDepth) + "1" + strings.Repeat("}", rawjson.MaxDepth), true},

	{strings.Repeat("[", rawjson.MaxDepth+1) + strings.Repeat("]", rawjson.MaxDepth+1), false},
	{strings.Repeat("[", 100_000), false},
	{``, false},
	{` `, false},
	{`nul`, false},
	{`nullx`, false},
	{`True`, false},
	{`01`, false},
	{`-`, false},
	{`+1`, false},
	{`.5`, false},
	{`1.`, false},
	{`1e`, false},
	{`1e+`, false},
	{`0x1`, false},
	{`NaN`, false},
	{`Infinity`, false},
	{`"`, false},
	{`"a`, false},
	{`"\x"`, false},
	{`"\u12"`, false},
	{`"\u12g4"`, false},
	{`"\`, false},
	{"\"\n\"", false},
	{"\"\x00\"", false},
	{"\"\xff\"", false},
	{"\"\xed\xa0\x80\"", false}, // a surrogate in UTF-8
	{"\"\xc0\x80\"", false},     // an overlong NUL
	{"\u00a01", false},          // a space that is none of JSON's
	{"\ufeff1", false},          // a byte order mark
	{`[`, false},
	{`[1`, false},
	{`[1,`, false},
	{`[1,]`, false},
	{`[,1]`, false},
	{`[1 2]`, false},
	{`[1}`, false},
	{`]`, false},
	{`{`, false},
	{`{"a"`, false},
	{`{"a":`, false},
	{`{"a":1`, false},
	{`{"a":1,`, false},
	{`{"a":1,}`, false},
	{`{"a" 1}`, false},
	{`{a:1}`, false},
	{`{1:1}`, false},
	{`{"a":1]`, false},
	{`1 2`, false},
	{`// x`, false},
}

func TestValid(t *testing.T) {
	t.Parallel()
	for _, tt := range texts {
		if got := rawjson.Valid([]byte(tt.text)); got != tt.valid {
			t.Errorf("Valid(%.60q) = %v, want %v", tt.text, got, tt.valid)
		}
	}
}

func TestElements(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text string
		want []string
		ok   bool
	}{
		{`[]`, nil, true},
		{` [ 1 , "a,]" , [2,3] , {"b":[]} ] `, []string{`1`, `"a,]"`, `[2,3]`, `{"b":[]}`}, true},
		{`[1,x]`, []string{`1`}, false},
		{`[1`, []string{`1`}, false},
		{`[1}`, []string{`1`}, false},
		{`{}`, nil, false},
		{``, nil, false},
	}
	for _, tt := range tests {
		var got []string
		ok := rawjson.Elements([]byte(tt.text), func(e []byte) bool { got = append(got, string(e)); return true })
		if ok != tt.ok {
			t.Errorf("Elements(%s) = %v, want %v", tt.text, ok, tt.ok)
		}
		if diff := cmp.Diff(tt.want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("Elements(%s) (-want +got):\n%s", tt.text, diff)
		}
	}
}

func TestMember(t *testing.T) {
	t.Parallel()
	const object = ` { "a" : 1 , "b\u0063" : [ "}" ] , "a" : {"x":2} } `
	for key, want := range map[string]string{"a": `{"x":2}`, "bc": `[ "}" ]`, "x": "", "": ""} {
		got, ok := rawjson.Member([]byte(object), key)
		if string(got) != want || ok != (want != "") {
			t.Errorf("Member(%q) = %s, %v; want %s", key, got, ok, want)
		}
	}
	for _, text := range []string{``, `[]`, `{"a":1`, `{"a":1,}`, `{"a"`, `{a:1}`} {
		if got, ok := rawjson.Member([]byte(text), "a"); ok {
			t.Errorf("Member(%s) = %s, want none", text, got)
		}
	}
}

func TestMembersStopsEarly(t *testing.T) {
	t.Parallel()
	n := 0
	if !rawjson.Members([]byte(`{"a":1,"b":2}`), func(_, _ []byte) bool { n++; return false }) || n != 1 {
		t.Errorf("yielded %d members after it was told to stop", n)
	}
}

func TestQuote(t *testing.T) {
	t.Parallel()
	tests := []struct{ text, want string }{
		{"", `""`},
		{"plain", `"plain"`},
		{"a\"b\\c/d", `"a\"b\\c/d"`},
		{"\b\f\n\r\t\x00\x1f\x7f", `"\b\f\n\r\t\u0000\u001f` + "\x7f" + `"`},
		{"é€😀\u2028<&>", `"é€😀` + "\u2028" + `<&>"`},
		{"a\xffb\xe2\x82", `"a` + "\ufffd" + `b` + "\ufffd\ufffd" + `"`},
	}
	for _, tt := range tests {
		got := rawjson.AppendQuote(nil, tt.text)
		if string(got) != tt.want {
			t.Errorf("AppendQuote(%q) = %s, want %s", tt.text, got, tt.want)
		}
		if b := rawjson.AppendQuote(nil, []byte(tt.text)); string(b) != tt.want {
			t.Errorf("AppendQuote of bytes %q = %s, want %s", tt.text, b, tt.want)
		}
		var want string
		if err := json.Unmarshal(got, &want); err != nil {
			t.Fatal(err)
		}
		if text, ok := rawjson.AppendUnquote(nil, got); !ok || string(text) != want {
			t.Errorf("AppendUnquote(%s) = %q, %v; want %q", got, text, ok, want)
		}
	}
}

func TestUnquote(t *testing.T) {
	t.Parallel()
	for quoted, want := range map[string]string{
		`"\ud83d\ude00"`:       "😀",
		`"\ud83d"`:             "\ufffd",
		`"\ud83d\u0041"`:       "\ufffdA",
		`"\ude00\ud83d\ude00"`: "\ufffd😀",
		`"\ud83dx"`:            "\ufffdx",
		`"\/\u00E9"`:           "/é",
	} {
		if got, ok := rawjson.Text([]byte(quoted)); !ok || string(got) != want {
			t.Errorf("Text(%s) = %q, %v; want %q", quoted, got, ok, want)
		}
	}
	for _, text := range []string{``, `"`, `a`, `"a`, `"a"b"`, `"\x"`} {
		if got, ok := rawjson.AppendUnquote(nil, []byte(text)); ok {
			t.Errorf("AppendUnquote(%s) = %q, want failure", text, got)
		}
	}
}

func TestDoesNotAllocate(t *testing.T) {
	text := []byte(`{"room":"r1","text":"hello, wörld","n":[1,2.5e3,{"a":null}]}`)
	if n := testing.AllocsPerRun(100, func() {
		if !rawjson.Valid(text) {
			t.Fatal("invalid")
		}
		if _, ok := rawjson.Member(text, "text"); !ok {
			t.Fatal("no member")
		}
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func BenchmarkValid(b *testing.B) {
	text := []byte(`["message",{"room":"general","text":"` + strings.Repeat("hello ", 20) + `","at":1795476495675}]`)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		rawjson.Valid(text)
	}
}

func FuzzValid(f *testing.F) {
	for _, tt := range texts {
		if len(tt.text) < 200 {
			f.Add([]byte(tt.text))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got := rawjson.Valid(b)
		// encoding/json is the oracle, but for UTF-8, which it doesn't check,
		// and for its own bound of depth.
		want := json.Valid(b) && validText(b)
		if got != want && depth(b) <= rawjson.MaxDepth {
			t.Errorf("Valid = %v, want %v", got, want)
		}
		if !got {
			return
		}
		walk(t, b)
		var v any
		if err := json.Unmarshal(b, &v); err != nil {
			return // numbers out of range
		}
		if s, ok := v.(string); ok {
			text, ok := rawjson.Text(rawjson.Trim(b))
			if !ok || string(text) != s {
				t.Errorf("Text = %q, %v; want %q", text, ok, s)
			}
		}
	})
}

// walk splits a valid text into all its parts, which must be valid too.
func walk(t *testing.T, b []byte) {
	visit := func(v []byte) bool {
		if !rawjson.Valid(v) {
			t.Errorf("part %q is not valid", v)
			return false
		}
		walk(t, v)
		return true
	}
	switch rawjson.Trim(b)[0] {
	case '[':
		if !rawjson.Elements(b, visit) {
			t.Errorf("Elements(%q) failed", b)
		}
	case '{':
		if !rawjson.Members(b, func(k, v []byte) bool { return visit(k) && visit(v) }) {
			t.Errorf("Members(%q) failed", b)
		}
	}
}

func validText(b []byte) bool { return strings.ToValidUTF8(string(b), "") == string(b) }

func depth(b []byte) (deepest int) {
	d := 0
	for _, c := range b {
		switch c {
		case '[', '{':
			d++
			deepest = max(deepest, d)
		case ']', '}':
			d--
		}
	}
	return deepest
}
