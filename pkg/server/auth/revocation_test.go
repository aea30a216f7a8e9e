package auth

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestRevocations(t *testing.T) {
	t.Parallel()
	now := time.Now()
	at := func(d time.Duration) time.Time { return now.Add(d) }
	for _, tc := range []struct {
		name string
		list []Revocation
		id   Identity
		want bool
	}{
		{"none", nil, Identity{Subject: "a"}, false},
		{"id", []Revocation{{TokenID: "t", Until: at(time.Hour)}}, Identity{TokenID: "t", Subject: "a"}, true},
		{"another id", []Revocation{{TokenID: "t", Until: at(time.Hour)}}, Identity{TokenID: "u"}, false},
		{"run out", []Revocation{{TokenID: "t", Until: at(-time.Second)}}, Identity{TokenID: "t"}, false},
		{"subject of another issuer", []Revocation{{Subject: "a", Issuer: "i", Until: at(time.Hour)}}, Identity{Subject: "a", Issuer: "j"}, false},
		{"subject of the issuer", []Revocation{{Subject: "a", Issuer: "i", Until: at(time.Hour)}}, Identity{Subject: "a", Issuer: "i"}, true},
		{"issued before", []Revocation{{IssuedBefore: now, Until: at(time.Hour)}}, Identity{IssuedAt: at(-time.Second)}, true},
		{"issued after", []Revocation{{IssuedBefore: now, Until: at(time.Hour)}}, Identity{IssuedAt: at(time.Second)}, false},
		{"no time of issue", []Revocation{{Subject: "a", IssuedBefore: now, Until: at(time.Hour)}}, Identity{Subject: "a"}, true},
		{"the later of two", []Revocation{
			{Subject: "a", IssuedBefore: at(-time.Hour), Until: at(2 * time.Hour)}, {Subject: "a", IssuedBefore: now, Until: at(time.Hour)},
		}, Identity{Subject: "a", IssuedAt: at(-time.Minute)}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := NewRevocations(0)
			for _, r := range tc.list {
				if _, err := l.Add(r, now); err != nil {
					t.Fatal(err)
				}
			}
			if got := l.Has(&tc.id); got != tc.want {
				t.Errorf("Has = %v, want %v", got, tc.want)
			}
		})
	}
}

// The list is bounded, and what has run out makes room.
func TestRevocationsAreBounded(t *testing.T) {
	t.Parallel()
	now := time.Now()
	l := NewRevocations(10)
	add := func(i int, until time.Duration) error {
		_, err := l.Add(Revocation{TokenID: fmt.Sprint(i), Until: now.Add(until)}, now)
		return err
	}
	for i := range 10 {
		if err := add(i, time.Duration(i%2)*time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	if err := add(10, time.Hour); err != nil {
		t.Errorf("with room to be had: %v", err)
	}
	for i := 11; i < 15; i++ {
		_ = add(i, time.Hour)
	}
	if err := add(20, time.Hour); !errors.Is(err, ErrTooManyRevocations) {
		t.Errorf("beyond the bound: %v", err)
	}
	if n := len(l.All(now)); n != 10 {
		t.Errorf("%d entries, want 10", n)
	}
}

func TestRevocationValidate(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, r := range map[string]Revocation{
		"empty":       {},
		"issuer only": {Issuer: "i"},
		"long":        {TokenID: strings.Repeat("x", 1000)},
		"over":        {TokenID: "t", Until: now.Add(-time.Second)},
		"for ever":    {TokenID: "t", Until: now.Add(365 * 24 * time.Hour)},
	} {
		if err := r.Validate(now); err == nil {
			t.Errorf("%s: valid", name)
		}
	}
	r := Revocation{Subject: "a"}
	if err := r.Validate(now); err != nil || !r.IssuedBefore.Equal(now) || !r.Until.Equal(now.Add(24*time.Hour)) {
		t.Errorf("filled in: %+v, %v", r, err)
	}
}
