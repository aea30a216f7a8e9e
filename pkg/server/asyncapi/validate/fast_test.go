package validate

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/realtime-toolkit/rtk/pkg/server/asyncapi"
)

type fuzzed struct {
	Room string   `json:"room"`
	Size float64  `json:"size,omitempty"`
	Seq  int      `json:"seq,omitempty"`
	Tags []string `json:"tags,omitempty"`
	On   bool     `json:"on,omitempty"`
	More []fuzzed `json:"more,omitempty"`
}

// FuzzShortcut holds the shortcut against the full check: what it says yes to is
// right.
func FuzzShortcut(f *testing.F) {
	r := asyncapi.Reflector{Prefix: definitions}
	s, err := r.Type(reflect.TypeFor[fuzzed]())
	if err != nil {
		f.Fatal(err)
	}
	full, _, err := compile(s, r.Definitions())
	if err != nil {
		f.Fatal(err)
	}
	quick, err := shortcut(s, r.Definitions())
	if err != nil || quick == nil {
		f.Fatalf("shortcut %v, error %v", quick, err)
	}
	if !quick.matches([]byte(`{"room":"a"}`)) {
		f.Fatal("the shortcut takes nothing")
	}
	for _, seed := range []string{
		`{"room":"a","size":1.5,"seq":3,"tags":["x"],"on":true,"more":[{"room":"b"}]}`, `{"room":"a","room":1}`, `{"\u0072oom":"a"}`, `null`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if !json.Valid(b) {
			t.Skip()
		}
		if quick.matches(b) {
			if err := check(full, "e", b); err != nil {
				t.Errorf("%s: the shortcut takes it: %v", b, err)
			}
		}
	})
}
