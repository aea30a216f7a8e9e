package server

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"

	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
)

// FuzzPresenceMessage gives messages of another pod to one that knows some. What
// they say may be nonsense; the books must balance all the same.
func FuzzPresenceMessage(f *testing.F) {
	for _, m := range []string{
		`{"k":"changes","p":"q","s":1,"c":[{"o":43,"ns":"/","r":"r","c":"c1","i":"1","u":"ana","w":"ana","t":5}]}`,
		`{"k":"changes","p":"q","s":2,"c":[{"o":126,"ns":"/","r":"r","c":"c1","i":"1","g":3000},{"o":45,"ns":"/","r":"r","c":"c1"}]}`,
		`{"k":"changes","p":"q","s":3,"c":[{"o":43,"ns":"/","r":"r","c":"c2","i":"1","fp":"known","fc":"k1"}]}`,
		`{"k":"all","p":"known","s":9,"n":2,"c":[{"o":43,"ns":"/","r":"r","c":"k2","i":"2"}]}`,
		`{"k":"all","p":"known","s":9,"i":1,"n":2}`,
		`{"k":"gone","p":"known"}`, `{"k":"beat","p":"known","s":7}`, `{"k":"ask","p":"q","of":"known"}`,
	} {
		f.Add(m, m)
	}
	f.Fuzz(func(t *testing.T, one, two string) {
		s, err := New(Options{
			Presence: []PresenceRule{{Rooms: "r"}}, Backplane: cluster.NewHub().Backplane(), Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Shutdown(context.Background()) }()
		s.Of("/")
		v := &s.presence.views
		v.handle(json.RawMessage(`{"k":"changes","p":"known","s":1,"c":[{"o":43,"ns":"/","r":"r","c":"k1","i":"1"},{"o":126,"ns":"/","r":"r","c":"k2","i":"2","g":9}]}`))
		v.handle(json.RawMessage(one))
		v.handle(json.RawMessage(two))
		for _, pod := range v.pods {
			v.drop(pod, false)
		}
		if n := v.members.Load(); n != 0 || v.alive.Load() != 0 {
			t.Errorf("%d members of %d pods are left", n, v.alive.Load())
		}
		if p := s.presence.stats(); p.Members != p.Remote || p.Absent != p.Members {
			t.Errorf("figures %+v", p)
		}
	})
}
