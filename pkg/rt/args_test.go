package rt_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

func TestArg(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, body string
		multi      bool
		want       []string // arguments, then the end
	}{
		{"none", "", true, nil},
		{"one", `{"a":[1,2]}`, true, []string{`{"a":[1,2]}`}},
		{"several", `1, "x,y" ,[2,{"b":","}],null`, true, []string{"1", `"x,y"`, `[2,{"b":","}]`, "null"}},
		{"escaped quotes", `"a\",b","\\"`, true, []string{`"a\",b"`, `"\\"`}},
		{"one value that is no list", `1,2`, false, []string{"1,2"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			m := rt.Message{Body: []byte(tc.body), Multi: tc.multi}
			var got []string
			for i := 0; m.Arg(i) != nil; i++ {
				got = append(got, string(m.Arg(i)))
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
			first := ""
			if len(tc.want) > 0 {
				first = tc.want[0]
			}
			if string(m.Data()) != first {
				t.Errorf("Data = %q, want %q", m.Data(), first)
			}
		})
	}
}

// FuzzArg takes arrays apart and compares with encoding/json.
func FuzzArg(f *testing.F) {
	for _, s := range []string{`1,2`, `"a,b",{"c":[1,"]"]}`, `[],{}`, `"\\","\""`, ` 1 , 2 `} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		m := rt.Message{Body: []byte(body), Multi: true}
		var want []json.RawMessage
		if json.Unmarshal([]byte("["+body+"]"), &want) != nil {
			for i := range 4 { // not a list of values: it must only not panic
				m.Arg(i)
			}
			return
		}
		for i, w := range want {
			if got := m.Arg(i); string(got) != string(w) {
				t.Errorf("argument %d of %q = %q, want %q", i, body, got, w)
			}
		}
		if got := m.Arg(len(want)); got != nil {
			t.Errorf("argument %d of %q = %q, want none", len(want), body, got)
		}
	})
}
