package chat

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fakeMember is a client of a test: the set of rooms that it is in.
type fakeMember map[string]bool

func (m fakeMember) InRoom(room string) bool { return m[room] }
func (m fakeMember) RoomCount() int          { return len(m) }

func code(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	if err != nil {
		return "not a chat error: " + err.Error()
	}
	return ""
}

func TestPost(t *testing.T) {
	t.Parallel()
	s := New(Options{MaxTextBytes: 5})
	tests := []struct {
		name string
		json string
		want string // error code, "" when it is posted
	}{
		{"plain", `{"room":"r1","text":"hello"}`, ""},
		{"at the limit after unescaping", `{"room":"r1","text":"\u0061\u0062\u0063\u0064\u0065"}`, ""},
		{"two bytes a character", `{"room":"r1","text":"ééa"}`, ""},
		{"extra keys are ignored", `{"room":"r1","text":"x","meta":{"a":1}}`, ""},
		{"one byte too long", `{"room":"r1","text":"helloo"}`, CodeTooLong},
		{"too long after unescaping", `{"room":"r1","text":"\u00e9\u00e9\u00e9"}`, CodeTooLong},
		{"empty text", `{"room":"r1","text":""}`, CodeInvalidText},
		{"no text", `{"room":"r1"}`, CodeInvalidText},
		{"null text", `{"room":"r1","text":null}`, CodeInvalidText},
		{"text is a number", `{"room":"r1","text":5}`, CodeInvalidText},
		{"text is an object", `{"room":"r1","text":{"a":"b"}}`, CodeInvalidText},
		{"not joined", `{"room":"r2","text":"x"}`, CodeNotAMember},
		{"no room", `{"text":"x"}`, CodeInvalidRoom},
		{"room is a number", `{"room":42,"text":"x"}`, CodeInvalidRoom},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var in messageIn
			if err := json.Unmarshal([]byte(tt.json), &in); err != nil {
				t.Fatal(err)
			}
			_, err := s.Post(fakeMember{"r1": true}, "ana", in.Room, in.Text)
			if got := code(err); got != tt.want {
				t.Errorf("Post(%s): code %q (%v), want %q", tt.json, got, err, tt.want)
			}
		})
	}
}

func TestJoin(t *testing.T) {
	t.Parallel()
	s := New(Options{MaxRooms: 2})
	full := fakeMember{"a": true, "b": true}
	tests := []struct {
		name string
		in   fakeMember
		room Room
		want string
	}{
		{"fresh", fakeMember{}, "lobby", ""},
		{"unicode and punctuation", fakeMember{}, "größe/#42 ✓", ""},
		{"longest", fakeMember{}, Room(strings.Repeat("x", DefaultMaxRoomBytes)), ""},
		{"again, though full", full, "a", ""},
		{"full", full, "c", CodeTooManyRooms},
		{"empty", fakeMember{}, "", CodeInvalidRoom},
		{"too long", fakeMember{}, Room(strings.Repeat("x", DefaultMaxRoomBytes+1)), CodeTooLong},
		{"newline", fakeMember{}, "a\nb", CodeInvalidRoom},
		{"not UTF-8", fakeMember{}, "\xff", CodeInvalidRoom},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := code(s.Join(tt.in, tt.room)); got != tt.want {
				t.Errorf("Join(%q): code %q, want %q", tt.room, got, tt.want)
			}
		})
	}
}

// A load test puts its marker in the text and finds it in what members receive,
// so nothing between may touch its bytes.
func TestTextIsByteExact(t *testing.T) {
	t.Parallel()
	s := New(Options{})
	for _, text := range []string{
		`"rtk1.run.3.17.1767096277388"`, `"<b>&</b>"`, `"\u003cb\u003e"`, `"lone \ud800 surrogate"`,
		`"\/slash"`, "\"\u2028\"", `"é\u00e9\t\""`,
	} {
		var in messageIn
		if err := json.Unmarshal([]byte(`{"room":"r1","text":`+text+`}`), &in); err != nil {
			t.Fatal(err)
		}
		m, err := s.Post(fakeMember{"r1": true}, `a"na`, in.Room, in.Text)
		if err != nil {
			t.Fatal(err)
		}
		got := string(m.AppendJSON(nil))
		want := `{"room":"r1","text":` + text + `,"from":"a\"na","id":"` + m.ID + `","at":` + strconv.FormatInt(m.At, 10) + `}`
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("AppendJSON (-want +got):\n%s", d)
		}
		if !json.Valid([]byte(got)) {
			t.Errorf("not JSON: %s", got)
		}
	}
}

func TestIDsAreUnique(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, s := range []*Service{New(Options{}), New(Options{})} {
		for range 1000 {
			m, err := s.Post(fakeMember{"r": true}, "ana", "r", Text(`"x"`))
			if err != nil {
				t.Fatal(err)
			}
			if seen[m.ID] {
				t.Fatalf("id %q twice", m.ID)
			}
			seen[m.ID] = true
		}
	}
}
