package history_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/server/history"
)

// kept is a message as the model has it: one entry a room.
type kept struct {
	room   string
	offset uint64
	at     time.Time
	bytes  int
}

// model does what Memory should do, in the most obvious way.
type model struct {
	limits  history.Limits
	last    uint64
	entries []kept
	rooms   []string // remembered; those that hold nothing in the order in which they became so
	dropped map[string]uint64
	floor   uint64
}

func (m *model) drop(i int) {
	k := m.entries[i]
	m.entries = slices.Delete(m.entries, i, i+1)
	m.dropped[k.room] = k.offset
	if n, _ := m.size(k.room); n == 0 {
		m.rooms = slices.DeleteFunc(m.rooms, func(r string) bool { return r == k.room })
		m.rooms = append(m.rooms, k.room)
	}
}

func (m *model) size(room string) (n, bytes int) {
	for _, k := range m.entries {
		if k.room == room || room == "*" {
			n++
			bytes += k.bytes
		}
	}
	return n, bytes
}

func (m *model) firstOf(room string) int {
	return slices.IndexFunc(m.entries, func(k kept) bool { return k.room == room })
}

func (m *model) append(rooms []string, bytes int) uint64 {
	m.last++
	for _, r := range rooms {
		if !slices.Contains(m.rooms, r) {
			m.rooms = append(m.rooms, r)
			m.dropped[r] = m.floor
		}
		m.entries = append(m.entries, kept{r, m.last, time.Now(), bytes})
		for {
			n, b := m.size(r)
			if n <= m.limits.Count && b <= m.limits.Bytes {
				break
			}
			m.drop(m.firstOf(r))
		}
	}
	for _, b := m.size("*"); b > m.limits.Total; _, b = m.size("*") {
		m.drop(0)
	}
	m.expire()
	for len(m.rooms) > m.limits.Rooms {
		i := slices.IndexFunc(m.rooms, func(r string) bool { n, _ := m.size(r); return n == 0 })
		if i < 0 {
			m.drop(0)
			continue
		}
		m.floor = max(m.floor, m.dropped[m.rooms[i]])
		delete(m.dropped, m.rooms[i])
		m.rooms = slices.Delete(m.rooms, i, i+1)
	}
	return m.last
}

func (m *model) expire() {
	for len(m.entries) > 0 && time.Since(m.entries[0].at) > m.limits.Age {
		m.drop(0)
	}
}

func (m *model) since(rooms []string, offset uint64) (offsets []uint64, gone []string) {
	m.expire()
	for _, k := range m.entries {
		if k.offset > offset && slices.Contains(rooms, k.room) && !slices.Contains(offsets, k.offset) {
			offsets = append(offsets, k.offset)
		}
	}
	for _, r := range rooms {
		dropped, remembered := m.dropped[r]
		if !remembered {
			dropped = m.floor
		}
		if offset < dropped {
			gone = append(gone, r)
		}
	}
	slices.Sort(gone)
	return offsets, slices.Compact(gone)
}

func at(n uint64) history.Offset { return history.Offset{Seq: n} }

// TestMemoryAgainstModel runs random appends, pauses and questions against a
// model that is too simple to be wrong.
func TestMemoryAgainstModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 1))
			limits := history.Limits{
				Count: 1 + rng.IntN(6), Bytes: 50 + rng.IntN(300), Age: time.Duration(1+rng.IntN(20)) * time.Second,
				Total: 200 + rng.IntN(500), Rooms: 1 + rng.IntN(6),
			}
			log := history.NewMemory[uint64](limits)
			m := &model{limits: limits, dropped: map[string]uint64{}}
			pick := func() (rooms []string) {
				for _, i := range rng.Perm(8)[:1+rng.IntN(3)] {
					rooms = append(rooms, fmt.Sprint("r", i))
				}
				return rooms
			}
			for step := range 300 {
				switch rng.IntN(6) {
				case 0:
					time.Sleep(time.Duration(rng.IntN(4000)) * time.Millisecond)
				case 1:
					log.Advance(log.Next())
					m.last++
				case 2, 3:
					rooms, bytes := pick(), rng.IntN(120)
					want := m.append(rooms, bytes)
					if log.Append(log.Next(), 0, rooms, want, bytes); log.Last() != at(want) {
						t.Fatalf("seed %d step %d: offset %v, want %d", seed, step, log.Last(), want)
					}
				default:
					rooms, offset := pick(), m.last-min(m.last, rng.Uint64N(30))
					wantOffsets, wantGone := m.since(rooms, offset)
					p := log.Since(rooms, at(offset))
					var offsets []uint64
					for _, it := range p.Items {
						if it.Offset != at(it.Value) {
							t.Fatalf("seed %d step %d: offset %v has the value of %d", seed, step, it.Offset, it.Value)
						}
						offsets = append(offsets, it.Value)
					}
					if diff := cmp.Diff([]any{wantOffsets, wantGone}, []any{offsets, p.Gone}); diff != "" {
						t.Fatalf("seed %d step %d: Since(%v, %d) with %+v (-want +got):\n%s", seed, step, rooms, offset, limits, diff)
					}
				}
				m.expire()
				n, bytes := m.size("*")
				if s := log.Stats(); s.Messages != n || s.Bytes != bytes || s.Rooms != len(m.rooms) {
					t.Fatalf("seed %d step %d: %+v, want %d messages of %d bytes in %d rooms", seed, step, s, n, bytes, len(m.rooms))
				}
			}
		})
	}
}

