package interop_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// serverSideEmit: every other server hears it once and shows it to its clients.
func serverSideEmit(t *testing.T, v *view, from *origin) {
	for _, args := range []string{`"первый",{"n":[1,null]}`, ``} {
		from.must(t, command{Op: "serverSideEmit", Event: "tell"}, args)
		for _, s := range v.sides {
			if s == from.side {
				continue
			}
			want := fmt.Sprintf("%q", s.name)
			if args != "" {
				want += "," + args
			}
			if diff := cmp.Diff(event{Name: "told", Args: want}, s.sender.next(t)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", s.name, diff)
			}
		}
	}
	mark := v.mark()
	v.sides[0].sender.do(t, command{Op: "emit", Event: mark}, "")
	for _, s := range v.sides {
		if got := s.sender.until(t, mark); len(got) > 0 {
			t.Errorf("%s heard %v more", s.name, got)
		}
		for _, p := range s.members {
			if got := p.until(t, mark); (len(got) == 2) != (s != from.side) {
				t.Errorf("%s got %v", p.label, got)
			}
		}
	}
}

func serverSideEmitAck(t *testing.T, v *view, from *origin) {
	for _, args := range []string{`"a",{"b":2}`, ``} {
		want := []string{}
		for _, s := range v.sides {
			if s != from.side {
				want = append(want, fmt.Sprintf(`{"name":%q,"args":[%s]}`, s.name, args))
			}
		}
		slices.Sort(want)
		r := from.must(t, command{Op: "serverSideEmitWithAck", Event: "ask"}, args)
		if diff := cmp.Diff(want, texts(t, r.Value)); diff != "" {
			t.Errorf("answers (-want +got):\n%s", diff)
		}
	}
}

func serverCount(t *testing.T, v *view, from *origin) {
	if got := string(from.must(t, command{Op: "serverCount"}, "").Value); got != fmt.Sprint(len(v.sides)) {
		t.Errorf("%s servers, want %d", got, len(v.sides))
	}
}
