package throttle

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Rates are the limits of one scope. The zero value limits nothing.
type Rates struct {
	Messages Limit // events from clients
	Bytes    Limit // of those events, as they came over the wire
	Joins    Limit // rooms and topics joined
	Connects Limit // connections opened
}

// Rules are the limits by what they are counted for. A message must pass all
// that apply; one that a later limit refuses has counted for the earlier ones.
type Rules struct {
	Conn Rates // one connection; Connects has no meaning
	User Rates // all connections of one token subject
	IP   Rates // all connections from one address; IPv6 by /64
	Room Rates // what clients send to one room; Connects has no meaning
	// Events are limits of single events of a connection, which then don't
	// count for Conn.Messages.
	Events map[string]Limit
}

// MaxByteRate and MaxByteBurst are what MaxRate and MaxBurst are for bytes.
const (
	MaxByteRate  = 1e9
	MaxByteBurst = 1 << 30
)

// MaxEvents bounds Rules.Events: a connection has a bucket for each.
const MaxEvents = 64

var (
	scopes = []string{"conn", "user", "ip", "room"}
	kinds  = []string{"messages", "bytes", "joins", "connects"}
)

// Set reads one limit, SCOPE.KIND=RATE[:BURST], such as "user.messages=100/s",
// "ip.connects=10/s:50" or "conn.bytes=64kB/s".
func (r *Rules) Set(text string) error {
	name, rate, found := strings.Cut(text, "=")
	scope, kind, dotted := strings.Cut(strings.TrimSpace(name), ".")
	if !found || !dotted {
		return fmt.Errorf("limit %q: want SCOPE.KIND=RATE[:BURST], such as user.messages=100/s:200", clip(text))
	}
	if !slices.Contains(scopes, scope) {
		return fmt.Errorf("limit %q: unknown scope %q; scopes are %s", clip(text), clip(scope), strings.Join(scopes, ", "))
	}
	if !slices.Contains(kinds, kind) {
		return fmt.Errorf("limit %q: unknown kind %q; kinds are %s", clip(text), clip(kind), strings.Join(kinds, ", "))
	}
	if kind == "connects" && scope != "ip" && scope != "user" {
		return fmt.Errorf("limit %q: connects are counted by ip or user", clip(text))
	}
	l, err := parseRule(rate, kind == "bytes")
	if err != nil {
		return err
	}
	rates := map[string]*Rates{"conn": &r.Conn, "user": &r.User, "ip": &r.IP, "room": &r.Room}[scope]
	switch kind {
	case "messages":
		rates.Messages = l
	case "bytes":
		rates.Bytes = l
	case "joins":
		rates.Joins = l
	case "connects":
		rates.Connects = l
	}
	return nil
}

// SetEvent reads the limit of one event, EVENT=RATE[:BURST].
func (r *Rules) SetEvent(text string) error {
	at := strings.LastIndexByte(text, '=') // a rate has none, an event name may
	if at <= 0 {
		return fmt.Errorf("event limit %q: want EVENT=RATE[:BURST], such as typing=5/s", clip(text))
	}
	l, err := parseRule(text[at+1:], false)
	if err != nil {
		return err
	}
	if r.Events == nil {
		r.Events = make(map[string]Limit)
	}
	r.Events[text[:at]] = l
	if len(r.Events) > MaxEvents {
		return fmt.Errorf("event limits: more than %d", MaxEvents)
	}
	return nil
}

// Validate reports the first limit that can't be kept.
func (r *Rules) Validate() error {
	for _, rates := range []*Rates{&r.Conn, &r.User, &r.IP, &r.Room} {
		for _, l := range []Limit{rates.Messages, rates.Joins, rates.Connects} {
			if err := l.Validate(); err != nil {
				return err
			}
		}
		if err := rates.Bytes.validate(MaxByteRate, MaxByteBurst); err != nil {
			return err
		}
	}
	if len(r.Events) > MaxEvents {
		return fmt.Errorf("throttle: limits for %d events, at most %d", len(r.Events), MaxEvents)
	}
	for _, l := range r.Events {
		if err := l.Validate(); err != nil {
			return err
		}
	}
	return nil
}

// parseRule reads RATE[:BURST]; with bytes, numbers may end in kB, MB or GB.
func parseRule(text string, bytes bool) (Limit, error) {
	rate, burstText, hasBurst := strings.Cut(strings.TrimSpace(text), ":")
	burst := 0
	if hasBurst {
		n, err := strconv.ParseFloat(scaled(burstText, bytes), 64)
		if err != nil || n < 1 || n > MaxByteBurst || n != float64(int(n)) {
			return Limit{}, fmt.Errorf("throttle burst %q: want a whole number of at least 1", clip(burstText))
		}
		burst = int(n)
	}
	if !bytes {
		return ParseLimit(rate, burst)
	}
	count, period, found := strings.Cut(rate, "/")
	if found {
		rate = scaled(count, true) + "/" + period
	}
	return parseLimit(rate, burst, MaxByteRate, MaxByteBurst)
}

// scaled turns "64kB" into "64e3".
func scaled(text string, bytes bool) string {
	text = strings.TrimSpace(text)
	if !bytes {
		return text
	}
	for _, u := range []struct{ suffix, zeros string }{{"kB", "e3"}, {"MB", "e6"}, {"GB", "e9"}, {"B", ""}} {
		if n, ok := strings.CutSuffix(text, u.suffix); ok {
			return strings.TrimSpace(n) + u.zeros
		}
	}
	return text
}
