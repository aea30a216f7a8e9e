package nearest

import (
	"strings"
	"testing"
)

func TestWord(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 100)
	for _, tc := range []struct {
		name, got  string
		candidates []string
		want       string
	}{
		{"a letter is missing", "webook", []string{"streams", "webhook"}, "webhook"},
		{"two letters are swapped", "emti", []string{"join", "emit"}, "emit"},
		{"the nearest of several", "joins", []string{"join", "joint", "joins2", "coins"}, "join"},
		{"case", "REJECT", []string{"warn", "reject"}, "reject"},
		{"letters beyond ASCII count once", "größe", []string{"grösse", "größen"}, "größen"},
		{"one letter of a short word", "on", []string{"in"}, "in"},
		{"nothing alike", "bananas", []string{"join", "emit"}, ""},
		{"another short word", "5", []string{"in"}, ""},
		{"nothing given", "", []string{"a"}, ""},
		{"no candidates", "a", nil, ""},
		{"too long to be compared", long, []string{long + "b"}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := Word(tc.got, tc.candidates); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestHint(t *testing.T) {
	t.Parallel()
	if got, want := Hint("rejct", []string{"reject"}), `, did you mean "reject"?`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := Hint("x", []string{"reject"}); got != "" {
		t.Errorf("got %q for nothing near", got)
	}
	if got := Hint("reject", []string{"reject"}); got != "" {
		t.Errorf("got %q for the word itself", got)
	}
}
