package server

import (
	"context"
	"reflect"
	"testing"
)

// TestInheritAll holds inherit to every field that is registered on a namespace.
func TestInheritAll(t *testing.T) {
	t.Parallel()
	own := map[string]bool{ // of each namespace by itself
		"srv": true, "name": true, "mu": true, "conns": true, "rooms": true, "all": true, "seq": true,
		"match": true, "family": true, "users": true, "overflow": true, "coalescer": true, "presence": true,
	}
	s, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	f := s.OfFunc(func(string, []byte) bool { return true })
	f.Use(nil).UseEvent(nil).OnConnect(nil).OnDisconnect(nil).OnJoin(nil).OnLeave(nil)
	f.Wrap(func(next RawHandler) RawHandler { return next })
	answer := func(context.Context, *Conn, *Event) (Reply, error) { return Reply{}, nil }
	f.On("x", answer).OnAny(answer)
	n := s.newNamespace("/n")
	n.inherit(f)
	from, to := reflect.ValueOf(f).Elem(), reflect.ValueOf(n).Elem()
	for i := range from.NumField() {
		name := from.Type().Field(i).Name
		if own[name] {
			continue
		}
		if from.Field(i).IsZero() != to.Field(i).IsZero() {
			t.Errorf("field %s is not taken over: add it to inherit, or here", name)
		}
	}
}
