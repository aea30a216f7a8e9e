package loadgen

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseMetrics(t *testing.T) {
	t.Parallel()
	const src = `# HELP x Some help.
# TYPE x counter
x 1
x_total{a="b",c="d\"e\\f\ng"} 2.5e3 1700000000
  spaced { a = "1" , } 3
exemplar_bucket{le="+Inf"} 4 # {trace_id="abc"} 0.5 1700000000.1
ns:name 5
nan NaN
inf{} +Inf
# EOF
9bad 1
noval
open{a="b 1
nolabel{a} 1
`
	var got []exposed
	bad := parseMetrics([]byte(src), func(x exposed) { got = append(got, x) })
	want := []exposed{
		{"x", nil, 1},
		{"x_total", map[string]string{"a": "b", "c": "d\"e\\f\ng"}, 2500},
		{"spaced", map[string]string{"a": "1"}, 3},
		{"exemplar_bucket", map[string]string{"le": "+Inf"}, 4},
		{"ns:name", nil, 5},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(exposed{})); diff != "" || bad != 4 {
		t.Errorf("%d bad lines, want 4 (-want +got):\n%s", bad, diff)
	}
	if k := got[1].key(); k != `x_total{a="b",c="d\"e\\f\ng"}` {
		t.Errorf("key %s", k)
	}
}

func FuzzParseMetrics(f *testing.F) {
	for _, s := range []string{"x 1\n", `a{b="c",d="\\\n\""} 2 3 # {x="y"} 1`, "{", `a{b="c" 1`, "a{}1", "a{b=\"\xff\"} 0x1p-2", "a 1e999", strings.Repeat(`a{b="c"} 1`+"\n", 20)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, page string) {
		lines := strings.Count(page, "\n") + 1
		n := 0
		bad := parseMetrics([]byte(page), func(x exposed) {
			n++
			if !isMetricName(x.name) || math.IsNaN(x.value) || math.IsInf(x.value, 0) || len(x.labels) > maxLabels+1 {
				t.Fatalf("%q: %+v", page, x)
			}
			// What it has read it reads again from its own key.
			again, ok := parseSample(x.key() + " 1")
			if !ok && !strings.ContainsAny(x.key(), "\\") {
				t.Fatalf("%q is not read again", x.key())
			}
			if ok && again.name != x.name {
				t.Fatalf("%q becomes %q", x.name, again.name)
			}
		})
		if n+bad > lines {
			t.Fatalf("%d samples of %d lines", n+bad, lines)
		}
	})
}
