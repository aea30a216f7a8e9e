package loadgen

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/rt"
)

func TestTapeKeepsTheLastFrames(t *testing.T) {
	t.Parallel()
	kept := func(tp *tape) (out []string) {
		tp.each(func(h *tapeHead, body []byte) {
			out = append(out, fmt.Sprintf("%s×%d", body, h.times))
		})
		return out
	}
	t.Run("the last 64", func(t *testing.T) {
		t.Parallel()
		tp := &tape{}
		for i := range 200 {
			tp.add(tapeRing, time.Duration(i), &frame{body: fmt.Appendf(nil, "%03d", i)}, false)
		}
		got := kept(tp)
		if len(got) != tapeFrames || got[0] != "136×0" || got[63] != "199×0" {
			t.Errorf("%d frames from %s to %s", len(got), got[0], got[len(got)-1])
		}
	})
	t.Run("as many as there is room for", func(t *testing.T) {
		t.Parallel()
		tp := &tape{}
		for i := range 50 {
			tp.add(1000, 0, &frame{body: bytes.Repeat([]byte{byte('a' + i%26)}, 300)}, false)
		}
		got := kept(tp)
		want := []string{}
		for i := 47; i < 50; i++ {
			want = append(want, strings.Repeat(string(rune('a'+i%26)), 300)+"×0")
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("long frames are clipped", func(t *testing.T) {
		t.Parallel()
		tp := &tape{}
		tp.add(tapeRing, 0, &frame{body: make([]byte, 1<<20)}, false)
		if h := tp.head(0); h.n != tapeClip || h.size != 1<<20 || len(tp.ring) != tapeRing {
			t.Errorf("%d of %d bytes kept in %d", h.n, h.size, len(tp.ring))
		}
	})
	t.Run("heartbeats in a row are one", func(t *testing.T) {
		t.Parallel()
		tp := &tape{}
		tp.add(tapeRing, 0, &frame{body: []byte("a")}, false)
		for range 1000 {
			tp.add(tapeRing, 0, &frame{}, true)
		}
		if diff := cmp.Diff([]string{"a×0", "×1000"}, kept(tp)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// A client that hears heartbeats only has no tape, and none has one unless it is
// asked for.
func TestIdleClientsHaveNoTape(t *testing.T) { // not parallel: it counts allocations
	e := &engine{}
	c := &client{eng: e}
	c.noteIn(&rt.Message{Kind: rt.KindEvent}, 0)
	if c.tape != nil {
		t.Error("a tape without being asked for")
	}
	e.rec = newRecorder(&Options{Tape: true}, 10)
	c.noteIn(&rt.Message{Kind: rt.KindPing}, 0)
	if c.tape != nil {
		t.Error("a tape for a heartbeat")
	}
	c.noteIn(&rt.Message{Kind: rt.KindEvent, Body: []byte("x")}, 0)
	if c.tape == nil || len(c.tape.ring) != tapeRing {
		t.Error("no tape for an event")
	}
	m := &rt.Message{Kind: rt.KindEvent, Body: []byte("x")}
	if n := testing.AllocsPerRun(1000, func() { c.noteIn(m, 0) }); n > 0.1 {
		t.Errorf("%g allocations a frame", n)
	}
	if r := newRecorder(&Options{Tape: true}, 1_000_000); r.ring != tapeRingMin {
		t.Errorf("%d bytes for each of a million clients", r.ring)
	}
	if newRecorder(&Options{}, 10) != nil {
		t.Error("a recorder without being asked for")
	}
}

func BenchmarkTape(b *testing.B) {
	c := &client{eng: &engine{rec: newRecorder(&Options{Tape: true}, 1000)}}
	m := &rt.Message{Kind: rt.KindEvent, Event: "message", Body: bytes.Repeat([]byte("x"), 120)}
	b.ReportAllocs()
	for b.Loop() {
		c.noteIn(m, 0)
	}
}

// TestTapeOfAFailedRun loses messages of one client and wants its frames, those
// of a neighbour, and nobody else's; and no secret.
func TestTapeOfAFailedRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &fakeServer{delay: 5 * time.Millisecond}
		s.deliver = func(d delivery) []delivery {
			if d.n >= 50 && d.n < 53 && d.to == s.rooms["lobby"][1] {
				return nil
			}
			return []delivery{d}
		}
		src := strings.Replace(crossPod, "[lobby, \"{{marker}}\"]", `[lobby, "{{marker}} hush-hush-99"]`, 1)
		p := plan(t, src)
		p.Scenario.Secrets = []string{"hush-hush-99"}
		r, err := Run(t.Context(), p, Options{Dialer: s, Tape: true, Repeat: "rtk bench x.yaml --seed 7", strain: func(g *Generator) { *g = Generator{} }})
		if err != nil {
			t.Fatal(err)
		}
		wantVerdict(t, r, Fail)
		if len(r.Failed) != 1 || r.Failed[0].Group != "subscribers" || !strings.Contains(r.Failed[0].Why, "lost") {
			t.Fatalf("failed clients = %+v, want one subscriber", r.Failed)
		}
		if len(r.Tape) != 2 || r.Tape[0].Client != r.Failed[0].Client || r.Tape[1].Why != "" || r.Tape[1].Group != "subscribers" {
			t.Fatalf("tapes of %d clients, want the one that failed and a neighbour", len(r.Tape))
		}
		for _, c := range r.Tape {
			if len(c.Frames) != tapeFrames {
				t.Errorf("client %d: %d frames, want %d", c.Client, len(c.Frames), tapeFrames)
			}
		}
		var b bytes.Buffer
		if err := WriteTape(&b, []*Report{r}); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(b.String(), "hush") {
			t.Error("the tape holds a secret")
		}
		lines := strings.Split(strings.TrimSpace(b.String()), "\n")
		if len(lines) != 1+2*tapeFrames {
			t.Errorf("%d lines, want %d", len(lines), 1+2*tapeFrames)
		}
		var head struct {
			RTK, Target, Repeat string
			Clients             []struct {
				Conn   int
				Failed string
			}
		}
		if err := json.Unmarshal([]byte(lines[0]), &head); err != nil {
			t.Fatal(err)
		}
		if head.RTK != "recording/v1" || head.Target == "" || head.Repeat == "" || len(head.Clients) != 2 || head.Clients[0].Failed == "" {
			t.Errorf("header = %+v", head)
		}
		last := int64(-1)
		for _, l := range lines[1:] {
			var x struct {
				T    int64
				Conn int
				Dir  string
				NS   string
				Ev   string
				Data json.RawMessage
			}
			if err := json.Unmarshal([]byte(l), &x); err != nil {
				t.Fatalf("%v: %s", err, l)
			}
			if x.T < last || x.Ev == "" || x.Dir == "" {
				t.Errorf("line %s", l)
			}
			last = x.T
		}
	})
}

// TestOnlyClient repeats one client of a plan: it is the same client, and it has
// somebody to talk to.
func TestOnlyClient(t *testing.T) {
	t.Parallel()
	src := strings.Replace(crossPod, "args: [lobby], ack", `args: [lobby, "{{client.index}} {{rand}} {{uuid}}"], ack`, 1)
	joins := func(t *testing.T, only *int) (map[string]bool, *Report) {
		seen := map[string]bool{}
		var r *Report
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex
			s := &fakeServer{delay: time.Millisecond, ack: func(_ *fakeConn, m *rt.Outgoing) (string, time.Duration, bool) {
				if m.Event == "join" && strings.HasPrefix(string(m.Body), `"lobby"`) {
					mu.Lock()
					defer mu.Unlock()
					seen[string(m.Body)] = true
				}
				return `{"ok":true}`, time.Millisecond, true
			}}
			sc, diags := Parse("test.yaml", []byte(src), func(string) (string, bool) { return "", false })
			if len(diags) > 0 {
				t.Fatal(diags)
			}
			p, err := Compile(sc, CompileOptions{Seed: 7, RunID: "run1", OnlyClient: only})
			if err != nil {
				t.Fatal(err)
			}
			var frames []TraceFrame
			r, err = Run(t.Context(), p, Options{Dialer: s, Trace: func(f TraceFrame) {
				mu.Lock()
				defer mu.Unlock()
				frames = append(frames, f)
			}, strain: func(g *Generator) { *g = Generator{} }})
			if err != nil {
				t.Fatal(err)
			}
			if only != nil {
				mine := 0
				for _, f := range frames {
					if f.Client == *only && f.Group == "subscribers" && f.Index == 4 {
						mine++
					}
				}
				if mine < 100 {
					t.Errorf("%d frames of the client, want more than it received", mine)
				}
			}
		})
		return seen, r
	}
	all, _ := joins(t, nil)
	if len(all) != 6 {
		t.Fatalf("%d different joins, want 6", len(all))
	}
	only := 4
	one, r := joins(t, &only)
	wantVerdict(t, r, Pass)
	if len(one) != 1 {
		t.Fatalf("joins = %v, want one", one)
	}
	for body := range one {
		if !all[body] || !strings.Contains(body, `"4 `) {
			t.Errorf("join %s is none of the whole run's", body)
		}
	}
	var counts []string
	for _, g := range r.Groups {
		counts = append(counts, fmt.Sprintf("%s %d", g.Name, g.Planned))
	}
	if diff := cmp.Diff([]string{"subscribers 1", "publishers 2", "outsiders 2"}, counts); diff != "" {
		t.Errorf("clients (-want +got):\n%s", diff)
	}
	if e := r.Verify[0].Expected; e != 200 {
		t.Errorf("%d deliveries expected, want 200", e)
	}
	sc, _ := Parse("test.yaml", []byte(src), func(string) (string, bool) { return "", false })
	for _, n := range []int{-1, 10} {
		if _, err := Compile(sc, CompileOptions{OnlyClient: &n}); err == nil || rt.KindOf(err) != rt.KindUsage {
			t.Errorf("client %d: %v, want a usage error", n, err)
		}
	}
}

func TestTapeDataIsJSON(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		f    TapeFrame
		want string
	}{
		{"event", TapeFrame{Dir: rt.In, Event: "say", Body: []byte(`"a", {"b": 1}`), Multi: true, Ack: 3, Namespace: "/chat"}, `{"t":0,"conn":1,"dir":"in","ns":"/chat","ev":"say","data":["a",{"b":1}],"ack":3}`},
		{"ack", TapeFrame{Dir: rt.In, Kind: rt.KindAck, Body: []byte(`{"ok":true}`), Multi: true, Ack: 3}, `{"t":0,"conn":1,"dir":"in","kind":"ack","ev":"ack","data":[{"ok":true}],"ack":3}`},
		{"no JSON", TapeFrame{Dir: rt.Out, Event: "x", Body: []byte("<b>"), Ack: rt.NoAck}, `{"t":0,"conn":1,"dir":"out","ev":"x","data":"\u003cb\u003e"}`},
		{"clipped", TapeFrame{Dir: rt.In, Event: "x", Body: []byte(`{"a":`), Ack: rt.NoAck, Size: 9000}, `{"t":0,"conn":1,"dir":"in","ev":"x","data":"{\"a\":","bytes":9000}`},
		{"binary", TapeFrame{Dir: rt.In, Event: "x", Body: []byte{0xff, 0}, Ack: rt.NoAck, Size: 2}, `{"t":0,"conn":1,"dir":"in","ev":"x","data":"/wA=","enc":"base64"}`},
		{"note", TapeFrame{Dir: rt.Local, Event: "close", Body: []byte("network")}, `{"t":0,"conn":1,"dir":"local","ev":"close","data":"network"}`},
		{"heartbeats", TapeFrame{Dir: rt.In, Kind: rt.KindPing, Ack: rt.NoAck, Times: 7}, `{"t":0,"conn":1,"dir":"in","kind":"ping","ev":"ping","times":7}`},
	} {
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(tt.f.line(1)); err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimSpace(b.String()); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, got, tt.want)
		}
	}
}