func TestMemoryAge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := history.NewMemory[string](history.Limits{Age: time.Minute})
		log.Append(log.Next(), 0, []string{"a"}, "old", 3)
		time.Sleep(40 * time.Second)
		log.Append(log.Next(), 0, []string{"a"}, "new", 3)
		time.Sleep(20 * time.Second)
		if p := log.Since([]string{"a"}, at(0)); len(p.Items) != 2 || p.Gone != nil {
			t.Errorf("after 60s of 60s: %+v, want both", p)
		}
		time.Sleep(time.Nanosecond)
		if p := log.Since([]string{"a"}, at(0)); len(p.Items) != 1 || p.Items[0].Value != "new" || len(p.Gone) != 1 {
			t.Errorf("past 60s: %+v, want one and a gap", p)
		}
		if p := log.Since([]string{"a"}, at(1)); len(p.Items) != 1 || p.Gone != nil {
			t.Errorf("for a client that had the old one: %+v, want no gap", p)
		}
		time.Sleep(time.Hour)
		if s := log.Stats(); s.Messages != 0 || s.Bytes != 0 || s.Dropped != 2 {
			t.Errorf("after an hour: %+v, want nothing kept", s)
		}
		// A room that has become empty still knows what a client missed.
		if p := log.Since([]string{"a"}, at(1)); len(p.Gone) != 1 {
			t.Errorf("after an hour: %+v, want a gap", p)
		}
		if p := log.Since([]string{"a"}, at(2)); len(p.Gone) != 0 {
			t.Errorf("a client that had both: %+v, want no gap", p)
		}
	})
}

func TestMemoryForget(t *testing.T) {
	t.Parallel()
	log := history.NewMemory[string](history.Limits{})
	log.Append(log.Next(), 0, []string{"a", "b"}, "x", 10)
	log.Forget("a")
	log.Forget("nobody")
	if s := log.Stats(); s.Rooms != 1 || s.Messages != 1 || s.Bytes != 10 {
		t.Errorf("%+v, want room b only", s)
	}
	if p := log.Since([]string{"a"}, at(0)); p.Gone != nil {
		t.Errorf("%+v: a forgotten room left a trace", p)
	}
}

// A log that begins in the middle of a sequence knows that it does.
func TestMemoryBegin(t *testing.T) {
	t.Parallel()
	log := history.NewMemory[string](history.Limits{Age: time.Minute})
	log.Append(log.Next(), 0, []string{"a"}, "gone", 10)
	begin := history.Offset{Time: 1000, Seq: 5}
	log.Begin(begin)
	next := history.Offset{Time: 1000, Seq: 6}
	log.Append(next, 2*time.Minute, []string{"b"}, "sent long ago", 10)
	log.Append(history.Offset{Time: 1001}, time.Second, []string{"a"}, "x", 10)
	for _, tc := range []struct {
		name  string
		after history.Offset
		items int
		gone  []string
	}{
		{"before", history.Offset{Time: 999, Seq: 7}, 1, []string{"a", "b", "never"}},
		{"at the begin", begin, 1, []string{"b"}},
		{"after it", next, 1, nil},
		{"at the end", log.Last(), 0, nil},
	} {
		p := log.Since([]string{"a", "b", "never"}, tc.after)
		if len(p.Items) != tc.items || !slices.Equal(p.Gone, tc.gone) {
			t.Errorf("%s: %+v, want %d items and a gap in %v", tc.name, p, tc.items, tc.gone)
		}
	}
	if s := log.Stats(); s.Messages != 1 || s.Bytes != 10 {
		t.Errorf("%+v, want one message", s)
	}
}

