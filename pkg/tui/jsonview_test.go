package tui

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

func checkJSON(t *testing.T, line string) {
	t.Helper()
	if !json.Valid([]byte(line)) {
		t.Fatalf("not JSON: %q", line)
	}
}

// shown is the text of lines, with ▸ where something is folded.
func shown(lines []textLine) string {
	var out strings.Builder
	for _, l := range lines {
		out.WriteString(strings.Repeat(" ", l.indent))
		for _, r := range l.runs {
			out.WriteString(r.text)
		}
		if l.folded {
			out.WriteString(" ▸")
		}
		out.WriteByte('\n')
	}
	return out.String()
}

func TestJSONLines(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		event Event
		folds map[int]bool
		width int
		want  string
	}{
		{"object", Event{Body: []byte(`{"a":1,"b":[true,null],"c":{},"d":[]}`)}, nil, 40, `{
  "a": 1,
  "b": [
    true,
    null
  ],
  "c": {},
  "d": []
}
`},
		{"scalar", Event{Body: []byte(` -1.5e3 `)}, nil, 40, "-1.5e3\n"},
		{"spaces do not matter", Event{Body: []byte("{ \"a\" : [ 1 , 2 ] }")}, nil, 40, "{\n  \"a\": [\n    1,\n    2\n  ]\n}\n"},
		{"folded", Event{Body: []byte(`{"a":{"b":"}"},"c":2}`)}, map[int]bool{5: true}, 40, "{\n  \"a\": {…}, ▸\n  \"c\": 2\n}\n"},
		{"folded root", Event{Body: []byte(`[1,2]`)}, map[int]bool{0: true}, 40, "[…] ▸\n"},
		{"one argument", Event{Multi: true, AckID: rt.NoAck, Body: []byte(`{"a":1}`)}, nil, 40, "{\n  \"a\": 1\n}\n"},
		{"several arguments and an ack", Event{Multi: true, AckID: 7, Body: []byte(`"x", 2,[3]`)}, nil, 40, "ack #7\n\"x\"\nargument 2\n2\nargument 3\n[\n  3\n]\n"},
		{"no argument", Event{Multi: true, AckID: rt.NoAck}, nil, 40, "no arguments\n"},
		{"long strings wrap", Event{Body: []byte(`{"text":"abcdefghijklmnopqrstuvwxyz"}`)}, nil, 16, "{\n  \"text\": \"abcde\n    fghijklmnopq\n    rstuvwxyz\"\n}\n"},
		{"a cluster wider than the pane", Event{Body: []byte(strings.Repeat("क्", 9) + "क")}, nil, 8, strings.Repeat("क्", 9) + "क\n"},
		{"escapes stay as they are", Event{Body: []byte(`"\u001b[31m\n"`)}, nil, 40, `"\u001b[31m\n"` + "\n"},
		{"text", Event{Body: []byte("two\nlines\x1b")}, nil, 40, "two\nlines␛\n"},
		{"broken JSON is text", Event{Body: []byte(`{"a":`)}, nil, 40, "{\"a\":\n"},
		{"binary", Event{Binary: true, Body: []byte("\x00ABCDEFGHI")}, nil, 40, "0000 0041424344454647 .ABCDEFG\n0008 4849             HI\n"},
		{"attachment", Event{Multi: true, AckID: rt.NoAck, Body: []byte(`1`), Attachments: [][]byte{[]byte("\x89PNG\r\n\x1a\n")}}, nil, 60, "1\nattachment 0  <binary 8 B image/png>\n0000 89504e470d0a1a0a .PNG....\n"},
		{"note", Event{Dir: rt.Local, Note: "in 1.0s"}, nil, 40, "in 1.0s\n"},
		{"secrets", Event{Body: []byte(`{"token":"abc"}`)}, nil, 40, "{\n  \"token\": \"•••\"\n}\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := shown(wrapLines(jsonLines(&tt.event, &Mask{}, tt.folds), tt.width))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestJSONLinesAreBounded(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"long": "[" + strings.Repeat("1,", 200_000) + "1]",
		"deep": strings.Repeat("[", 9000) + strings.Repeat("]", 9000),
		"text": strings.Repeat("x\n", 200_000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lines := jsonLines(&Event{Body: []byte(body)}, nil, nil)
			if len(lines) > 3*maxJSONLines {
				t.Errorf("%d lines", len(lines))
			}
		})
	}
}
