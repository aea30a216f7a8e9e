package interop_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// texts returns a JSON array's elements as sorted texts.
func texts(t *testing.T, array json.RawMessage) []string {
	t.Helper()
	var elements []json.RawMessage
	if err := json.Unmarshal(array, &elements); err != nil {
		t.Fatalf("%s: %v", array, err)
	}
	list := []string{}
	for _, e := range elements {
		list = append(list, string(e))
	}
	slices.Sort(list)
	return list
}

// labels are what the peers acknowledge with, sorted.
func labels(peers []*peer) []string {
	list := []string{}
	for _, p := range peers {
		list = append(list, `"`+p.label+`"`)
	}
	slices.Sort(list)
	return list
}

// expect compares what the servers gathered, and that each of the peers got want
// once and nobody else anything.
func (v *view) expect(t *testing.T, from *origin, peers []*peer, want event) {
	t.Helper()
	mark := v.mark()
	from.must(t, command{Op: "emit", Event: mark}, "")
	for _, p := range v.peers() {
		got := p.until(t, mark)
		if wanted := slices.Contains(peers, p); !wanted && len(got) > 0 {
			t.Errorf("%s got %v, want nothing", p.label, got)
		} else if wanted {
			if diff := cmp.Diff([]event{want}, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", p.label, diff)
			}
		}
	}
}

func broadcastAck(t *testing.T, v *view, from *origin) {
	for _, tt := range []struct {
		name  string
		cmd   command
		peers []*peer
	}{
		{"to all", command{}, v.peers()},
		{"to rooms of all servers", command{To: []string{"r1", "r2"}}, v.in("in r1", "in r2", "in r1 and r2")},
		{"except a room", command{To: []string{"r1"}, Except: []string{"r2"}}, v.in("in r1")},
		{"to one client of each server in turn", command{To: []string{v.sides[0].members["in r1"].id()}}, []*peer{v.sides[0].members["in r1"]}},
		{"", command{To: []string{v.sides[3].members["in r1"].id()}}, []*peer{v.sides[3].members["in r1"]}},
		{"to nobody", command{To: []string{"r9"}}, nil},
	} {
		tt.cmd.Op, tt.cmd.Event, tt.cmd.Timeout = "emitWithAck", "ask", int(patience.Milliseconds())
		r := from.must(t, tt.cmd, `{"q":1},2`)
		if diff := cmp.Diff(labels(tt.peers), texts(t, r.Value)); diff != "" {
			t.Errorf("%s: acknowledgements (-want +got):\n%s", tt.name, diff)
		}
		v.expect(t, from, tt.peers, event{Name: "ask", Args: `{"q":1},2`})
	}
}

func broadcastAckBinary(t *testing.T, v *view, from *origin) {
	cmd := command{Op: "emitWithAck", Event: "ask", To: []string{"r1"}, Timeout: int(patience.Milliseconds())}
	r := from.must(t, cmd, placeholder, []byte{1, 0, 0xff})
	peers := v.in("in r1", "in r1 and r2")
	var want []string
	for _, l := range labels(peers) {
		want = append(want, `{"of":`+l+`,"raw":{"hex":"dead"}}`)
	}
	if diff := cmp.Diff(want, texts(t, r.Value)); diff != "" {
		t.Errorf("acknowledgements (-want +got):\n%s", diff)
	}
	v.expect(t, from, peers, event{Name: "ask", Args: placeholder, Attachments: []string{"\x01\x00\xff"}})
}

// broadcastAckSilent has one client of another kind not answer: the sender hears
// of it when the time is over, with the answers of all others.
func broadcastAckSilent(t *testing.T, v *view, from *origin) {
	silent := v.side(node).members["in r1"]
	if from.direction == fromNode {
		silent = v.side(rtk).members["in r1"]
	}
	silent.silent.Store(true)
	defer silent.silent.Store(false)
	const timeout = 1000 // ms: enough for the others
	r := from.act(t, command{Op: "emitWithAck", Event: "ask", To: []string{"r1"}, Timeout: timeout}, "7")
	if !strings.Contains(r.Error, "timed out") && !strings.Contains(r.Error, "in time") {
		t.Errorf("error %q, want that the time is over", r.Error)
	}
	peers := v.in("in r1", "in r1 and r2")
	others := slices.DeleteFunc(slices.Clone(peers), func(p *peer) bool { return p == silent })
	if diff := cmp.Diff(labels(others), texts(t, r.Value)); diff != "" {
		t.Errorf("acknowledgements (-want +got):\n%s", diff)
	}
	v.expect(t, from, peers, event{Name: "ask", Args: "7"})
}