func TestOffset(t *testing.T) {
	t.Parallel()
	for _, o := range []history.Offset{{}, {Time: 1795476495675}, {Time: 1, Seq: 2}, {1<<64 - 1, 1<<64 - 1}} {
		if got, err := history.ParseOffset(o.String()); err != nil || got != o {
			t.Errorf("ParseOffset(%q) = %v, %v", o.String(), got, err)
		}
	}
	for _, bad := range []string{"", "-", "1", "1-", "-1", "1-2-3", "01-2", "1-+2", "+1-2", " 1-2", "18446744073709551616-0", "1-2 "} {
		if o, err := history.ParseOffset(bad); err == nil {
			t.Errorf("ParseOffset(%q) = %v, want an error", bad, o)
		}
	}
	if a, b := (history.Offset{Time: 1, Seq: 9}), (history.Offset{Time: 2}); !a.Before(b) || b.Before(a) || a.Before(a) {
		t.Error("offsets are not in order")
	}
}

func TestCursor(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		c    history.Cursor
		text string
	}{
		{"begin", history.Cursor{Epoch: 1}, "AAAAAAABAA"},
		{"small", history.Cursor{Epoch: 0xffffffffffff, Offset: 255}, "_________w"},
		{"large", history.Cursor{Epoch: 0x010203040506, Offset: 1<<64 - 1}, "AQIDBAUG__________8"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := tc.c.String(); got != tc.text {
				t.Errorf("String() = %q, want %q", got, tc.text)
			}
			if got, err := history.ParseCursor(tc.text); err != nil || got != tc.c {
				t.Errorf("ParseCursor(%q) = %+v, %v", tc.text, got, err)
			}
		})
	}
	for _, bad := range []string{"", "x", "AAAAAAAB", "AAAAAAABAAA", "AAAAAAAB\nAA", "AAAAAAABAA==", "7K2m-17", "AQIDBAUG__________8AAAA"} {
		if c, err := history.ParseCursor(bad); err == nil {
			t.Errorf("ParseCursor(%q) = %+v, want an error", bad, c)
		}
	}
}

func FuzzCursor(f *testing.F) {
	for _, s := range []string{"", "AAAAAAABAA", "_________w", "AQIDBAUG__________8", "Q8AlHAs.0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := history.ParseCursor(s)
		if err == nil && c.String() != s {
			t.Errorf("ParseCursor(%q) = %+v, which is %q", s, c, c)
		}
	})
}

func BenchmarkMemoryAppend(b *testing.B) {
	log := history.NewMemory[int](history.Limits{})
	rooms := []string{"ticker"}
	b.ReportAllocs()
	for i := range b.N {
		log.Append(log.Next(), 0, rooms, i, 100)
	}
}

// TestUnknown has a room of which is not known what it was sent: who comes from
// before has a gap, who comes from now has none.
func TestUnknown(t *testing.T) {
	t.Parallel()
	m := history.NewMemory[int](history.Limits{Rooms: 2})
	before := m.Last()
	m.Append(m.Next(), 0, []string{"a", "b"}, 1, 1)
	m.Unknown("a")
	m.Unknown("new")
	now := m.Last()
	m.Append(m.Next(), 0, []string{"new"}, 2, 1)
	for _, tc := range []struct {
		room  string
		from  history.Offset
		items int
		gone  bool
	}{
		{"a", before, 0, true},
		{"a", now, 0, false},
		{"new", before, 1, true},
		{"new", now, 1, false},
		{"b", before, 1, false},
	} {
		p := m.Since([]string{tc.room}, tc.from)
		if len(p.Items) != tc.items || (len(p.Gone) > 0) != tc.gone {
			t.Errorf("%s from %v: %d items, gone %v, want %d and %v", tc.room, tc.from, len(p.Items), p.Gone, tc.items, tc.gone)
		}
	}
	if s := m.Stats(); s.Rooms > 2 {
		t.Errorf("%d rooms, at most 2", s.Rooms)
	}
}
