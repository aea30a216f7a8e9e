package service

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/realtime-toolkit/rtk/pkg/server"
)

func TestDeclare(t *testing.T) {
	t.Parallel()
	s, err := server.New(server.Options{})
	if err != nil {
		t.Fatal(err)
	}
	schema := json.RawMessage(`{"type":"string"}`)
	if err := Declare(s, []Route{
		{Namespace: "/b-*", Contract: []Event{{Name: "hi", Payload: schema, Ack: schema, Summary: "Greets."}}},
		{Namespace: "/a", Contract: []Event{{Name: "news", ToClients: true, Payload: schema}}},
		{Namespace: "/a", Contract: []Event{{Name: "bye"}}},
		{Namespace: "/none"},
	}); err != nil {
		t.Fatal(err)
	}
	shape := server.Shape{Schema: schema}
	want := []server.Declaration{
		{Namespace: "/a", Event: "bye", FromClient: true},
		{Namespace: "/a", Event: "news", Payload: shape},
		{Namespace: "/b-*", Family: true, Event: "hi", FromClient: true, Payload: shape, Ack: shape, Summary: "Greets."},
	}
	if diff := cmp.Diff(want, s.Contract()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for _, r := range []Route{{Namespace: "a"}, {Namespace: "~("}, {Namespace: "/", Contract: []Event{{}}}} {
		if err := Declare(s, []Route{r}); err == nil || !strings.Contains(err.Error(), "service route 0") {
			t.Errorf("%+v: %v", r, err)
		}
	}
}

func TestEventCheck(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		e    Event
		want string
	}{
		{Event{Name: "order.create", Ack: json.RawMessage("true")}, ""},
		{Event{}, "1 to 256 bytes"},
		{Event{Name: strings.Repeat("x", 257)}, "1 to 256 bytes"},
		{Event{Name: "order.*"}, "without *"},
		{Event{Name: "disconnect"}, "reserved by Socket.IO"},
		{Event{Name: "x", ToClients: true, Ack: json.RawMessage("true")}, "no acknowledgement"},
	} {
		if err := tc.e.Check(); (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%.40s: %v, want %q", tc.e.Name, err, tc.want)
		}
	}
}
