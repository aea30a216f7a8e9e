package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func mustParse(t testing.TB, src string) *Policy {
	t.Helper()
	p, err := Parse("p", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func claimsOf(t testing.TB, text string) (c map[string]any) {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	if err := dec.Decode(&c); err != nil {
		t.Fatal(err)
	}
	return c
}

const example = `# who may do what
room "lobby" allow join, emit
room "org:{claims.org}:*" in "/chat" allow join, emit   # one level
room "news:**" allow join
room "user:{claims.sub}" allow join
topic "builds:{claims.projects}" allow join
topic "plan:{claims.account.plan}:**" allow join
room "num:{claims.n}-{claims.b}" allow emit
`

func TestAllows(t *testing.T) {
	t.Parallel()
	p := mustParse(t, example)
	ana := `{"sub":"ana","org":"acme","projects":["a","b"],"account":{"plan":"pro"},"n":42,"b":true}`
	for _, tc := range []struct {
		claims, namespace, room string
		action                  Action
		want                    bool
	}{
		{`{}`, "/", "lobby", Join, true},
		{`{}`, "/any", "lobby", Emit, true},
		{`{}`, "/", "lobby", Join | Emit, true},
		{`{}`, "/events", "lobby", Join, false},
		{`{}`, "/", "lobby2", Join, false},
		{`{}`, "/", "", Join, false},
		{ana, "/chat", "org:acme:x", Emit, true},
		{ana, "/", "org:acme:x", Emit, false},
		{ana, "/chat", "org:acme:", Join, false},
		{ana, "/chat", "org:acme:x:y", Join, false},
		{ana, "/chat", "org:other:x", Join, false},
		{`{}`, "/chat", "org::x", Join, false},
		{ana, "/", "news:a:b/c", Join, true},
		{ana, "/", "news:a", Emit, false},
		{ana, "/", "news:a", Join | Emit, false},
		{ana, "/", "user:ana", Join, true},
		{`{"sub":"*"}`, "/", "user:ana", Join, false},
		{`{"sub":"*"}`, "/", "user:*", Join, true},
		{`{"sub":"a:b"}`, "/", "user:a:b", Join, false},
		{`{"sub":""}`, "/", "user:", Join, false},
		{`{"sub":{"x":1}}`, "/", "user:x", Join, false},
		{ana, "/events", "builds:b", Join, true},
		{ana, "/events", "builds:c", Join, false},
		{ana, "/events", "builds:a,b", Join, false},
		{ana, "/events", "plan:pro:x:y", Join, true},
		{`{"account":"pro"}`, "/events", "plan:pro:x", Join, false},
		{ana, "/", "num:42-true", Emit, true},
		{ana, "/", strings.Repeat("x", 5000), Join, false},
	} {
		t.Run(fmt.Sprintf("%v %s %s", tc.action, tc.namespace, tc.room[:min(20, len(tc.room))]), func(t *testing.T) {
			if got := p.Allows(claimsOf(t, tc.claims), tc.action, tc.namespace, tc.room); got != tc.want {
				t.Errorf("Allows(%s) = %v, want %v", tc.claims, got, tc.want)
			}
		})
	}
	if (&Policy{}).Allows(nil, Join, "/", "x") {
		t.Error("a policy without rules allows something")
	}
	if !(*Policy)(nil).Allows(nil, Join, "/", "x") {
		t.Error("no policy forbids something")
	}
}

// Whatever is in a claim, a rule matches only names in which the claim's text
// stands as it is, between the rule's own text.
func TestClaimNeverWidens(t *testing.T) {
	t.Parallel()
	p := mustParse(t, `room "org:{claims.org}:x" allow join`)
	const alphabet = `*?[]{}\.:/ab"claims `
	rng := rand.New(rand.NewPCG(1, 2))
	word := func() string {
		b := make([]byte, rng.IntN(6))
		for i := range b {
			b[i] = alphabet[rng.IntN(len(alphabet))]
		}
		return string(b)
	}
	matched := 0
	for range 200_000 {
		value, other := word(), word()
		room := "org:" + other + ":x"
		got := p.Allows(map[string]any{"org": value}, Join, "/", room)
		want := value == other && value != "" && !strings.ContainsAny(value, ":/")
		if got != want {
			t.Fatalf("claim %q, room %q: %v, want %v", value, room, got, want)
		}
		if got {
			matched++
		}
	}
	if matched == 0 {
		t.Error("nothing ever matched")
	}
}

func TestParseErrors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ src, want string }{
		{"", "p:1:1: no rule"},
		{"# nothing\n", "p:1:1: no rule"},
		{"rom \"a\" allow join", `p:1:1: unknown rule "rom", did you mean "room"?; rules begin with room or topic`},
		{"\n  topics \"a\" allow join", `p:2:3: unknown rule "topics", did you mean "topic"?`},
		{`room a allow join`, `p:1:6: want a pattern in double quotes, got 'a'`},
		{`room "a`, `p:1:6: a pattern has no closing quote`},
		{`room "" allow join`, `a pattern is empty`},
		{`room "a\n" allow join`, `want \" or \\`},
		{`room "a" alow join`, `p:1:10: want allow, got "alow", did you mean "allow"?`},
		{`room "a"`, `p:1:9: want allow, got the end of the line`},
		{`room "a" deny join`, `want allow, got "deny"`},
		{`room "é" allow jion`, `p:1:16: want an action, got "jion", did you mean "join"?; actions are join and emit`},
		{`room "a" allow join emit`, `p:1:21: want a comma or the end of the line, got 'e'`},
		{`room "a" allow join,`, `got the end of the line`},
		{`room "a" allow join, join`, `stands twice`},
		{`room "a" in "chat" allow join`, `a namespace begins with /`},
		{`topic "a" in "/x" allow join`, `want allow, got "in"`},
		{`room "{claim.x}" allow join`, `did you mean "claims"?`},
		{`room "{claims}" allow join`, `want {claims.NAME}`},
		{`room "{claims.}" allow join`, `want {claims.NAME}`},
		{`room "{claims.x" allow join`, `{ without }`},
		{`room "x}" allow join`, `} without {`},
		{`room "***" allow join`, `more than two *`},
		{`room "*{claims.x}" allow join`, `put text between`},
		{"room \"a\x01\" allow join", `control character`},
		{"room \"\xff\" allow join", `not UTF-8`},
		{strings.Repeat("x\n", 100), `unknown rule`},
	} {
		_, err := Parse("p", []byte(tc.src))
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("Parse(%q): %v, want an error with %q", tc.src, err, tc.want)
		}
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	got := mustParse(t, example).Explain(claimsOf(t, `{"sub":"ana","projects":["a","b"]}`))
	want := []Grant{
		{`room "lobby" allow join, emit`, "", Join | Emit, []string{"lobby"}, ""},
		{`room "org:{claims.org}:*" in "/chat" allow join, emit`, "/chat", Join | Emit, []string{}, "the token has no usable claim org"},
		{`room "news:**" allow join`, "", Join, []string{"news:**"}, ""},
		{`room "user:{claims.sub}" allow join`, "", Join, []string{"user:ana"}, ""},
		{`topic "builds:{claims.projects}" allow join`, "/events", Join, []string{"builds:a", "builds:b"}, ""},
		{`topic "plan:{claims.account.plan}:**" allow join`, "/events", Join, []string{}, "the token has no usable claim account.plan"},
		{`room "num:{claims.n}-{claims.b}" allow emit`, "", Emit, []string{}, "the token has no usable claim b"},
	}
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b []string) bool { return strings.Join(a, "|") == strings.Join(b, "|") })); d != "" {
		t.Errorf("Explain (-want +got):\n%s", d)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{example, `room "\"\\" allow emit`, "room \"{claims.a.b}:*\" in \"/\" allow join # x", "topic \"\xff", "room \"a*b**c\" allow join,emit"} {
		f.Add(s, "org:acme:x")
	}
	f.Fuzz(func(t *testing.T, src, room string) {
		p, err := Parse("p", []byte(src))
		if err != nil {
			if e, ok := errors.AsType[*Error](err); !ok || e.Line < 1 || e.Column < 1 {
				t.Fatalf("error without a place: %v", err)
			}
			return
		}
		claims := map[string]any{"org": "acme", "a": []any{"x", room}}
		p.Allows(claims, Join, "/", room)
		for _, g := range p.Explain(claims) {
			// What a rule says is read back as the same rule.
			again, err := Parse("p", []byte(g.Rule))
			if err != nil || len(again.rules) != 1 || again.rules[0].pattern == "" {
				t.Fatalf("%q does not read back: %v", g.Rule, err)
			}
		}
	})
}

func BenchmarkAllows(b *testing.B) {
	b.ReportAllocs()
	p := mustParse(b, example)
	claims := claimsOf(b, `{"sub":"ana","org":"acme"}`)
	for b.Loop() {
		if !p.Allows(claims, Emit, "/chat", "org:acme:general") {
			b.Fatal("not allowed")
		}
	}
}
