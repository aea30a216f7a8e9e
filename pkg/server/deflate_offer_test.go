package server

import (
	"net/http"
	"testing"
)

func TestOffersDeflate(t *testing.T) {
	t.Parallel()
	const name = "permessage-deflate"
	for _, tc := range []struct {
		name   string
		header []string
		want   bool
	}{
		{"no offer", nil, false},
		{"another extension", []string{"x-webkit-deflate-frame"}, false},
		{"bare", []string{name}, true},
		{"any case", []string{"Permessage-Deflate"}, true},
		{"browsers", []string{name + "; client_max_window_bits"}, true},
		{"no takeover", []string{name + "; server_no_context_takeover; client_no_context_takeover"}, true},
		{"client window", []string{name + "; client_max_window_bits=9"}, true},
		{"client window, quoted", []string{name + `; client_max_window_bits="15"`}, true},
		{"client window too small", []string{name + "; client_max_window_bits=7"}, false},
		{"client window too large", []string{name + "; client_max_window_bits=16"}, false},
		{"client window with a leading zero", []string{name + "; client_max_window_bits=09"}, false},
		{"server window", []string{name + "; server_max_window_bits=9"}, false},
		{"server window of 15", []string{name + "; server_max_window_bits=15"}, false},
		{"a flag with a value", []string{name + "; server_no_context_takeover=1"}, false},
		{"twice", []string{name + "; client_max_window_bits; client_max_window_bits"}, false},
		{"unknown parameter", []string{name + "; level=9"}, false},
		{"empty parameter", []string{name + ";"}, false},
		{"the second offer", []string{name + "; server_max_window_bits=9, " + name}, true},
		{"the second line", []string{"foo", name}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := offersDeflate(http.Header{"Sec-Websocket-Extensions": tc.header}); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

// TestDeflateOnce holds a broadcast to one deflation for all recipients, and to
// no allocation for each.
func TestDeflateOnce(t *testing.T) { // not parallel: it counts allocations
	s := &Server{deflater: newDeflater(Compression{Threshold: 64})}
	f := messageFrame(0, nil, func(dst []byte) []byte { return append(dst, make([]byte, 4096)...) })
	f.drop = &droppable{key: "k"}
	l := &link{srv: s}
	if l.form(f) != f {
		t.Fatal("deflated for a client that did not ask")
	}
	l.deflates.Store(true)
	first := l.form(f)
	if first == f || len(first.wire) > 100 {
		t.Fatalf("%d bytes of %d", len(first.wire), len(f.wire))
	}
	if first.drop != f.drop {
		t.Error("what may be dropped must not be kept for being deflated")
	}
	other := &link{srv: s}
	other.deflates.Store(true)
	if n := testing.AllocsPerRun(100, func() {
		if other.form(f) != first {
			t.Fatal("not shared")
		}
	}); n != 0 {
		t.Errorf("%v allocations a recipient", n)
	}
	for name, f := range map[string]*frame{
		"control":  {wire: f.wire, body: f.body, control: true},
		"verbatim": {wire: f.wire, body: f.body, verbatim: true},
		"small":    {wire: f.wire[:63], body: f.body[:60]},
	} {
		if l.form(f) != f {
			t.Errorf("%s: deflated", name)
		}
	}
}

func BenchmarkDeflateBroadcast(b *testing.B) {
	s := &Server{deflater: newDeflater(Compression{Threshold: 64})}
	body := make([]byte, 0, 4096)
	for i := 0; len(body) < 4000; i++ {
		body = append(body, `{"symbol":"ABC","price":101.25,"seq":`...)
		body = append(body, byte('0'+i%10), '}')
	}
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		s.deflater.frame(messageFrame(len(body), nil, func(dst []byte) []byte { return append(dst, body...) }))
	}
}
